"""Signed distances in mm (negative inside) on grids of voxels, and the occupancy they give."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Voxel centres of a box: float32 axes in mm; fields on it are (y, z, x), so that a coronal slice is one piece."""

    x: Field
    y: Field
    z: Field
    voxel_mm: float

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.y), len(self.z), len(self.x)

    def xyz(self) -> tuple[Field, Field, Field]:
        """x, y and z in shapes that broadcast to a field."""
        return self.x[None, None, :], self.y[:, None, None], self.z[None, :, None]

    def window(self, low: Points, high: Points) -> tuple["Grid", tuple[slice, slice, slice]]:
        """The part of the grid in a box of corners (x, y, z), and its place in a field."""
        cuts = [
            slice(int(np.searchsorted(axis, lo)), int(np.searchsorted(axis, hi)))
            for axis, lo, hi in zip((self.x, self.y, self.z), low, high, strict=True)
        ]
        part = Grid(self.x[cuts[0]], self.y[cuts[1]], self.z[cuts[2]], self.voxel_mm)
        return part, (cuts[1], cuts[2], cuts[0])


@dataclass(frozen=True)
class Volume:
    """Occupancy 0..1 of one structure on its grid."""

    grid: Grid
    occupied: Field


@dataclass(frozen=True)
class Ellipsoid:
    """Centre and half axes in mm, and the direction (x, y, z) of the first half axis; None keeps to x, y, z."""

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    axis: tuple[float, float, float] | None = None


def make_grid(low: tuple[float, float, float], high: tuple[float, float, float], voxel_mm: float) -> Grid:
    """The grid of a box, voxel centres on multiples of the voxel's size."""
    axes = [
        np.arange(np.floor(lo / voxel_mm), np.ceil(hi / voxel_mm) + 1, dtype=np.float32) * np.float32(voxel_mm)
        for lo, hi in zip(low, high, strict=True)
    ]
    return Grid(*axes, voxel_mm)


def occupancy(distance: Field, voxel_mm: float) -> Field:
    """Share of each voxel inside the shape, 0..1, with an edge one voxel wide."""
    return np.clip(0.5 - distance / np.float32(voxel_mm), 0, 1)


def ellipsoid_distance(grid_xyz: tuple[Field, Field, Field], shape: Ellipsoid) -> Field:
    """Signed distance to an ellipsoid, to first order at its surface."""
    offset = [np.float32(1) * (axis - np.float32(c)) for axis, c in zip(grid_xyz, shape.centre, strict=True)]
    if shape.axis is not None:
        frame = _frame_along(np.array(shape.axis, float))
        offset = [sum(np.float32(row[k]) * offset[k] for k in range(3)) for row in frame]
    squared = sum((o / np.float32(r)) ** 2 for o, r in zip(offset, shape.radii, strict=True))
    steep = sum((o / np.float32(r * r)) ** 2 for o, r in zip(offset, shape.radii, strict=True))
    level = np.sqrt(squared)
    return level * (level - 1) / np.sqrt(np.maximum(steep, 1e-9))


def capsule_distance(
    grid_xyz: tuple[Field, Field, Field], start: Points, end: Points, start_radius: float, end_radius: float
) -> Field:
    """Signed distance to a straight tube with round ends whose radius changes evenly from start to end."""
    along = np.asarray(end, float) - start
    offset = [axis - np.float32(c) for axis, c in zip(grid_xyz, start, strict=True)]
    share = sum(np.float32(a) * o for a, o in zip(along, offset, strict=True)) / np.float32(max(along @ along, 1e-9))
    share = np.clip(share, 0, 1)
    squared = sum((o - share * np.float32(a)) ** 2 for a, o in zip(along, offset, strict=True))
    return np.sqrt(squared) - (np.float32(start_radius) + share * np.float32(end_radius - start_radius))


def unite_tube(field: Field, grid: Grid, points: Points, radii: NDArray, reach_mm: float = 6.0) -> None:
    """Writes the union with a tube through points (n, 3) into the field, each piece only near itself."""
    for start, end, r0, r1 in zip(points, points[1:], radii, radii[1:], strict=False):
        margin = max(r0, r1) + reach_mm
        part, place = grid.window(np.minimum(start, end) - margin, np.maximum(start, end) + margin)
        if min(part.shape) > 0:
            np.minimum(field[place], capsule_distance(part.xyz(), start, end, r0, r1), out=field[place])


def unite_smoothly(first: Field, second: Field, blend_mm: float) -> Field:
    """Signed distance to the union of two shapes whose seam is rounded over `blend_mm`; their overlap if negative."""
    blended = np.minimum(first, second) if blend_mm > 0 else np.maximum(first, second)
    near = np.abs(first - second)
    np.subtract(np.float32(abs(blend_mm)), near, out=near)
    np.maximum(near, 0, out=near)
    near *= near
    near *= np.float32(0.25 / blend_mm)
    blended -= near
    return blended


def smooth_curve(points: object, samples: int = 8) -> Points:
    """A Catmull-Rom curve through points (n, k), (samples * (n - 1) + 1, k)."""
    points = np.asarray(points, float)
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, samples, endpoint=False)[None, :, None]
    a, b, c, d = (padded[k : len(padded) - 3 + k, None] for k in range(4))
    pieces = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([pieces.reshape(-1, points.shape[1]), points[-1:]])


def _frame_along(direction: Points) -> Points:
    """Three orthonormal rows, the first along the direction, the last as near to z as can be."""
    first = direction / np.linalg.norm(direction)
    up = np.array([0.0, 0.0, 1.0]) if abs(first[2]) < 0.95 else np.array([0.0, 1.0, 0.0])
    second = np.cross(up, first)
    second /= np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)])
