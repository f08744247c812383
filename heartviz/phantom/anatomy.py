"""What the ribs enclose, lungs to bronchi, as fields of occupancy on grids."""

import numpy as np

from heartviz.phantom.heart import chamber_distances, heart_distance, place_great_vessels
from heartviz.phantom.patient import Patient
from heartviz.phantom.shapes import (
    Ellipsoid,
    Field,
    Grid,
    Volume,
    ellipsoid_distance,
    make_grid,
    occupancy,
    smooth_curve,
    unite_smoothly,
    unite_tube,
)

# Half width of the lungs' outline over its largest, by height above the dome over the lung's height.
_WIDTH_BY_HEIGHT = (
    (-0.6, -0.25, 0.0, 0.24, 0.5, 0.74, 0.86, 0.93, 1.0, 1.1),
    (0.97, 1.0, 1.0, 0.985, 0.93, 0.81, 0.71, 0.62, 0.50, 0.40),
)
# A newborn's chest hardly narrows upwards.
_CHILD_WIDTH_BY_HEIGHT = (_WIDTH_BY_HEIGHT[0], (0.98, 1.0, 0.99, 0.96, 0.91, 0.85, 0.80, 0.74, 0.64, 0.52))
_DEPTH_BY_HEIGHT = ((-0.5, 0.0, 0.3, 0.6, 0.85, 1.0, 1.1), (0.98, 1.0, 0.99, 0.90, 0.68, 0.52, 0.45))
_BACK_SHIFT_BY_HEIGHT = ((-0.3, 0.0, 0.5, 1.0, 1.2), (0.0, 0.0, 2.0, 16.0, 18.0))  # mm, adult
# Half width of what lies between the lungs by depth, adult mm, where no vessel widens it: on the right the lung comes
# to the oesophagus before the spine, on the left to the aorta.
_MEDIASTINUM_DEPTHS = (-96, -90, -80, -66, -52, -40, -20, 2, 14, 24, 32, 39, 46, 53, 60, 68, 76, 84, 92, 100)
_MEDIASTINUM_BY_DEPTH = {
    -1: (30, 17, 8, 3, 4, 9, 15, 16, 13, 9, 7, 10, 15, 18.5, 22, 29, 40, 54, 71, 92),
    1: (30, 17, 8, 3, 4, 9, 15, 18, 17, 14, 12, 13, 16, 19, 22, 29, 40, 54, 71, 92),
}
_FAT_BY_HEIGHT = {
    -1: ((70, 105, 150, 190, 225, 250), (2, 10, 12, 10, 7, 4)),
    1: ((70, 110, 135, 165, 190, 225, 250), (2, 8, 8, 4, 6, 6, 4)),
}
# How far behind its place the spine lies by height, adult mm: hollow in the loins and neck, round between.
_SPINE_BOW = ((-200, -120, -50, 20, 100, 170, 240, 330, 380), (-24, -14, -4, 1.5, 4, 2, -5, -17, -22))
ROUNDNESS = 2.35
FAT_MM = 16.0


def half_width(patient: Patient, z: np.ndarray) -> np.ndarray:
    """Half width in mm of the space that holds the lungs, at heights z in mm."""
    adult, child = (
        np.interp(z / patient.lung_height_mm, *by_height) for by_height in (_WIDTH_BY_HEIGHT, _CHILD_WIDTH_BY_HEIGHT)
    )
    return patient.half_width_mm * (adult + 1.4 * patient.child_share * (child - adult))


def half_depth(patient: Patient, z: np.ndarray) -> np.ndarray:
    """Half depth in mm of the space that holds the lungs, at heights z in mm."""
    return patient.half_depth_mm * np.interp(z / patient.lung_height_mm, *_DEPTH_BY_HEIGHT)


def back_shift(patient: Patient, z: np.ndarray) -> np.ndarray:
    """How far behind y = 0 the middle of the space that holds the lungs lies, mm."""
    return patient.scale_xyz[1] * np.interp(z / patient.lung_height_mm, *_BACK_SHIFT_BY_HEIGHT)


def spine_bow(patient: Patient, z: np.ndarray) -> np.ndarray:
    """How far behind its straight line the spine lies at heights z, mm."""
    _, deep, tall = patient.scale_xyz
    return deep * (1 - 0.8 * patient.child_share) * np.interp(np.asarray(z) / tall, *_SPINE_BOW)


def dome_height(patient: Patient, x: Field, y: Field) -> Field:
    """Height in mm of the diaphragm at x and y: two domes, the left one lower, steep towards the ribs."""
    wide, deep, tall = patient.scale_xyz
    right = x < 0
    across = np.where(right, -x, x) / np.float32(wide)
    outward = across - np.float32(56)
    sideways = np.where(outward > 0, outward / 84, outward / 120)
    forward = y / np.float32(deep) + np.float32(14)
    lengthways = np.where(forward > 0, forward / 94, forward / 96)
    far = sideways**2 + lengthways**2
    # The central tendon carries one dome over into the other.
    top = -patient.dome_gap_mm * (0.5 + 0.5 * np.tanh(x / np.float32(18 * wide)))
    fall = np.float32(tall**0.5 * 40 / patient.dome_flatness**0.5) * (0.75 * far + 0.4 * far**3)
    return (top - fall).astype(np.float32)


def lungs_grid(patient: Patient, voxel_mm: float) -> Grid:
    """The grid that holds both lungs."""
    wide, deep, tall = patient.half_width_mm, patient.half_depth_mm, patient.lung_height_mm
    return make_grid((-wide - 4, -deep - 2, -0.46 * tall), (wide + 4, deep + 16, tall + 3), voxel_mm)


def ring_distance(patient: Patient, grid: Grid) -> Field:
    """Signed distance to what the ribs enclose, without end above and below."""
    x, y, _ = grid.xyz()
    profiles = (half_width, half_depth, back_shift)
    wide, deep, shift = (profile(patient, grid.z)[None, :, None].astype(np.float32) for profile in profiles)
    n = np.float32(ROUNDNESS)
    aside = np.where(x > 0, x / np.float32(patient.left_width_ratio), -x)
    sideways, lengthways = (aside / wide) ** n, (np.abs(y - shift) / deep) ** n
    return (sideways + (lengthways - 1)) * (deep / n)


def cavity_distance(patient: Patient, grid: Grid) -> Field:
    """Signed distance to the space of both pleurae above the diaphragm, mediastinum included."""
    x, y, z = grid.xyz()
    distance = ring_distance(patient, grid)
    sx, sy, sz = patient.scale_xyz
    apex = patient.lung_height_mm - sz * (
        0.0125 * ((np.abs(x) - 46 * sx) / sx) ** 2 + 0.009 * ((y - 14 * sy) / sy) ** 2
    )
    np.maximum(distance, 0.7 * (z - apex.astype(np.float32)), out=distance)
    return np.maximum(distance, 0.75 * (dome_height(patient, x, y) - z), out=distance)


def mediastinum_half_width(patient: Patient, y: Field, z: Field, side: int) -> Field:
    """Half width in mm of what lies between the lungs where no heart or vessel widens it; side -1 is the right."""
    wide, deep, tall = patient.scale_xyz
    bow = spine_bow(patient, z) * np.clip((y / deep - 14) / 24, 0, 1)
    plain = np.interp((y - bow) / deep, _MEDIASTINUM_DEPTHS, _MEDIASTINUM_BY_DEPTH[side])
    # Above the heart fat and the great veins widen its middle.
    more = np.interp(z / tall, *_FAT_BY_HEIGHT[side]) * np.exp(-(((y / deep + 7) / 27) ** 2))
    wave = 1.5 * np.sin(z / tall / 17.0 + patient.seed % 7) * np.exp(-(((y / deep) / 40) ** 2))
    return (wide * (plain + more + wave)).astype(np.float32)


def build_chest(patient: Patient, voxel_mm: float, with_masks: bool = True) -> dict[str, Volume]:
    """Lungs and airways, and what only masks are made of unless they are not asked for; each on its grid."""
    grid = lungs_grid(patient, voxel_mm)
    lungs = cavity_distance(patient, grid)
    cavity = occupancy(lungs, voxel_mm) if with_masks else None
    middle = int(np.searchsorted(grid.x, 0.0))
    for side, half in ((-1, np.s_[:middle]), (1, np.s_[middle:])):
        between = mediastinum_half_width(patient, grid.y[:, None], grid.z[None, :], side)
        np.maximum(lungs[:, :, half], between[:, :, None] - np.abs(grid.x[half]), out=lungs[:, :, half])

    part, place = _heart_window(patient, grid)
    chambers = chamber_distances(patient, part)
    heart = heart_distance(chambers)
    if patient.thymus_mm > 0:
        lungs = np.maximum(lungs, -_thymus_distance(patient, grid.xyz()))
    # Fat rounds the corners between heart, diaphragm and vessels.
    rounded_mm = -FAT_MM * patient.scale_xyz[0]
    lungs[place] = unite_smoothly(lungs[place], -heart, rounded_mm)

    vessels = place_great_vessels(patient)
    centre, core = _middle_window(patient, grid)
    great, roots = np.full(centre.shape, 50, np.float32), np.full(centre.shape, 50, np.float32)
    for name, vessel in vessels.items():
        unite_tube(great, centre, vessel.points, vessel.radii, reach_mm=12.0)
        if name in ("ascending_aorta", "pulmonary_trunk", "superior_vena_cava"):
            unite_tube(roots, centre, vessel.points, vessel.radii)
    lungs[core] = unite_smoothly(lungs[core], -great, rounded_mm)

    air_grid, air, wall = _airways(patient, voxel_mm)
    low, high = (np.array([axis[end] for axis in (air_grid.x, air_grid.y, air_grid.z)]) for end in (0, -1))
    _, hull = grid.window(low - 0.1 * voxel_mm, high + 0.1 * voxel_mm)
    np.maximum(lungs[hull], -wall[:, : lungs[hull].shape[1]], out=lungs[hull])
    lung = occupancy(lungs, voxel_mm)
    seen = {
        "right_lung": Volume(Grid(grid.x[:middle], grid.y, grid.z, voxel_mm), lung[:, :, :middle]),
        "left_lung": Volume(Grid(grid.x[middle:], grid.y, grid.z, voxel_mm), lung[:, :, middle:]),
        "airway": Volume(air_grid, occupancy(air, voxel_mm)),
    }
    if not with_masks:
        return seen
    shadow = np.maximum(roots, _lid_distance(patient, centre))
    beneath = np.maximum(heart, _lid_distance(patient, part))
    masked = {
        "heart": Volume(part, occupancy(beneath, voxel_mm)),
        "roots": Volume(centre, occupancy(shadow, voxel_mm)),
        "pericardium": Volume(part, occupancy(heart, voxel_mm)),
        "great_vessels": Volume(centre, occupancy(great, voxel_mm)),
        "cavity": Volume(grid, cavity),
        "below_domes": _below_domes(patient, grid, voxel_mm),
    }
    return seen | masked | {name: Volume(part, occupancy(field, voxel_mm)) for name, field in chambers.items()}


def _heart_window(patient: Patient, grid: Grid) -> tuple[Grid, tuple[slice, slice, slice]]:
    grown = max(patient.ra_scale, patient.rv_scale, patient.la_scale, patient.lv_scale) ** 0.4 * patient.heart_scale
    scale = np.array(patient.scale_xyz) * max(grown, 0.8)
    return grid.window(np.array([-92, -135, -75]) * scale, np.array([158, 90, 160]) * scale)


def _middle_window(patient: Patient, grid: Grid) -> tuple[Grid, tuple[slice, slice, slice]]:
    """The part of the grid that holds great vessels and airways."""
    reach = 75 * patient.scale_xyz[0] * max(1.0, patient.heart_scale**0.5)
    return grid.window(np.array([-reach, -1e3, -1e3]), np.array([reach, 1e3, 1e3]))


def _lid_distance(patient: Patient, grid: Grid) -> Field:
    """Signed distance to all below the line across the great vessels that closes the heart in the SCR database."""
    x, _, z = grid.xyz()
    wide, _, tall = patient.scale_xyz
    height = np.float32(104 * tall * min(patient.heart_scale, 1.25) ** 0.5)
    return z - height - np.float32(0.12 * tall / wide) * x


def _thymus_distance(patient: Patient, xyz: tuple[Field, Field, Field]) -> Field:
    wide, deep, tall = patient.scale_xyz
    width = wide * 20 + patient.thymus_mm
    left = ellipsoid_distance(xyz, Ellipsoid((8 * wide, -42 * deep, 158 * tall), (width, 44 * deep, 62 * tall)))
    right = Ellipsoid((-10 * wide, -44 * deep, 146 * tall), (0.95 * width, 42 * deep, 66 * tall))
    return np.minimum(left, ellipsoid_distance(xyz, right))


def _airways(patient: Patient, voxel_mm: float) -> tuple[Grid, Field, Field]:
    """A grid, and signed distances to the air in trachea and main bronchi and to their outer walls."""
    scale = np.array(patient.scale_xyz)
    thick = float(np.prod(scale) ** (1 / 3))
    push = -5 if patient.right_arch else 4
    tubes = (
        ([(0, 6, 340), (1, 7, 250), (push * 0.7, 10, 180), (push * 0.5, 13, 146)], (8.5, 8.5, 8.5, 9.0)),
        ([(1, 13, 146), (-18, 17, 124), (-34, 20, 106), (-44, 26, 84)], (7.5, 6.5, 5.5, 4.0)),
        ([(2, 13, 146), (22, 19, 122), (40, 23, 104), (50, 30, 84)], (7.0, 5.8, 4.8, 3.6)),
    )
    low, high = (-58, -4, 70) * scale, (64, 42, 345) * scale
    grid = make_grid(tuple(low), tuple(high), voxel_mm)
    air, wall = np.full(grid.shape, 50, np.float32), np.full(grid.shape, 50, np.float32)
    for points, radii in tubes:
        curve = smooth_curve(np.array(points, float) * scale, 4)
        radius = smooth_curve(np.array(radii, float)[:, None], 4)[:, 0] * thick
        unite_tube(air, grid, curve, radius)
        unite_tube(wall, grid, curve, radius + 1.6 * thick)
    return grid, air, wall


def _below_domes(patient: Patient, grid: Grid, voxel_mm: float) -> Volume:
    """What lies under the domes and beside the spine within the ribs: it ends the lung that is seen from the front."""
    low, _ = grid.window(np.array([-1e3, -1e3, -1e3]), np.array([1e3, 1e3, 0.03 * patient.lung_height_mm]))
    x, y, z = low.xyz()
    inside = np.maximum(ring_distance(patient, low), z - dome_height(patient, x, y))
    return Volume(low, occupancy(inside, voxel_mm))
