"""The smooth displacement of a film: the signs' bumps on its outline and places, jitter and controls, never folding."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from heartviz.errors import DataError
from heartviz.masks import mask_contour
from train.signs import ContourBump, FilmParams, PlaceBump

FIELD_SIZE_PX = 128  # displacement fields are drawn on a grid this wide and enlarged: they are smooth
LEAST_JACOBIAN = 0.3
LEAST_CHANCE_JACOBIAN = 0.5  # of jitter and controls alone, so that they leave room for the signs
WALL_FADE_W = 0.1  # displacements fade out over this, in thorax widths, before the ribs' inner wall
OFF_OUTLINE_W = (0.02, 0.14)  # controls are 0 nearer to the outline than the first, whole past the second
CONTROL_COUNT = 4
# Controls lie at least this far from the outline and from each other, where the walls' fade has hardly begun.
LEAST_OUTLINE_DISTANCE_W, LEAST_CONTROL_DISTANCE_W, LEAST_FADE = 0.16, 0.3, 0.8


@dataclass(frozen=True)
class Anatomy:
    """What the displacements need to know of a film, on the small grid: outline points and angles, thorax, walls."""

    scale: NDArray[np.float64]  # grid pixels per film pixel, (row, col)
    outline: NDArray[np.float64]  # (points, 2) grid rows and cols
    angle_deg: NDArray[np.float64]
    normal: NDArray[np.float64]  # (points, 2) outward, row and col
    thorax: tuple[float, float, float, float]  # top, left, height, width in grid pixels
    outline_distance: NDArray[np.float32]
    wall_fade: NDArray[np.float32]


def measure_anatomy(heart_mask: NDArray[np.bool_], lungs_mask: NDArray[np.bool_]) -> Anatomy:
    """What the displacements of a film need; masks (H, W). Raises DataError when a mask is too small."""
    height, width = heart_mask.shape
    grid_wh = (FIELD_SIZE_PX, max(16, round(FIELD_SIZE_PX * height / width)))
    scale = np.array([grid_wh[1] / height, grid_wh[0] / width])
    small_heart = cv2.resize(heart_mask.astype(np.float32), grid_wh, interpolation=cv2.INTER_AREA) > 0.5
    small_lungs = cv2.resize(lungs_mask.astype(np.float32), grid_wh, interpolation=cv2.INTER_AREA) > 0.5
    rows, cols = np.flatnonzero(small_lungs.any(axis=1)), np.flatnonzero(small_lungs.any(axis=0))
    if rows.size < 8 or cols.size < 8:
        raise DataError("The lung masks are too small to carry a sign: give both whole lungs.")
    top, left = float(rows[0]), float(cols[0])
    thorax_height, thorax_width = float(rows[-1] - rows[0] + 1), float(cols[-1] - cols[0] + 1)
    outline = mask_contour(small_heart).astype(np.float64)
    if len(outline) < 8:
        raise DataError("The heart mask is too small to carry a sign: give the whole heart.")
    centre = np.argwhere(small_heart).mean(axis=0)
    away = (outline - centre) / (thorax_height, thorax_width)
    smooth = np.stack([_smooth_ring(outline[:, axis], 3) for axis in (0, 1)], axis=1)
    tangent = np.roll(smooth, -2, axis=0) - np.roll(smooth, 2, axis=0)
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    normal *= np.sign((normal * (outline - centre)).sum(axis=1, keepdims=True).mean()) or 1.0
    on_outline = np.ones(small_heart.shape, np.uint8)
    on_outline[outline[:, 0].astype(int), outline[:, 1].astype(int)] = 0
    distance = cv2.distanceTransform(on_outline, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return Anatomy(
        scale=scale,
        outline=outline,
        angle_deg=np.rad2deg(np.arctan2(-away[:, 0], away[:, 1])),
        normal=normal,
        thorax=(top, left, thorax_height, thorax_width),
        outline_distance=distance,
        wall_fade=_fade_to_walls(small_lungs, thorax_width),
    )


def _fade_to_walls(lungs: NDArray[np.bool_], thorax_width: float) -> NDArray[np.float32]:
    """1 inside the chest, 0 at the ribs' inner wall and beyond, so that ribs and arms stay where they are.

    The wall is the lungs' convex hull, and below its widest row goes straight down: where a lung ends it must not jump,
    or everything that moves there would fold.
    """
    outline_xy = np.concatenate(cv2.findContours(lungs.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0])
    hull = cv2.fillPoly(np.zeros(lungs.shape, np.uint8), [cv2.convexHull(outline_xy)], 1).astype(bool)
    cols = np.arange(lungs.shape[1], dtype=np.float32)
    filled = np.flatnonzero(hull.any(axis=1))
    first = hull.argmax(axis=1).astype(np.float32)
    last = (lungs.shape[1] - 1 - hull[:, ::-1].argmax(axis=1)).astype(np.float32)
    widest = filled[(last - first)[filled].argmax()]
    rows = np.clip(np.arange(lungs.shape[0]), filled[0], widest)
    first, last = (cv2.GaussianBlur(edge[rows][:, None], (1, 13), 1, sigmaY=2.0)[:, 0] for edge in (first, last))
    inside = np.minimum(cols[None, :] - first[:, None], last[:, None] - cols[None, :]) / (WALL_FADE_W * thorax_width)
    return _smooth_step(inside)


def _smooth_step(values: NDArray) -> NDArray[np.float32]:
    """0 below 0, 1 above 1, and between them without a kink."""
    clipped = np.clip(values, 0.0, 1.0)
    return (clipped * clipped * (3 - 2 * clipped)).astype(np.float32)


def _smooth_ring(values: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    padded = np.concatenate([values[-radius:], values, values[:radius]])
    return np.convolve(padded, np.ones(2 * radius + 1) / (2 * radius + 1), mode="valid")


def displacement_field(anatomy: Anatomy, params: FilmParams) -> tuple[NDArray[np.float32], float]:
    """Displacement on the grid (rows, cols, 2) in grid pixels, and the factor left of the signs' strength.

    Jitter and controls come first and are the same with and without signs; then the signs are made weaker as a whole
    until the mapping's Jacobian is at least 0.3.
    """
    # Controls keep off the outline: they mark places that carry no sign.
    distance_w = anatomy.outline_distance / anatomy.thorax[3]
    off_outline = _smooth_step((distance_w - OFF_OUTLINE_W[0]) / (OFF_OUTLINE_W[1] - OFF_OUTLINE_W[0]))[..., None]
    controls = _place_field(anatomy, choose_controls(anatomy, params.controls))
    chance = _outline_field(anatomy, params.jitter) + off_outline * controls
    signs = _outline_field(anatomy, params.sign_bumps) + _place_field(anatomy, params.vessel_bumps)
    fade = anatomy.wall_fade[..., None]
    base, _ = _limit_stretching(chance * fade, np.zeros_like(chance), LEAST_CHANCE_JACOBIAN)
    return _limit_stretching(signs * fade, base, LEAST_JACOBIAN)


def choose_controls(anatomy: Anatomy, candidates: Sequence[PlaceBump]) -> list[PlaceBump]:
    """The first candidates, four at most, that lie inside the chest, off the outline and apart from each other."""
    top, left, height, width = anatomy.thorax
    chosen: list[PlaceBump] = []
    places: list[NDArray[np.float64]] = []
    for bump in candidates:
        place = np.array([top + bump.place_xy[1] * height, left + bump.place_xy[0] * width])
        row, col = place.astype(int)
        if row >= anatomy.wall_fade.shape[0] or anatomy.wall_fade[row, col] < LEAST_FADE:
            continue
        off_outline = anatomy.outline_distance[row, col] >= LEAST_OUTLINE_DISTANCE_W * width
        if off_outline and all(np.hypot(*(place - other)) >= LEAST_CONTROL_DISTANCE_W * width for other in places):
            chosen.append(bump)
            places.append(place)
        if len(chosen) == CONTROL_COUNT:
            break
    return chosen


def _outline_field(anatomy: Anatomy, bumps: Sequence[ContourBump]) -> NDArray[np.float32]:
    field = np.zeros((*anatomy.outline_distance.shape, 2), np.float32)
    for bump in bumps:
        nearest = int(np.abs((anatomy.angle_deg - bump.angle_deg + 180.0) % 360.0 - 180.0).argmin())
        right, down = bump.shift_w
        moved = anatomy.thorax[3] * (bump.outward_w * anatomy.normal[nearest] + np.array([down, right]))
        field += _weight_about(anatomy, anatomy.outline[nearest], bump.sigma_w)[1] * moved.astype(np.float32)
    return field


def _place_field(anatomy: Anatomy, bumps: Sequence[PlaceBump]) -> NDArray[np.float32]:
    top, left, height, width = anatomy.thorax
    field = np.zeros((*anatomy.outline_distance.shape, 2), np.float32)
    for bump in bumps:
        place = np.array([top + bump.place_xy[1] * height, left + bump.place_xy[0] * width])
        away, weight = _weight_about(anatomy, place, bump.sigma_w)
        right, down = bump.shift_w
        field += weight * (bump.swell * away + np.array([down, right], np.float32) * width)
    return field


def _weight_about(
    anatomy: Anatomy, place: NDArray[np.float64], sigma_w: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Offsets from a place in grid pixels (rows, cols, 2), and a Gaussian of them (rows, cols, 1)."""
    shape = anatomy.outline_distance.shape
    away = np.stack(np.mgrid[: shape[0], : shape[1]], axis=-1).astype(np.float32) - place.astype(np.float32)
    return away, np.exp(-0.5 * (away**2).sum(axis=-1, keepdims=True) / (sigma_w * anatomy.thorax[3]) ** 2)


def _limit_stretching(
    field: NDArray[np.float32], base: NDArray[np.float32], least_jacobian: float
) -> tuple[NDArray[np.float32], float]:
    """base + factor * field, and the factor: the largest 0.94 ** n with which the Jacobian is at least the limit."""
    factor = 1.0
    while factor > 0.02 and _least_jacobian(base + factor * field) < least_jacobian:
        factor *= 0.94
    return (base + factor * field).astype(np.float32), factor


def _least_jacobian(field: NDArray[np.float32]) -> float:
    """Smallest determinant of the backward mapping x - D(x)."""
    row_by_row, row_by_col = np.gradient(field[..., 0])
    col_by_row, col_by_col = np.gradient(field[..., 1])
    return float(((1 - row_by_row) * (1 - col_by_col) - row_by_col * col_by_row).min())


def sampling_maps(
    anatomy: Anatomy, params: FilmParams, shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Columns and rows of the film that each pixel of the simulated film is taken from, as cv2.remap wants them."""
    height, width = shape
    field = cv2.resize(displacement_field(anatomy, params)[0], (width, height), interpolation=cv2.INTER_CUBIC)
    row_grid, col_grid = np.mgrid[:height, :width].astype(np.float32)
    return col_grid - field[..., 1] / np.float32(anatomy.scale[1]), row_grid - field[..., 0] / np.float32(
        anatomy.scale[0]
    )


def move_mask(mask: NDArray[np.bool_], sampling: tuple[NDArray[np.float32], NDArray[np.float32]]) -> NDArray[np.bool_]:
    """The mask (H, W) taken from where `sampling_maps` says."""
    return cv2.remap(mask.astype(np.float32), *sampling, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) > 0.5
