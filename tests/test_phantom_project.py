"""Path lengths against arithmetic: chords of tubes and balls, magnification by depth."""

import numpy as np
import pytest

from heartviz.phantom.attenuation import linear_attenuation, transmit
from heartviz.phantom.project import Beam, disc_kernel, project_tubes, project_volume
from heartviz.phantom.shapes import Ellipsoid, ellipsoid_distance, make_grid, occupancy
from heartviz.phantom.tubes import sample_curve


def make_beam(view="pa", size=(101, 121), pixel_mm=0.5):
    return Beam(view, size, pixel_mm, detector_mm=0.0, centre_z_mm=0.0)


def test_a_tube_across_the_beam_has_the_chord_of_a_circle():
    # At the detector (depth 0) nothing is magnified; a tube of radius 6 mm along x is 2 sqrt(36 - d^2) thick.
    tube = sample_curve(np.array([[-60.0, 0, 0], [60, 0, 0]]), 6.0, step_mm=0.25)
    path = project_tubes(make_beam(), tube)[:, 60]
    distance_mm = np.abs(np.arange(101) - 50) * 0.5
    expected = 2 * np.sqrt(np.clip(36 - distance_mm**2, 0, None))
    inside = distance_mm < 5.0
    # A pixel's mean over half a mm, where the chord bends: 2 % of the diameter.
    np.testing.assert_allclose(path[inside], expected[inside], atol=0.24)
    assert path[distance_mm > 6.6].max() < 1e-6


def test_a_tube_along_the_slope_is_longer_by_the_sine():
    # 45 degrees to the beam: the chord through the axis is 2 r / sin 45.
    points = np.array([[-40.0, -40, 0], [40, 40, 0]])
    beam = Beam("pa", (101, 121), 0.5, detector_mm=0.0, centre_z_mm=0.0)
    path = project_tubes(beam, sample_curve(points, 5.0, step_mm=0.2))
    assert path[50, 60] == pytest.approx(10 * np.sqrt(2), rel=0.02)


@pytest.mark.parametrize("radius_px", [0.3, 1.0, 4.7])
def test_a_disc_keeps_its_area(radius_px):
    assert disc_kernel(radius_px).sum() == pytest.approx(np.pi * radius_px**2, rel=1e-5)


@pytest.mark.parametrize(
    ("view", "place"), [("pa", (5, 200, -10)), ("ap", (5, -200, -10)), ("lateral", (-200, 5, -10))]
)
def test_a_ball_is_magnified_by_its_distance(view, place):
    # 200 mm before the detector: 1800 / 1600 for PA and lateral, 1000 / 800 for AP.
    beam = make_beam(view, size=(161, 141), pixel_mm=0.5)
    grown = 1000 / 800 if view == "ap" else 1800 / 1600
    grid = make_grid(tuple(p - 20 for p in place), tuple(p + 20 for p in place), 1.0)
    path = project_volume(beam, grid, occupancy(ellipsoid_distance(grid.xyz(), Ellipsoid(place, (16, 16, 16))), 1.0))
    rows, cols = np.nonzero(path > path.max() / 2)
    # Half the diameter's path is crossed out to sqrt(3) / 2 of the radius.
    assert (rows.max() - rows.min() + 1) * 0.5 == pytest.approx(16 * np.sqrt(3) * grown, abs=1.0)
    assert rows.mean() == pytest.approx(80 + 10 * grown / 0.5, abs=0.5)
    assert cols.mean() == pytest.approx(70 + 5 * grown / 0.5, abs=0.5)
    assert path.max() == pytest.approx(32, rel=0.02)


def test_volume_and_tube_of_one_shape_agree_in_place():
    beam = make_beam(size=(101, 121), pixel_mm=0.8)
    grid = make_grid((-20, 40, -6), (20, 60, 14), 1.0)
    _, y, z = grid.xyz()
    tube = np.sqrt((y - 50) ** 2 + (z - 4) ** 2) - 5 + 0 * grid.x
    solid = project_volume(beam, grid, occupancy(tube.astype(np.float32), 1.0))
    thin = project_tubes(beam, sample_curve(np.array([[-20.0, 50, 4], [20, 50, 4]]), 5.0, 0.3))
    # Both average over a pixel's or a voxel's edge: a tenth of the diameter of 10 mm.
    np.testing.assert_allclose(solid[30:70, 50:70], thin[30:70, 50:70], atol=1.0)


def test_bone_stops_more_than_muscle_and_beer_and_lambert_hold():
    assert linear_attenuation("cortical")[2] > 2 * linear_attenuation("muscle")[2] > linear_attenuation("fat")[2]
    # Muscle at 60 keV: 0.2048 cm^2/g (NIST, skeletal muscle) times 1.05 g/cm^3.
    assert linear_attenuation("muscle")[2] * 10 == pytest.approx(0.2048 * 1.05, rel=0.02)
    once, twice = (float(transmit({"muscle": np.full((1, 1), t, np.float32)})[0, 0]) for t in (50, 100))
    # Hardening: the second half lets more through than the first.
    assert once**2 < twice < once
