"""The body's outline, what lies under its fat, and the gas in stomach and bowel, as occupancy on grids."""

import numpy as np

from heartviz.phantom.anatomy import back_shift, half_depth, half_width, spine_bow
from heartviz.phantom.patient import Patient
from heartviz.phantom.shapes import (
    Ellipsoid,
    Volume,
    capsule_distance,
    ellipsoid_distance,
    make_grid,
    occupancy,
    unite_smoothly,
)

_CHEST_WALL_MM = 11.0


def build_body(patient: Patient, voxel_mm: float, arms_raised: bool) -> dict[str, Volume]:
    """The skin's outline, and what lies under the fat; breasts and arms are part of both, breasts mostly fat.

    Raised arms, as for a lateral film, are left out.
    """
    sx, sy, sz = patient.scale_xyz
    height = patient.lung_height_mm
    reach = 250 * sx + patient.fat_mm + 30
    front, back = -1.4 * patient.half_depth_mm - 55, 1.4 * patient.half_depth_mm + 40
    grid = make_grid((-reach, front, -0.95 * height), (reach, back, 1.55 * height), voxel_mm)
    x, y, z = grid.xyz()
    wall = _CHEST_WALL_MM * sx + patient.muscle_mm
    wide = half_width(patient, np.minimum(grid.z, 0.55 * height)) + wall * 0.8
    wide = wide - 0.05 * sx * np.clip(-grid.z - 60, 0, None)
    deep = half_depth(patient, np.minimum(grid.z, 0.86 * height)) + wall * 0.9
    # The back is bowed as the spine is.
    shift = back_shift(patient, np.minimum(grid.z, height)) + 0.5 * spine_bow(patient, grid.z) + 2 * sy
    wide, deep, shift = (v[None, :, None].astype(np.float32) for v in (wide, deep, shift))
    n = np.float32(2.4)
    # Breastbone and spine lie in furrows.
    deep = deep * (1 - 0.09 * np.exp(-((x / (38 * sx)) ** 2))).astype(np.float32)
    torso = ((np.abs(x) / wide) ** n + ((np.abs(y - shift) / deep) ** n - 1)) * (deep / n)
    torso = unite_smoothly(torso, z - np.float32(1.0 * height), -60 * sx)
    aside = np.abs(x)
    mirrored = (aside, y, z)
    thick = (sx * sy) ** 0.5

    def point(px: float, py: float, pz: float) -> np.ndarray:
        return np.array([px * sx, py * sy, pz * sz])

    muscle = patient.muscle_mm - 11 * sx
    if arms_raised:  # shoulders go up with the arms, behind and above the lungs' tops
        shoulder = capsule_distance(
            mirrored, point(30, 26, 232), point(118, 22, 282), 50 * thick, 44 * thick + 0.6 * muscle
        )
    else:
        shoulder = capsule_distance(
            mirrored, point(30, 8, 215), point(160, 4, 198), 62 * thick, 42 * thick + 0.7 * muscle
        )
    neck = capsule_distance(mirrored, point(16, 22, 330), point(140, 12, 232), 50 * thick, 34 * thick)
    throat = np.sqrt((x / 1.05) ** 2 + (y - 8 * sy) ** 2) - np.float32(60 * thick)
    throat = np.maximum(throat, np.float32(0.85 * height) - z)
    elbow = point(218 + patient.arm_spread_mm, 6, 20)
    arm = capsule_distance(mirrored, point(168, 4, 208), elbow, 42 * thick + muscle, 36 * thick + muscle)
    pec = capsule_distance(mirrored, point(70, -78, 150), point(150, -30, 185), 24 * thick, 26 * thick)
    inner = unite_smoothly(unite_smoothly(torso, shoulder, 30 * sx), unite_smoothly(neck, throat, 30 * sx), 35 * sx)
    if not arms_raised:
        inner = unite_smoothly(inner, pec, 25 * sx)
        inner = unite_smoothly(inner, arm, 12 * sx)
    outer = inner - np.float32(patient.fat_mm)
    if patient.breast_scale > 0:
        size = patient.breast_scale * sx
        front = -(patient.half_depth_mm + wall + 0.5 * patient.fat_mm)
        low = Ellipsoid((76 * sx, front, 10 * sz), (58 * size, 25 * size, 44 * size))
        high = Ellipsoid((74 * sx, front + 6, 50 * sz), (62 * size, 15 * size, 78 * size))
        core = Ellipsoid((76 * sx, front - 3, 6 * sz), (34 * size, 8 * size, 30 * size))
        breast = unite_smoothly(ellipsoid_distance(mirrored, low), ellipsoid_distance(mirrored, high), 40)
        gland = ellipsoid_distance(mirrored, core)
        outer = unite_smoothly(outer, breast, 18)
        inner = np.minimum(inner, gland)
    return {"body": Volume(grid, occupancy(outer, voxel_mm)), "lean": Volume(grid, occupancy(inner, voxel_mm))}


def build_gas(patient: Patient, voxel_mm: float) -> Volume:
    """Air in the stomach under the left dome, level below as in an upright patient, and a few bubbles of the bowel."""
    sx, sy, _ = patient.scale_xyz
    rng = patient.child_rng(20)
    size = max(patient.bubble_mm, 1.0)
    centre = np.array([62 * sx, 2 * sy, -patient.dome_gap_mm - 0.5 * size - 11 * sx])
    centre[:2] += rng.normal(0, 4 * sx, 2)
    reach = 70 * sx
    low, high = centre - reach * np.array([1, 1, 1.3]), centre + reach * np.array([1, 1, 0.5])
    grid = make_grid(tuple(low), tuple(high), voxel_mm)
    xyz = grid.xyz()
    stretch = rng.uniform(0.8, 1.35, 4)
    round_part = ellipsoid_distance(
        xyz, Ellipsoid(tuple(centre), (1.15 * size * stretch[0], size, 0.62 * size * stretch[1]))
    )
    shift = centre + size * np.array([0.7 * (stretch[2] - 1), 0, -0.25])
    second = ellipsoid_distance(xyz, Ellipsoid(tuple(shift), (0.9 * size, 0.8 * size, 0.7 * size * stretch[3])))
    stomach = np.maximum(unite_smoothly(round_part, second, 0.5 * size), np.float32(centre[2] - 0.42 * size) - xyz[2])
    for _ in range(int(rng.integers(0, 6))):
        place = centre + rng.uniform((-0.5, -0.4, -1.1), (0.8, 0.4, -0.55)) * reach
        radii = rng.uniform(5, 13, 3) * sx * (1.3, 1, 0.8)
        stomach = unite_smoothly(stomach, ellipsoid_distance(xyz, Ellipsoid(tuple(place), tuple(radii))), 4)
    return Volume(grid, occupancy(stomach, voxel_mm))
