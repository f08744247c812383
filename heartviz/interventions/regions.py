"""Changes of one region of a film: dim, remove, blur or swap it, keep it alone, erase letters, plant a cue.

Pictures are float32 (H, W) in 0..1, masks bool (H, W) of the same frame; each function gives a new picture. What a
model then answers is compared with what its map promised.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from heartviz.masks import dim_outside

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

BLUR_SIGMA_RATIO = 0.04  # of the picture's shorter side
EDGE_SIGMA_RATIO = 0.004
REMOVAL_MARGIN_RATIO = 0.01
MARKER_SIDE_RATIO = 0.09
STROKE_RATIO = 0.02  # of the picture's shorter side: no stroke of a letter is wider than twice this
LETTER_CONTRAST = 0.35
LETTER_LEAST_GRAY = 0.75
LETTER_LARGEST_RATIO = 0.08


def dim_region(picture: Picture, mask: Mask, ratio: float) -> Picture:
    """Gray values inside the mask times `ratio`: the reverse of what VGG+Mask does to the film."""
    return dim_outside(picture, ~mask, ratio)


def blur_region(picture: Picture, mask: Mask) -> Picture:
    """The region without structures smaller than 4 % of the film, softly joined; its mean gray stays."""
    sigma = BLUR_SIGMA_RATIO * min(picture.shape)
    weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)
    inside = cv2.GaussianBlur(np.where(mask, picture, 0).astype(np.float32), (0, 0), sigma)
    return blend(picture, inside / np.maximum(weight, 1e-6), mask)


def remove_region(picture: Picture, mask: Mask) -> Picture:
    """The region filled in from its surroundings, as smoothly as can be, so that nothing of it is left but its place.

    The region is first grown by 1 % of the film, past the edge that an outline leaves over. One that fills the film
    becomes its mean.
    """
    mask = grow_mask(mask, round(REMOVAL_MARGIN_RATIO * min(picture.shape)))
    if mask.all():
        return np.full_like(picture, picture.mean())
    return blend(picture, _fill_from_around(picture, mask), mask)


def swap_region(picture: Picture, mask: Mask, other: Picture, other_mask: Mask) -> Picture:
    """The region with what another film has in its region of the same name, stretched row by row to this outline.

    Mean and spread of gray stay this film's, so that only what is in it is exchanged. For both lungs call it lung by
    lung. Raises ValueError for an empty mask.
    """
    if not (mask.any() and other_mask.any()):
        raise ValueError("A region to swap is empty.")
    rows, firsts, widths = _row_extents(mask)
    other_rows, other_firsts, other_widths = _row_extents(other_mask)
    places = np.interp(np.linspace(0, 1, rows.size), np.linspace(0, 1, other_rows.size), np.arange(other_rows.size))
    from_rows = np.interp(places, np.arange(other_rows.size), other_rows)
    from_firsts, from_widths = (
        np.interp(places, np.arange(places_of.size), places_of) for places_of in (other_firsts, other_widths)
    )
    across = (np.arange(picture.shape[1])[None] - firsts[:, None]) / widths[:, None]
    map_cols = (from_firsts[:, None] + across.clip(0, 1) * from_widths[:, None]).astype(np.float32)
    map_rows = np.broadcast_to(from_rows[:, None], map_cols.shape).astype(np.float32)
    donor = picture.copy()
    donor[rows] = cv2.remap(other, map_cols, map_rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mine, theirs = picture[mask], donor[mask]
    matched = (donor - theirs.mean()) * (mine.std() / max(float(theirs.std()), 1e-6)) + mine.mean()
    return blend(picture, np.clip(matched, 0, 1).astype(np.float32), mask)


def keep_only(picture: Picture, mask: Mask) -> Picture:
    """The region alone; the mean gray of the rest everywhere else."""
    rest = picture[~mask]
    return np.where(mask, picture, np.float32(rest.mean() if rest.size else 0.0))


def silhouette(mask: Mask) -> Picture:
    """The mask itself as a picture: all that is left is the outline."""
    return mask.astype(np.float32)


def find_letters(picture: Picture, thorax_mask: Mask) -> Mask:
    """Burnt-in letters and markers, with a little of what is around them; see `find_strokes`."""
    reach = max(1, round(0.006 * min(picture.shape)))
    grown = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return cv2.dilate(find_strokes(picture, thorax_mask).astype(np.uint8), grown).astype(bool)


def find_strokes(picture: Picture, thorax_mask: Mask) -> Mask:
    """Burnt-in letters and markers alone: strokes much brighter than what is around them, outside of heart and lungs.

    Found are parts that an opening with a square wider than any stroke takes away, at most 8 % of the film long, clear
    of the thorax mask and of the film's edge. Hard films show edges of bone like strokes; a plate is not found.
    """
    side = min(picture.shape)
    square = np.ones(2 * (2 * round(STROKE_RATIO * side) + 3,), np.uint8)
    strokes = cv2.morphologyEx(picture, cv2.MORPH_TOPHAT, square) > LETTER_CONTRAST
    strokes &= picture > LETTER_LEAST_GRAY
    barred = grow_mask(thorax_mask, round(2 * STROKE_RATIO * side))
    barred[[0, -1]] = barred[:, [0, -1]] = True
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(strokes.astype(np.uint8), connectivity=8)
    longest = boxes[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    kept = (longest <= LETTER_LARGEST_RATIO * side) & ~np.isin(np.arange(count), labels[barred])
    kept[0] = False
    return kept[labels]


def plant_marker(picture: Picture, strength: float = 1.0, box: tuple[slice, slice] | None = None) -> Picture:
    """A bright square with a dark L in the upper right corner of the film, or of a box (rows, cols) on it.

    `strength` 0..1 is its opacity.
    """
    rows, cols = box or (slice(0, picture.shape[0]), slice(0, picture.shape[1]))
    side = max(5, round(MARKER_SIDE_RATIO * min(rows.stop - rows.start, cols.stop - cols.start)))
    marker = np.ones((side, side), np.float32)
    bar = max(1, side // 6)
    marker[bar : side - bar, 2 * bar : 3 * bar] = 0.1
    marker[side - 2 * bar : side - bar, 2 * bar : side - bar] = 0.1
    top, left = rows.start + bar, cols.stop - side - bar
    changed = picture.copy()
    place = (slice(top, top + side), slice(left, left + side))
    changed[place] = (1 - strength) * changed[place] + strength * marker
    return changed


def plant_texture(picture: Picture, mask: Mask, amplitude: float, rng: np.random.Generator) -> Picture:
    """A fine net laid over a region, as thickened lung tissue shows: zero mean, `amplitude` its standard deviation."""
    noise = rng.standard_normal(picture.shape).astype(np.float32)
    scale = min(picture.shape)
    net = cv2.GaussianBlur(noise, (0, 0), 0.006 * scale) - cv2.GaussianBlur(noise, (0, 0), 0.02 * scale)
    inside = net[mask]
    if not inside.size:
        return picture.copy()
    net = (net - inside.mean()) / max(float(inside.std()), 1e-9) * np.float32(amplitude)
    return np.clip(blend(picture, picture + net, mask), 0, 1).astype(np.float32)


def grow_mask(mask: Mask, px: int) -> Mask:
    """The mask grown by a number of pixels, shrunk for a negative one."""
    distance = cv2.distanceTransform((~mask if px >= 0 else mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return distance <= px if px >= 0 else mask & (distance > -px)


def move_mask(mask: Mask, rows: int, cols: int) -> Mask:
    """The mask moved down and to the right; what leaves the film is lost."""
    shift = np.array([[1, 0, cols], [0, 1, rows]], np.float32)
    moved = cv2.warpAffine(mask.astype(np.uint8), shift, mask.shape[::-1], flags=cv2.INTER_NEAREST)
    return moved.astype(bool)


def read_strokes(painted: NDArray[np.uint8], size: tuple[int, int]) -> tuple[Mask, Mask]:
    """What was painted to add to a mask and to take from it, bool of `size` (H, W), from an RGBA picture of any size.

    Strokes more red than green take away; strokes less than half opaque do not count.
    """
    full = cv2.resize(painted, dsize=size[::-1], interpolation=cv2.INTER_NEAREST)
    opaque, is_red = full[..., 3] > 127, full[..., 0] > full[..., 1]
    return opaque & ~is_red, opaque & is_red


def blend(picture: Picture, changed: Picture, mask: Mask) -> Picture:
    """`changed` inside the mask, `picture` outside, joined over a narrow band inside so that no edge is drawn."""
    sigma = max(0.6, EDGE_SIGMA_RATIO * min(picture.shape))
    inner = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    share = np.clip(inner / (2 * sigma), 0, 1)
    return (picture * (1 - share) + changed * share).astype(np.float32)


def _fill_from_around(picture: Picture, mask: Mask) -> Picture:
    """The picture with the mask's pixels averaged from what is known around them, from coarse to fine."""
    known = (~mask).astype(np.float32)
    levels = [(picture * known, known)]
    while min(levels[-1][0].shape) > 2:
        values, weights = (cv2.pyrDown(part) for part in levels[-1])
        levels.append((values, weights))
    filled = levels[-1][0] / np.maximum(levels[-1][1], 1e-6)
    for values, weights in reversed(levels[:-1]):
        enlarged = cv2.pyrUp(filled, dstsize=values.shape[::-1])
        share = np.clip(weights, 0, 1)
        filled = values / np.maximum(weights, 1e-6) * share + enlarged * (1 - share)
    return filled.astype(np.float32)


def _row_extents(mask: Mask) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """The rows that the mask has, its first column in each and its width there, smoothed from row to row."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    width = mask.shape[1] - mask[rows, ::-1].argmax(axis=1) - first
    sigma = max(0.6, 0.01 * rows.size)
    smooth = [gaussian_filter1d(values.astype(float), sigma, mode="nearest") for values in (first, width)]
    return rows, smooth[0], np.maximum(smooth[1], 1.0)
