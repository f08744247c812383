"""The bones as tubes: ribs, clavicles, shoulder blades, arms, sternum and the spine's edges."""

import numpy as np

from heartviz.phantom.anatomy import ROUNDNESS, back_shift, half_depth, half_width, spine_bow
from heartviz.phantom.patient import Patient
from heartviz.phantom.shapes import Volume, make_grid, occupancy, smooth_curve
from heartviz.phantom.tubes import Tubes, join, sample_curve

# Last angle of each rib's bone, degrees, before its cartilage.
_RIB_ENDS_DEG = (-70, -58, -50, -48, -45, -41, -37, -32, -27, -22, 10, 38)
_END_PLATE_MM = 0.8


def vertebra_pitch(patient: Patient) -> float:
    """Height in mm of a vertebra with its disc."""
    return 24.0 * patient.scale_xyz[2]


def spine_x(patient: Patient, z: np.ndarray) -> np.ndarray:
    """Sideways bend of the spine in mm at heights z."""
    return patient.scoliosis_mm * np.sin(np.pi * np.asarray(z) / patient.lung_height_mm)


def build_spine(patient: Patient, voxel_mm: float) -> tuple[Volume, Volume]:
    """Vertebral bodies, waisted and parted by discs, and their hard end plates."""
    sx, sy, sz = patient.scale_xyz
    height, pitch = patient.lung_height_mm, vertebra_pitch(patient)
    grid = make_grid((-34 * sx, 4 * sy, -0.95 * height), (34 * sx, 84 * sy, 1.5 * height), voxel_mm)
    x, y, z = grid.xyz()
    centre = spine_x(patient, grid.z)[None, :, None].astype(np.float32)
    depth = (53 * sy + spine_bow(patient, grid.z))[None, :, None].astype(np.float32)
    phase = ((z - height) / np.float32(pitch)) % 1.0  # 0.5 in the middle of a body
    from_middle = np.abs(phase - 0.5) * 2
    size = (
        np.interp(grid.z / sz, (-150, 0, 150, 260, 330), (23, 20, 16.5, 14, 12))[None, :, None].astype(np.float32) * sx
    )
    waist = 1 - 0.11 * (1 - from_middle**2)
    across = (
        ((np.abs(x - centre) / (size * waist)) ** 2.6 + (np.abs(y - depth) / (size * 0.86 * waist)) ** 2.6 - 1)
        * size
        / 2.6
    )
    disc = (from_middle - 0.80) * np.float32(pitch / 2)
    bodies = occupancy(np.maximum(across, disc).astype(np.float32), voxel_mm)
    # A plate is thinner than a voxel: a slab one voxel thick that is hard in part.
    plates = occupancy(np.maximum(across, np.abs(disc) - voxel_mm / 2).astype(np.float32), voxel_mm)
    return Volume(grid, bodies), Volume(grid, plates * np.float32(min(1.0, _END_PLATE_MM * sz / voxel_mm)))


def build_bones(patient: Patient, arms_raised: bool) -> list[tuple[Tubes, Tubes]]:
    """Tubes of the bones, each with those of its softer inside; raised arms, as for a lateral film, are left out."""
    parts = [*_ribs(patient), *_shoulders(patient, arms_raised), *_spine_edges(patient), *_sternum(patient)]
    return [_hollow(tubes, wall) for tubes, wall in parts]


def _hollow(tubes: Tubes, wall_mm: float | np.ndarray) -> tuple[Tubes, Tubes]:
    return tubes, tubes.scaled(np.maximum(tubes.radius_mm - wall_mm, 0.02))


def _bar(start: np.ndarray, end: np.ndarray, radius_mm: float, tall: float = 1.0) -> Tubes:
    return sample_curve(np.stack([start, end]), radius_mm, tall=tall)


def _ribs(patient: Patient) -> list[tuple[Tubes, float]]:
    """Twelve pairs: from the spine backwards and out, round the flank, forwards and down to their cartilage."""
    sx, sy, sz = patient.scale_xyz
    rng = patient.child_rng(1)
    height, pitch = patient.lung_height_mm, vertebra_pitch(patient)
    thick = (sx * sz) ** 0.5 * patient.bone_gain**0.25
    parts = []
    for number in range(12):
        head_z = height + 3 * sz - number * pitch
        for side in (-1, 1):
            wobble = rng.normal(0, 1, 4)
            end = np.deg2rad(_RIB_ENDS_DEG[number] + 2 * wobble[0])
            angles = np.linspace(np.deg2rad(60), end, 20)
            tilt = patient.rib_tilt * (0.8 + 0.03 * number) * (1 + 0.05 * wobble[1])
            depth = np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** (2 / ROUNDNESS)
            breadth = np.abs(np.cos(angles)) ** (2 / ROUNDNESS)
            # Down and out along the back, steeper round the flank and forwards.
            fall = np.clip(0.95 - depth, 0, None)
            z = (
                head_z
                + 1 * sz
                - tilt * 92 * sz * (0.46 * fall + 0.48 * fall**1.7)
                - 38 * patient.rib_tilt * sz * breadth
            )
            if number == 0:
                z = head_z - 0.36 * 92 * sz * (0.92 - depth) - 6 * sz * breadth
            y = back_shift(patient, z) + (half_depth(patient, z) + 3.5 * sy) * depth
            x = (half_width(patient, z) * (patient.left_width_ratio if side > 0 else 1) + 3.5 * sx) * breadth
            root = np.array([[13.0, 58, 1], [26, 71, 2.5], [46, 82, 1.5]]) * patient.scale_xyz + (
                0,
                spine_bow(patient, head_z),
                head_z,
            )
            back = back_shift(patient, root[:, 2]) + 0.92 * half_depth(patient, root[:, 2])
            root[1:, 1] = np.minimum(root[1:, 1], back[1:])
            root[2, 0] = min(root[2, 0], 0.5 * (root[1, 0] + x[0]))
            root[2, 2] = 0.5 * (root[1, 2] + z[0])
            curve = np.concatenate([root, np.stack([x, y, z], 1)])
            curve = smooth_curve(curve * (side, 1, 1), 5)
            curve[:, 0] += spine_x(patient, curve[:, 2]) * np.clip(1 - np.abs(curve[:, 0]) / (80 * sx), 0, 1)
            share = np.linspace(0, 1, len(curve))
            radius = (
                thick
                * (0.75 if number in (0, 10, 11) else 1)
                * np.interp(share, (0, 0.1, 0.5, 0.9, 1), (2.9, 3.6, 3.4, 2.1, 2.2))
            )
            parts.append(sample_curve(curve, radius, 0.7 * min(sx, 1), tall=1.75))
    return [(join(parts), 1.0 * thick)]


def _shoulders(patient: Patient, arms_raised: bool) -> list[tuple[Tubes, float | np.ndarray]]:
    """Clavicles, shoulder blades turned off the lungs, upper arms."""
    scale = np.array(patient.scale_xyz)
    thick = float((scale[0] * scale[2]) ** 0.5)
    rng = patient.child_rng(2)
    lift = rng.normal(0, 4)
    # The humerus' head is cartilage at birth and turns to bone from the middle out.
    head_share = float(np.interp(patient.age_years, (0, 0.4, 1, 6, 15), (0.0, 0.0, 0.4, 0.8, 1.0)))
    clavicles, blades, plates, arms = [], [], [], []
    for side in (-1, 1):
        tilt = rng.normal(0, 2)
        mirror = scale * (side, 1, 1)
        clavicle = np.array(
            [(13, -56, 176), (36, -62, 184), (70, -56, 204), (108, -34, 228), (132, -18, 238), (156, -6, 238)], float
        ) + np.outer([0, 0.2, 0.6, 0.9, 1, 1], [0, 0, 1.6 * lift + tilt])
        clavicles.append(
            sample_curve(
                smooth_curve(clavicle * mirror),
                np.interp(np.linspace(0, 1, 41), (0, 0.12, 0.4, 0.75, 1), (9, 6.5, 5, 6, 6.5)) * thick,
            )
        )
        move = np.array([patient.arm_spread_mm * 0.4, 0, 0])
        corner, angle = np.array([108, 92, 214]) + move, np.array([140, 88, 88]) + move
        socket, neck = np.array([156, 40, 206]) + move, np.array([150, 52, 180]) + move
        up = np.array([0.0, 0.0, 18.0])
        inner = smooth_curve(np.array([corner, (corner + angle) / 2 - (5, -2, 0), angle - (4, 0, -4)]) * mirror)
        outer = smooth_curve(np.array([neck, (neck + angle) / 2 - (3, -8, 0), angle - (0, 0, -4)]) * mirror)
        spine = smooth_curve(
            np.array([corner * 0.72 + angle * 0.28, (140, 84, 205), (160, 60, 228), (178, 30, 226)]) * mirror
        )
        blades += [
            sample_curve(inner, np.linspace(1.5, 0.5, len(inner)) * thick),
            sample_curve(outer, np.linspace(2.6, 0.6, len(outer)) * thick),
            sample_curve(spine, 2.2 * thick),
        ]
        blades.append(sample_curve(smooth_curve(np.array([socket + up, socket, socket - up]) * mirror), 5 * thick))
        blades.append(
            sample_curve(smooth_curve(np.array([socket + up, (142, 12, 224), (152, 2, 212)]) * mirror), 4.5 * thick)
        )
        for share in np.linspace(0.04, 0.96, 26):
            thin = np.interp(np.linspace(0, 1, len(inner)), (0, 0.5, 0.85, 1), (1.5, 1.2, 0.5, 0.05)) * thick
            plates.append(sample_curve(inner * (1 - share) + outer * share, thin))
        head, elbow = np.array([178, 12, 202]) + move, np.array([222 + patient.arm_spread_mm, 8, 0])
        shaft = smooth_curve(np.array([head, head * 0.93 + elbow * 0.07, head * 0.8 + elbow * 0.2, elbow]) * mirror, 16)
        along = np.linspace(0, 1, len(shaft))
        radius = np.interp(along, (0, 0.06, 0.2, 0.33, 0.66, 1), (13, 21, 22, 20, 11.5, 11))
        radius *= np.interp(along, (0.3, 0.6), (head_share, 1.0))
        arms.append(sample_curve(shaft, radius * thick, 0.4))
    found = [(join(clavicles), 1.5 * thick), (join(blades), 0.9 * thick), (join(plates), 0.9 * thick)]
    if arms_raised:
        return found
    # A thin shell about the head, a thick one about the shaft.
    upper = join(arms)
    return [*found, (upper, np.interp(upper.radius_mm / thick, (11, 14, 20), (3.0, 1.6, 0.6)) * thick)]


def _spine_edges(patient: Patient) -> list[tuple[Tubes, float]]:
    """Pedicles, spinous and transverse processes of each vertebra."""
    sx, sy, sz = patient.scale_xyz
    pitch, thick = vertebra_pitch(patient), (sx * sz) ** 0.5
    pedicles, processes = [], []
    for number in range(-4, 19):
        z = patient.lung_height_mm - (number + 0.5) * pitch
        centre, bow = float(spine_x(patient, z)), float(spine_bow(patient, z))
        size = float(np.interp(z / sz, (-150, 0, 150, 260, 330), (23, 20, 16.5, 14, 12)))
        for side in (-1, 1):
            base = np.array([centre + side * 0.72 * size * sx, 64 * sy + bow, z + 0.16 * pitch])
            pedicles.append(_bar(base, base + np.array([0, 8 * sy, 0]), 3.6 * thick, tall=1.4))
            tip = base + np.array([side * 16 * sx, 14 * sy, 3 * sz])
            processes.append(_bar(base + np.array([0, 10 * sy, 0]), tip, 3.4 * thick))
            root = np.array([centre, 81 * sy + bow, z - 6 * sz])
            processes.append(_bar(np.array([centre + side * 9 * sx, 76 * sy + bow, z]), root, 3.2 * thick))
        start = np.array([centre, 78 * sy + bow, z])
        processes.append(_bar(start, start + np.array([0, 24 * sy, -18 * sz]), 2.8 * thick))
    return [(join(pedicles), 0.6 * thick), (join(processes), 0.45 * thick)]


def _sternum(patient: Patient) -> list[tuple[Tubes, float]]:
    """Manubrium and body as a plate of upright tubes."""
    sx, sy, sz = patient.scale_xyz
    depth = half_depth(patient, np.array([195.0, 110, 30]) * sz) + 5 * sy
    front = back_shift(patient, np.array([195.0, 110, 30]) * sz) - depth * np.array([0.94, 0.98, 0.98])
    parts = []
    for place in np.linspace(-1, 1, 9):
        x = place * sx * np.array([22.0, 14, 17])
        curve = np.stack([x, front, np.array([198.0, 110, 30]) * sz], 1)
        parts.append(sample_curve(smooth_curve(curve, 8), 4.2 * sy))
    return [(join(parts), 0.2 * sy)]
