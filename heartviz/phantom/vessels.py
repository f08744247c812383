"""Arteries and veins of the lungs: trees that fill a lung, each branching by Murray's law down to about 1 mm."""

from dataclasses import dataclass

import numpy as np

from heartviz.phantom.anatomy import back_shift, dome_height, half_depth, half_width, mediastinum_half_width
from heartviz.phantom.patient import Patient
from heartviz.phantom.shapes import Points
from heartviz.phantom.tubes import Tubes

LEAVES = 420
# A vessel is as wide as the leaves it feeds: r = r_leaf * n^(1/3), so that r^3 is shared out at every branching.
MURRAY_POWER = 1 / 3
_STEP_MM = 0.7


@dataclass(frozen=True)
class _Branch:
    start: Points
    end: Points
    start_heading: Points
    end_heading: Points
    start_radius: float
    end_radius: float


def grow_vessels(patient: Patient) -> Tubes:
    """All vessels of both lungs as tubes, arteries and veins, at the patient's vessel gain."""
    wide, deep, tall = patient.scale_xyz
    thick = (wide * deep * tall) ** (1 / 3)
    branches: list[_Branch] = []
    for number, side in enumerate((-1, 1)):
        # (start, heading) of each tree's trunks, adult mm; upper, middle and lower part of the lung.
        arteries = [((44, 10, 102), (0.5, 0.1, 0.9)), ((48, 12, 92), (0.9, -0.5, 0.1)), ((52, 20, 66), (0.3, 0.35, -1.0))]
        veins = [((36, 2, 96), (0.5, -0.4, 0.8)), ((36, 6, 80), (0.8, -0.6, -0.2)), ((40, 24, 66), (0.7, 0.5, -0.55))]
        for kind, roots in enumerate((arteries, veins)):
            rng = patient.child_rng(10 + 2 * number + kind)
            leaves = _draw_leaves(patient, rng, side)
            starts = [np.array(place) * (side * wide, deep, tall) for place, _ in roots]
            headings = [np.array(heading) * (side, 1, 1) / np.linalg.norm(heading) for _, heading in roots]
            nearest = np.argmin([_steer(leaves, s, h) for s, h in zip(starts, headings, strict=True)], axis=0)
            for root, (start, heading) in enumerate(zip(starts, headings, strict=True)):
                fed = leaves[nearest == root]
                if len(fed):
                    _grow(branches, rng, start, heading, fed, (0.50 if kind == 0 else 0.46) * thick, None)
    return _sample(branches, patient.vessel_gain)


def _steer(leaves: Points, start: Points, heading: Points) -> np.ndarray:
    """How far a leaf is from a trunk, longer the more it must turn."""
    offset = leaves - start
    far = np.linalg.norm(offset, axis=1)
    return far * (1.4 - offset @ heading / np.maximum(far, 1e-6))


def _draw_leaves(patient: Patient, rng: np.random.Generator, side: int) -> Points:
    """Ends of the smallest vessels, (n, 3) in mm, inside the lung; the lower lung has more of them."""
    height = patient.lung_height_mm
    candidates = rng.uniform((0, -1, -0.30), (1, 1, 0.97), (LEAVES * 6, 3))
    z = candidates[:, 2] * height
    x = side * candidates[:, 0] * half_width(patient, z) * 0.97
    y = back_shift(patient, z) + candidates[:, 1] * half_depth(patient, z) * 0.96
    inside = (np.abs(candidates[:, 0]) ** 2.35 + np.abs(candidates[:, 1]) ** 2.35) < 0.93
    inside &= np.abs(x) > mediastinum_half_width(patient, y) + 6 * patient.scale_xyz[0]
    inside &= z > dome_height(patient, x.astype(np.float32), y.astype(np.float32)) + 4
    inside &= rng.uniform(size=len(z)) < np.interp(z / height, (0, 1), (1.0, 0.5))
    return np.stack([x, y, z], 1)[inside][:LEAVES]


def _grow(
    branches: list[_Branch],
    rng: np.random.Generator,
    start: Points,
    heading: Points,
    leaves: Points,
    leaf_radius: float,
    start_radius: float | None,
) -> None:
    """Adds a vessel from the start towards its leaves, and the two it splits into, to the branches."""
    pending = [(start, heading, leaves, start_radius)]
    while pending:
        start, heading, leaves, start_radius = pending.pop()
        centre = leaves.mean(axis=0)
        radius = leaf_radius * len(leaves) ** MURRAY_POWER
        last = len(leaves) == 1
        share = 1.0 if last else float(rng.uniform(0.30, 0.55))
        end = start + share * (centre - start)
        length = float(np.linalg.norm(end - start))
        if not last:
            end = end + rng.normal(0, 0.07 * length + 0.4, 3)
        aim = (end - start) / max(float(np.linalg.norm(end - start)), 1e-6)
        turned = 1.15 * aim + 0.35 * heading * 0 + rng.normal(0, 0.14, 3)
        turned /= np.linalg.norm(turned)
        branches.append(_Branch(start, end, heading, turned, start_radius or radius * 1.08, 0.55 * radius if last else radius))
        if last:
            continue
        offset = leaves - leaves.mean(axis=0)
        # The split runs across the longest way of the leaves, never quite in the middle.
        _, _, axes = np.linalg.svd(offset, full_matrices=False)
        along = offset @ (axes[0] + rng.normal(0, 0.15, 3))
        cut = np.quantile(along, rng.uniform(0.22, 0.78)) if len(leaves) > 3 else np.median(along)
        first = along <= cut
        if first.all() or not first.any():
            first = np.arange(len(leaves)) < len(leaves) // 2
        for part in (leaves[first], leaves[~first]):
            child = leaf_radius * len(part) ** MURRAY_POWER
            pending.append((end, turned, part, min(radius, child * 1.06)))


def _sample(branches: list[_Branch], gain: float) -> Tubes:
    """Points along all branches, each a cubic curve that leaves and arrives along its headings."""
    start, end, leaving, arriving = (
        np.array([getattr(b, name) for b in branches]) for name in ("start", "end", "start_heading", "end_heading")
    )
    length = np.linalg.norm(end - start, axis=1)
    counts = np.maximum(2, np.ceil(length / _STEP_MM).astype(int))
    which = np.repeat(np.arange(len(branches)), counts)
    t = ((np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)) + 0.5) / counts[which]
    # Sampled evenly in t; the arc between points is the curve's own speed.
    a, b, u, v = start[which], end[which], (leaving * length[:, None])[which], (arriving * length[:, None])[which]
    s = t[:, None]
    points = (2 * s**3 - 3 * s**2 + 1) * a + (s**3 - 2 * s**2 + s) * u + (3 * s**2 - 2 * s**3) * b + (s**3 - s**2) * v
    speed = (6 * s**2 - 6 * s) * (a - b) + (3 * s**2 - 4 * s + 1) * u + (3 * s**2 - 2 * s) * v
    r0, r1 = (np.array([getattr(b, name) for b in branches])[which] for name in ("start_radius", "end_radius"))
    radii = (r0 + (r1 - r0) * t) * np.sqrt(gain)
    return Tubes(points, radii, np.linalg.norm(speed, axis=1) / counts[which])
