"""The heart's chambers and the great vessels as shapes in a patient's millimetres."""

from dataclasses import dataclass

import numpy as np

from heartviz.phantom.patient import Patient
from heartviz.phantom.shapes import Ellipsoid, Field, Grid, Points, ellipsoid_distance, smooth_curve, unite_smoothly

# Written in the adult's mm: a point on the diaphragm about which the heart grows.
_ANCHOR = np.array([6.0, -22.0, -20.0])
_SEAT = np.array([6.0, -22.0, -30.0])  # where that point comes to lie in the chest
_BLEND_MM = 22.0
PERICARDIUM_MM = 2.0


@dataclass(frozen=True)
class Vessel:
    """A great vessel: its axis (n, 3) and radius (n,), both in mm."""

    points: Points
    radii: Points


def heart_scale_xyz(patient: Patient) -> np.ndarray:
    """How the heart's own space is stretched along x, y and z, beside the normal adult."""
    wide, deep, tall = patient.scale_xyz
    mean = (wide * wide * deep * tall) ** 0.25
    return patient.heart_scale * np.array([(wide * mean) ** 0.5, (deep * mean) ** 0.5, (tall * mean) ** 0.5])


def place_chambers(patient: Patient) -> dict[str, list[Ellipsoid]]:
    """Ellipsoids of RA, RV, LA and LV in the heart's own space (adult mm)."""
    turn = np.deg2rad(patient.heart_turn_deg * 0.6 + 24.0 * patient.apex_lift)
    ra, rv, la, lv = (np.cbrt(s) for s in (patient.ra_scale, patient.rv_scale, patient.la_scale, patient.lv_scale))
    # The apex points left, forwards and down; turning it up is a turn about the depth axis.
    down = np.deg2rad(-36.0) + turn
    axis = np.array([0.80 * np.cos(down), -0.52, 0.80 * np.sin(down)])
    pivot = np.array([14.0, -3.0, 47.0])
    long_lv, long_rv = 54 * lv, 52 * rv
    lv_centre = pivot + axis * (0.66 * long_lv) + (2, 2, 0)
    rv_axis = np.array([0.86 * np.cos(down + 0.26), -0.36, 0.86 * np.sin(down + 0.26)])
    rv_centre = np.array([14.0, -42.0, 17.0]) + (5 * (rv - 1), -18 * (rv - 1), 0) + rv_axis * 34 * (rv - 1)
    lift = np.array([0.0, 0.0, 6.0 * patient.apex_lift])
    conus = np.array([26.0 - 12 * patient.bay, -44.0, 82.0])
    return {
        "ra": [Ellipsoid((-12 - 24 * (ra - 1), -18.0, 46 + 4 * (ra - 1)), (27 * ra, 34 * ra, 42 * ra))],
        "rv": [
            Ellipsoid(tuple(rv_centre + lift), (long_rv, 32 * rv, 31 * rv), tuple(rv_axis)),
            Ellipsoid(tuple(conus), (16 * (1 - 0.4 * patient.bay), 17, 27)),
        ],
        "la": [
            Ellipsoid((8.0, 17.0 + 14 * (la - 1), 76.0 + 6 * (la - 1)), (37 * la, 24 * la, 26 * la)),
            Ellipsoid((40.0 + 16 * (la - 1) - 8 * patient.bay, -8.0, 76.0), (14 * la, 15 * la, 18 * la)),  # appendage
        ],
        "lv": [Ellipsoid(tuple(lv_centre + lift), (long_lv, 38 * lv, 35 * lv), tuple(axis))],
    }  # fmt: skip


def chamber_distances(patient: Patient, grid: Grid) -> dict[str, Field]:
    """Signed distance in mm to each chamber on a grid."""
    stretch = heart_scale_xyz(patient)
    anchor = _SEAT * np.array(patient.scale_xyz)
    own = tuple(
        (axis - np.float32(a)) / np.float32(s) + np.float32(o)
        for axis, a, s, o in zip(grid.xyz(), anchor, stretch, _ANCHOR, strict=True)
    )
    found: dict[str, Field] = {}
    for name, parts in place_chambers(patient).items():
        distance = ellipsoid_distance(own, parts[0])
        for part in parts[1:]:
            distance = unite_smoothly(distance, ellipsoid_distance(own, part), _BLEND_MM)
        found[name] = distance * np.float32(stretch.min())
    return found


def heart_distance(chambers: dict[str, Field], blend_mm: float = _BLEND_MM) -> Field:
    """Signed distance to the pericardium about all chambers."""
    whole: Field | None = None
    for distance in chambers.values():
        whole = distance if whole is None else unite_smoothly(whole, distance, blend_mm)
    assert whole is not None
    return whole - np.float32(PERICARDIUM_MM)


def place_great_vessels(patient: Patient) -> dict[str, Vessel]:
    """Aorta, pulmonary trunk with its two branches, caval veins and pulmonary veins' ends, in the patient's mm."""
    chest = np.array(patient.scale_xyz)
    thick = float(np.prod(chest) ** (1 / 3))
    wide, trunk, bay = patient.aorta_scale, np.sqrt(patient.trunk_scale), patient.bay
    hilar = np.sqrt(patient.hilar_gain)
    knob, arch_side = np.sqrt(patient.knob_scale), -1.0 if patient.right_arch else 1.0
    mid = 0.5 * (chest + heart_scale_xyz(patient) / patient.heart_scale)
    unfold = 6 * (wide - 1) / 0.14
    left = np.array([arch_side, 1.0, 1.0])

    def make(points: object, radii: object, gain: float) -> Vessel:
        radius = smooth_curve(np.array(radii, float)[:, None], 5)[:, 0]
        return Vessel(smooth_curve(np.asarray(points, float) * mid, 5), radius * thick * gain)

    ascending = [(4, -24, 84), (-9, -30, 108), (-12 - 0.4 * unfold, -26, 132), (-6, -15, 153)]
    arch = [(7, -11, 164), (22, 0, 167), (29, 14, 164), (31, 29, 151), (26, 36, 130)]
    descending = [(18 + unfold, 36, 110), (15 + unfold, 36, 70), (10, 36, 20), (3, 35, -40), (0, 34, -100)]
    subclavian = np.array([(18, 4, 165), (19, 6, 188), (22, 6, 214), (34, 2, 246)])
    out = 4 * (trunk - 1)
    return {
        "ascending_aorta": make(ascending, (14, 15, 15, 13.5), wide * (0.5 + 0.5 * knob)),
        "arch": make(
            np.array([(-6 * arch_side, -15, 153), *arch]) * left, (13.5, 13.5, 14.5, 15.5, 15, 12.5), wide * knob
        ),
        "descending_aorta": make(np.array([arch[-1], *descending]) * left, (12, 11.5, 11, 10.5, 10, 9.5), wide),
        "pulmonary_trunk": make(
            [(26 - 12 * bay, -42, 92), (30 - 12 * bay + out, -30, 108), (28 - 10 * bay + out, -14, 117)],
            (14, 14, 13), trunk * (1 - 0.22 * bay),
        ),
        "left_pulmonary_artery": make(
            [(28 - 8 * bay, -14, 117), (40, 4, 122), (50, 18, 117), (54, 26, 102), (58, 29, 82)],
            (11, 10.5, 9.5, 8.5, 6.5), 0.5 * (trunk + hilar),
        ),
        "right_pulmonary_artery": make(
            [(26 - 8 * bay, -12, 114), (4, -2, 108), (-22, 2, 108), (-40, 6, 100), (-47, 13, 82), (-52, 20, 58)],
            (11, 10, 9.5, 8.5, 7.6, 6), 0.5 * (trunk + hilar),
        ),
        "superior_vena_cava": make([(-20, -14, 185), (-22, -15, 150), (-24, -14, 90)], (8.5, 9, 9.5), 1.0),
        "inferior_vena_cava": make([(-20, -8, 30), (-18, 0, 0), (-14, 6, -40)], (11, 11, 11), 1.0),
        "right_vein": make([(-21, -15, 180), (-23, -17, 204), (-30, -20, 226), (-40, -22, 246)], (8.5, 8, 7.5, 6), 1.0),
        "left_vein": make([(-18, -20, 182), (2, -26, 192), (20, -24, 206), (32, -22, 226)], (7, 6.5, 7, 6.5), 1.0),
        "brachiocephalic": make([(-20, -14, 178), (-12, -12, 200), (-16, -8, 225), (-24, -4, 250)], (9, 7, 7, 7), 1.0),
        "subclavian": make(subclavian * left, (8, 6.5, 6.5, 6), 1.0),
        "left_veins": make([(28, 24, 78), (44, 28, 74), (58, 32, 64)], (7.5, 6, 4.5), 0.5 * (1 + hilar)),
        "right_veins": make([(-18, 22, 76), (-34, 24, 70), (-50, 28, 60)], (8, 6.5, 4.5), 0.5 * (1 + hilar)),
    }  # fmt: skip
