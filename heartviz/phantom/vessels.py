"""Arteries and veins of the lungs: trees that fill a lung, each branching by Murray's law down to about 1 mm."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heartviz.phantom.anatomy import ROUNDNESS, back_shift, dome_height, half_depth, half_width, mediastinum_half_width
from heartviz.phantom.patient import Patient
from heartviz.phantom.shapes import Points
from heartviz.phantom.tubes import Tubes

LEAVES = 2200  # of one tree; a lung has two, arteries and veins
LEAF_RADIUS_MM = (0.56, 0.47)
# A vessel is as wide as the leaves it feeds: r = r_leaf * n^(1/3), so that r^3 is shared out at every branching.
MURRAY_POWER = 1 / 3
# Place and heading of each trunk in the left lung, adult mm: arteries to upper, middle and lower lung, then veins.
_ARTERY_ROOTS = (
    ((44, 12, 106), (0.1, 0.3, 0.95)),
    ((46, 8, 106), (0.55, -0.05, 0.8)),
    ((48, 4, 104), (0.8, -0.5, 0.5)),
    ((51, 18, 94), (0.95, -0.1, 0.05)),
    ((52, 22, 90), (0.5, 0.8, 0.1)),
    ((54, 24, 74), (0.65, 0.1, -0.75)),
    ((54, 26, 68), (0.2, 0.35, -0.95)),
)
_VEIN_ROOTS = (
    ((36, 4, 94), (0.3, -0.3, 0.9)),
    ((38, 2, 90), (0.7, -0.5, 0.5)),
    ((40, 4, 80), (0.9, -0.5, 0.0)),
    ((44, 24, 70), (0.8, 0.35, -0.45)),
    ((42, 28, 64), (0.4, 0.5, -0.8)),
)


@dataclass(frozen=True)
class _Branches:
    """Vessels between two branchings: ends and headings (n, 3), radii (n,), in mm."""

    start: Points
    end: Points
    leaving: Points
    arriving: Points
    start_radius: Points
    end_radius: Points


def grow_vessels(patient: Patient, step_mm: float = 0.7) -> Tubes:
    """All vessels of both lungs as tubes, arteries and veins, at the patient's vessel gain."""
    wide, deep, tall = patient.scale_xyz
    thick = (wide * deep * tall) ** (1 / 3)
    grown: list[_Branches] = []
    for number, side in enumerate((-1, 1)):
        for kind, roots in enumerate((_ARTERY_ROOTS, _VEIN_ROOTS)):
            rng = patient.child_rng(10 + 2 * number + kind)
            leaves = _draw_leaves(patient, rng, side)
            starts = np.array([place for place, _ in roots], float) * (side * wide, deep, tall)
            headings = np.array([heading for _, heading in roots], float) * (side, 1, 1)
            headings /= np.linalg.norm(headings, axis=1, keepdims=True)
            owners = np.argmin([_steer(leaves, s, h) for s, h in zip(starts, headings, strict=True)], axis=0)
            grown += _grow(rng, starts, headings, leaves, owners, LEAF_RADIUS_MM[kind] * thick)
    fields = zip(*((b.start, b.end, b.leaving, b.arriving, b.start_radius, b.end_radius) for b in grown), strict=True)
    return _sample(_Branches(*(np.concatenate(field) for field in fields)), patient.vessel_gain, step_mm)


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
    inside = (np.abs(candidates[:, 0]) ** ROUNDNESS + np.abs(candidates[:, 1]) ** ROUNDNESS) < 0.93
    inside &= np.abs(x) > mediastinum_half_width(patient, y, z, side) + 6 * patient.scale_xyz[0]
    inside &= z > dome_height(patient, x.astype(np.float32), y.astype(np.float32)) + 4
    inside &= rng.uniform(size=len(z)) < np.interp(z / height, (0, 1), (1.0, 0.4))
    return np.stack([x, y, z], 1)[inside][:LEAVES]


def _grow(
    rng: np.random.Generator, start: Points, heading: Points, leaves: Points, owner: NDArray, leaf_radius: float
) -> list[_Branches]:
    """One generation of branches after another: each vessel runs towards its leaves, then parts them in two.

    `start` and `heading` (n, 3) are of the trunks, `owner` (leaves,) says which trunk feeds a leaf.
    """
    grown: list[_Branches] = []
    start_radius: Points | None = None
    while len(leaves):
        kept, owner = np.unique(owner, return_inverse=True)
        start, heading = start[kept], heading[kept]
        count = np.bincount(owner)
        centre = np.stack([np.bincount(owner, leaves[:, k]) / count for k in range(3)], 1)
        radius = leaf_radius * count**MURRAY_POWER
        leaf = count == 1
        share = np.where(leaf, 1.0, rng.uniform(0.2, 0.42, len(count)))[:, None]
        way = share * (centre - start)
        length = np.linalg.norm(way, axis=1, keepdims=True)
        end = start + way + np.where(leaf[:, None], 0, rng.normal(0, 1, way.shape) * (0.06 * length + 0.3))
        arriving = (end - start) / np.maximum(length, 1e-6) + rng.normal(0, 0.13, way.shape)
        arriving /= np.linalg.norm(arriving, axis=1, keepdims=True)
        before = radius if start_radius is None else np.minimum(start_radius[kept], 1.12 * radius)
        grown.append(_Branches(start, end, heading, arriving, before, np.where(leaf, 0.5 * radius, radius)))
        # Leaves are parted across their longest way, never quite in the middle.
        offset = leaves - centre[owner]
        spread = np.stack([np.bincount(owner, offset[:, k] ** 2) for k in range(3)], 1)
        across = (spread == spread.max(axis=1, keepdims=True)) + rng.normal(0, 0.25, spread.shape)
        along = (offset * across[owner]).sum(axis=1)
        order = np.lexsort((along, owner))
        rank = np.empty(len(order), int)
        rank[order] = np.arange(len(order)) - (np.cumsum(count) - count)[owner[order]]
        cut = np.clip(np.round(count * rng.uniform(0.2, 0.8, len(count))), 1, np.maximum(count - 1, 1))
        going_on = ~leaf[owner]
        owner, leaves = (2 * owner + (rank >= cut[owner]))[going_on], leaves[going_on]
        start, heading, start_radius = (np.repeat(field, 2, axis=0) for field in (end, arriving, radius))
    return grown


def _sample(branches: _Branches, gain: float, step_mm: float) -> Tubes:
    """Points along all branches, each a cubic curve that leaves and arrives along its headings."""
    length = np.linalg.norm(branches.end - branches.start, axis=1)
    counts = np.maximum(2, np.ceil(length / step_mm).astype(int))
    which = np.repeat(np.arange(len(length)), counts)
    t = ((np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)) + 0.5) / counts[which]
    a, b = branches.start[which], branches.end[which]
    u, v = ((heading * length[:, None])[which] for heading in (branches.leaving, branches.arriving))
    s = t[:, None]
    points = (2 * s**3 - 3 * s**2 + 1) * a + (s**3 - 2 * s**2 + s) * u + (3 * s**2 - 2 * s**3) * b + (s**3 - s**2) * v
    # Sampled evenly in t; the arc between points is the curve's own speed.
    speed = (6 * s**2 - 6 * s) * (a - b) + (3 * s**2 - 4 * s + 1) * u + (3 * s**2 - 2 * s) * v
    thin, wide = branches.end_radius[which], branches.start_radius[which]
    radii = (wide + (thin - wide) * t) * np.sqrt(gain)
    return Tubes(points, radii, np.linalg.norm(speed, axis=1) / counts[which])
