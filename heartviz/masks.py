"""Masks from probability maps: threshold, largest part, holes, smooth outline; and dimming outside of a mask."""

import cv2
import numpy as np
from numpy.typing import NDArray

# Gray values outside the heart are multiplied by this (paper section 2.2.3).
OUTSIDE_GRAY_RATIO = 0.2
# Gray levels of the lungs in the picture of the hardened model: their median, and how far below it their tenth is.
LEVEL_MEDIAN, LEVEL_SPREAD = 0.3, 0.12
# Outlines are smoothed by this sigma, in px of the segmenter's picture, before they are enlarged.
SMOOTHING_SIGMA_PX = 1.2
# Tongues of the heart's mask thinner than twice this, in thorax widths, are cut off: they end in fat or diaphragm at
# the apex and make the heart too wide. Set on validation films.
HEART_OPENING_W = 0.03


def keep_largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Only the largest 4-connected part of the mask, bool (H, W); an empty mask stays empty."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count <= 1:
        return np.zeros_like(mask)
    return labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))


def fill_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask with every background region that does not touch the picture's edge filled, bool (H, W)."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(filled, contours, -1, color=1, thickness=cv2.FILLED)
    return filled.astype(bool) | mask


def clean_mask(prob: NDArray[np.float32], threshold: float = 0.5) -> NDArray[np.bool_]:
    """The largest part of a probability map (H, W) above the threshold, holes filled; empty if nothing is above."""
    return fill_holes(keep_largest_part(prob > threshold))


def open_mask(mask: NDArray[np.bool_], radius_px: float) -> NDArray[np.bool_]:
    """The union of all discs of a radius that fit into the mask, bool (H, W): tongues thinner than a disc are gone.

    Past the picture's edge the mask counts as going on. A disc larger than the mask leaves it empty.
    """
    fits = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) > radius_px
    to_fitting = cv2.distanceTransform((~fits).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return mask & (to_fitting <= radius_px) if fits.any() else np.zeros_like(mask)


def mask_contour(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The longest outer outline of the mask as (points, 2) rows and cols in pixels; (0, 2) for an empty mask."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return np.zeros((0, 2), np.float32)
    longest_xy = max(contours, key=len)[:, 0, :]
    return longest_xy[:, ::-1].astype(np.float32)


def dim_outside(
    picture: NDArray[np.float32], mask: NDArray[np.bool_], ratio: float = OUTSIDE_GRAY_RATIO
) -> NDArray[np.float32]:
    """A new picture with gray values outside the mask multiplied by `ratio`. Source: paper section 2.2.3."""
    return np.where(mask, picture, picture * np.float32(ratio)).astype(np.float32)


def level_lungs(
    picture: NDArray[np.float32], heart_mask: NDArray[np.bool_], lungs_mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """A new picture (H, W): the heart as it is, the lungs beside it at one gray level on every film, the rest 0.

    A straight line moves the lungs' median to 0.3 and their tenth percentile to 0.18: how bright a film's lungs are
    and how strong its contrast is are gone, and vessels stay, as strong beside their surroundings as they are. The
    lower half sets the line, because vessels, which are bright, hardly move it. Lungs of one gray value become 0.3.
    """
    beside = lungs_mask & ~heart_mask
    median, gain = _lungs_line(picture, beside)
    levelled = np.clip(LEVEL_MEDIAN + gain * (picture - median), 0, 1)
    return np.where(heart_mask, picture, np.where(beside, levelled, 0)).astype(np.float32)


def level_gain(
    picture: NDArray[np.float32], heart_mask: NDArray[np.bool_], lungs_mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """How many times the picture's gray `level_lungs` shows, (H, W): 1 in the heart, 0 outside heart and lungs."""
    beside = lungs_mask & ~heart_mask
    gain = _lungs_line(picture, beside)[1]
    return np.where(heart_mask, 1, np.where(beside, gain, 0)).astype(np.float32)


def _lungs_line(picture: NDArray[np.float32], beside: NDArray[np.bool_]) -> tuple[float, float]:
    """The lungs' median gray, and the gain that brings their tenth percentile where it belongs."""
    if not beside.any():
        return 0.0, 1.0
    tenth, median = (float(value) for value in np.percentile(picture[beside], (10, 50)))
    return median, LEVEL_SPREAD / max(median - tenth, 1e-3)


def find_extent(mask: NDArray[np.bool_], axis: int) -> tuple[int, int]:
    """First filled index along the other axis of a mask that is not empty, and one past the last."""
    filled = np.flatnonzero(mask.any(axis=axis))
    return int(filled[0]), int(filled[-1]) + 1
