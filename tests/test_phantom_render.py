"""The drawn patient: same seed same bytes, a lesion changes what it should, masks on their sides."""

from dataclasses import replace

import numpy as np
import pytest

from heartviz.measure import measure_cardiothoracic_ratio
from heartviz.phantom.anatomy import build_chest
from heartviz.phantom.lesions import KINDS, RIGHT_ARCH_SHARE, apply_lesion, draw_lesion, make_lesion
from heartviz.phantom.patient import draw_patient
from heartviz.phantom.render import render_film
from heartviz.phantom.skeleton import build_bones

SIZE = (150, 130)
MASKS = {"heart", "ra", "rv", "la", "lv", "left_lung", "right_lung", "lungs", "great_vessels"}


@pytest.fixture(scope="module")
def patient():
    return draw_patient(np.random.default_rng(4))


@pytest.fixture(scope="module")
def film(patient):
    return render_film(patient, size_px=SIZE, seed=7)


def test_same_seed_gives_same_bytes_and_another_seed_does_not(patient, film):
    again = render_film(draw_patient(np.random.default_rng(4)), size_px=SIZE, seed=7)
    assert again.pixels.tobytes() == film.pixels.tobytes()
    assert all(again.masks[name].tobytes() == film.masks[name].tobytes() for name in MASKS)
    assert render_film(patient, size_px=SIZE, seed=8).pixels.tobytes() != film.pixels.tobytes()


def test_film_is_gray_in_its_range_with_bool_masks_of_its_size(film):
    assert film.pixels.dtype == np.float32
    assert film.pixels.shape == SIZE
    assert 0 <= film.pixels.min() <= film.pixels.max() <= 1
    assert set(film.masks) == MASKS
    assert all(mask.dtype == bool and mask.shape == SIZE for mask in film.masks.values())


@pytest.mark.parametrize("kind", KINDS)
def test_severity_0_is_the_patient_without_lesion(patient, film, kind):
    twin = render_film(patient, make_lesion(kind, 0.0), size_px=SIZE, seed=7)
    assert twin.pixels.tobytes() == film.pixels.tobytes()
    assert not twin.cause.any()


@pytest.mark.parametrize("marker", ["L", "R"])
def test_a_letter_stands_on_its_side_and_changes_nothing_else(patient, film, marker):
    bare = replace(film.exposure, marker="", collimation=(0.0, 0.0, 0.02, 0.02))
    films = [render_film(patient, size_px=SIZE, seed=7, exposure=replace(bare, marker=m)) for m in ("", marker)]
    changed = films[0].pixels != films[1].pixels
    # The patient's right is on the picture's left.
    assert 0 < changed.mean() < 0.02
    assert (np.nonzero(changed)[1].mean() < SIZE[1] / 2) == (marker == "R")


def test_a_lesion_changes_the_chest_and_nothing_far_from_it(patient, film):
    ill = render_film(patient, make_lesion("VSD", 1.0), size_px=SIZE, seed=7)
    assert ill.cause.max() > 0.05
    changed = ill.cause > 0.05
    assert changed[ill.masks["heart"] | ill.masks["lungs"]].sum() > 0.9 * changed.sum()
    np.testing.assert_array_equal(ill.exposure, film.exposure)


def test_ratio_and_chambers_grow_with_severity(patient):
    grown = {"VSD": ("la", "lv"), "ASD": ("ra", "rv"), "Enlarged": ("lv", "rv")}
    for kind, chambers in grown.items():
        films = [render_film(patient, make_lesion(kind, s), size_px=SIZE, seed=7) for s in (0.0, 0.5, 1.0)]
        ratios = [measure_cardiothoracic_ratio(f.masks["heart"], f.masks["lungs"]).ratio for f in films]
        assert ratios[0] <= ratios[1] <= ratios[2]
        assert ratios[2] > ratios[0]
        for chamber in chambers:
            areas = [int(f.masks[chamber].sum()) for f in films]
            assert areas[0] < areas[1] < areas[2]


def test_fallot_turns_the_apex_up_and_thins_the_vessels(patient):
    def apex_row(film):
        rows, cols = np.nonzero(film.masks["lv"] | film.masks["rv"])
        return rows[cols >= cols.max() - 1].mean()

    normal, ill = (render_film(patient, make_lesion("TOF", s), size_px=SIZE, seed=7) for s in (0.0, 1.0))
    assert apex_row(ill) < apex_row(normal) - 2
    assert apply_lesion(patient, make_lesion("TOF", 1.0)).vessel_gain < 0.5 * patient.vessel_gain


def test_left_lung_is_on_the_right_of_the_picture_and_the_heart_between_and_to_the_left_of_the_patient(film):
    cols = {name: np.nonzero(film.masks[name])[1].mean() for name in ("left_lung", "right_lung", "heart")}
    assert cols["right_lung"] < (SIZE[1] - 1) / 2 < cols["heart"] < cols["left_lung"]
    assert not (film.masks["left_lung"] & film.masks["right_lung"]).any()
    assert not (film.masks["lungs"] & film.masks["heart"]).any()


def test_lateral_film_has_the_heart_in_front_and_no_sides(patient):
    lateral = render_film(patient, view="lateral", size_px=SIZE, seed=7)
    assert not lateral.masks["left_lung"].any()
    assert np.nonzero(lateral.masks["heart"])[1].mean() < np.nonzero(lateral.masks["lungs"])[1].mean()


def test_heart_is_larger_from_the_front_than_from_the_back():
    # The heart lies 60 mm or more nearer to the front: with the tube at 1000 mm and the film at the back it grows.
    patient = replace(draw_patient(np.random.default_rng(4)), rotation_deg=0.0)
    films = [render_film(patient, view=view, size_px=200, seed=7) for view in ("pa", "ap")]
    ratios = [measure_cardiothoracic_ratio(f.masks["heart"], f.masks["lungs"]).ratio for f in films]
    assert ratios[1] > ratios[0] + 0.01


def test_a_child_has_the_larger_ratio():
    rngs = [np.random.default_rng(seed) for seed in (1, 1)]
    adult, infant = draw_patient(rngs[0], 40), draw_patient(rngs[1], 0.7)
    films = [render_film(p, size_px=SIZE, seed=7) for p in (adult, infant)]
    ratios = [measure_cardiothoracic_ratio(f.masks["heart"], f.masks["lungs"]).ratio for f in films]
    assert ratios[1] > ratios[0] + 0.03
    assert infant.thymus_mm > adult.thymus_mm == 0


def test_signs_are_shown_at_their_penetrance_and_the_right_arch_in_a_quarter():
    rng = np.random.default_rng(0)
    drawn = [draw_lesion(rng, "TOF", 0.7, penetrance=0.6) for _ in range(2000)]
    # Five signs at 0.6: 10 000 draws, so a share's standard error is 0.005; the arch's is 0.01.
    assert abs(np.mean([len(lesion.signs) for lesion in drawn]) / 5 - 0.6) < 0.02
    assert abs(np.mean([lesion.right_arch for lesion in drawn]) - RIGHT_ARCH_SHARE) < 0.04


def test_what_cannot_be_drawn_is_refused(patient):
    with pytest.raises(ValueError, match="View must be one of"):
        render_film(patient, view="oblique")
    with pytest.raises(ValueError, match="too small"):
        render_film(patient, size_px=(200, 32))
    with pytest.raises(ValueError, match="severity of 0 to 1"):
        make_lesion("ASD", 1.5)
    with pytest.raises(ValueError, match="A lesion is one of"):
        make_lesion("Flu", 0.5)


def test_an_infant_has_a_rounder_chest_level_ribs_and_no_bone_in_the_arm_s_head():
    adult, infant = (draw_patient(np.random.default_rng(1), age) for age in (40, 0.2))
    rounder = infant.half_depth_mm / infant.half_width_mm, adult.half_depth_mm / adult.half_width_mm
    assert rounder[0] > rounder[1] + 0.1
    assert infant.rib_tilt < 0.4 * adult.rib_tilt
    assert adult.child_share == 0 < 0.5 < infant.child_share
    # The widest points of the arms' tubes beside the shaft's: the head is twice as wide, or not there.
    swollen = [
        build_bones(p, arms_raised=False)[4][0].radius_mm.max() / (11.5 * (p.scale_xyz[0] * p.scale_xyz[2]) ** 0.5)
        for p in (adult, infant)
    ]
    assert swollen[0] > 1.7
    assert swollen[1] < 1.2


def test_the_left_lung_s_edge_gives_way_to_the_aortic_knob(patient):
    wide, _, tall = patient.scale_xyz
    lung = build_chest(patient, 3.0)["left_lung"]
    depth_mm = lung.occupied.sum(axis=0) * 3.0  # (z, x), along the beam
    # At the knob, 36 mm from the midline, the arch takes lung's place; above it does not.
    cols = np.abs(lung.grid.x / wide - 36) < 3
    knob, above = (depth_mm[np.abs(lung.grid.z / tall - z) < 5][:, cols].mean() for z in (160, 205))
    assert knob < above - 10


def test_lung_over_the_heart_is_dark_on_a_lateral_film(patient):
    film = render_film(patient, view="lateral", size_px=SIZE, seed=7)
    rows, cols = np.nonzero(film.masks["lungs"])
    top = np.quantile(rows, [0.1, 0.35])
    middle = (rows > top[0]) & (rows < top[1])
    assert np.median(film.pixels[rows[middle], cols[middle]]) < 0.7


def test_clavicles_rise_from_the_sternum_to_the_shoulder(patient):
    points = build_bones(patient, arms_raised=True)[1][0].points
    aside = np.abs(points[:, 0]) / patient.scale_xyz[0]
    rise = points[aside > 130, 2].mean() - points[aside < 30, 2].mean()
    assert rise > 30 * patient.scale_xyz[2]
