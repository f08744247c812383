"""Is what was found on the film a heart between two lungs, upright and seen from the front? Words, not only a score."""

import numpy as np
from numpy.typing import NDArray

from heartviz.errors import SegmentationError
from heartviz.records import BoolMask, CardiothoracicRatio, FloatImage, Segmentation

# Limits were set by looking at frontal films that nothing was trained on, laterals, and inverted or turned films:
# nearly all frontals lie well inside, nearly all others outside at least one. `python -m train.gate` counts.
LEAST_HEART_AREA, LARGEST_HEART_AREA = 0.008, 0.30  # of the film
LEAST_LUNG_AREA = 0.015  # of the film
LEAST_CERTAINTY = 0.88  # mean probability inside the least certain mask
LUNG_AREA_RATIO_RANGE = (0.35, 2.8)  # patient's left over right lung
LEAST_LUNG_OVERLAP = 0.40  # rows that both lungs share, of the taller lung's
HEART_COL_RANGE = (0.35, 0.72)  # centre of the heart across the thorax box, from the patient's right
HEART_ROW_RANGE = (0.55, 0.90)  # centre of the heart down the lungs' rows
LEAST_CONTRAST = 0.10  # median gray of the heart above that of the lungs, of the film's stretched range
MIRRORED_BELOW = 0.48
PLAUSIBLE_RATIO_RANGE = (0.25, 0.85)
USUAL_RATIO_RANGE = (0.30, 0.80)
ADVICE = "Use a frontal film of the whole chest, upright, bone bright and air dark."


def check_anatomy(segmentation: Segmentation, picture: FloatImage) -> tuple[str, ...]:
    """Warnings about a film; raises SegmentationError, saying what was seen, unless it shows a heart between two lungs.

    `picture` is the film with stretched contrast, float32 (H, W), the segmentation's frame.
    """
    if segmentation.lateral_prob > 0.5:
        _refuse("it looks like one taken from the side")
    found = {
        "heart": (segmentation.heart_mask, segmentation.heart_prob),
        "patient's left lung": (segmentation.left_lung_mask, segmentation.left_lung_prob),
        "patient's right lung": (segmentation.right_lung_mask, segmentation.right_lung_prob),
    }
    missing = [name for name, (mask, _) in found.items() if not mask.any()]
    if missing:
        _refuse(f"no {' and no '.join(missing)} was found")
    for name, (mask, prob) in found.items():
        area = float(mask.mean())
        least, largest = (LEAST_HEART_AREA, LARGEST_HEART_AREA) if name == "heart" else (LEAST_LUNG_AREA, 1.0)
        if not least <= area <= largest:
            size = "small" if area < least else "large"
            _refuse(f"what was taken for the {name} covers {100 * area:.1f} % of the picture, which is too {size}")
        certainty = float(prob[mask].mean())
        if certainty < LEAST_CERTAINTY:
            _refuse(f"what was taken for the {name} is too unlike one, or is hidden by disease, to be outlined")
    return _check_places(segmentation, picture)


def _check_places(segmentation: Segmentation, picture: FloatImage) -> tuple[str, ...]:
    heart, left, right = segmentation.heart_mask, segmentation.left_lung_mask, segmentation.right_lung_mask
    (left_top, left_end), (right_top, right_end) = _extent(left, axis=1), _extent(right, axis=1)
    first_col, end_col = _extent(left | right, axis=0)
    heart_row, heart_col = (float(index.mean()) for index in np.nonzero(heart))
    if np.nonzero(left)[1].mean() <= np.nonzero(right)[1].mean():
        _refuse("the patient's left lung was found on the left of the picture")
    if not LUNG_AREA_RATIO_RANGE[0] <= left.sum() / right.sum() <= LUNG_AREA_RATIO_RANGE[1]:
        _refuse("one lung is far larger than the other, as on a film taken from the side")
    shared = min(left_end, right_end) - max(left_top, right_top)
    if shared < LEAST_LUNG_OVERLAP * max(left_end - left_top, right_end - right_top):
        _refuse("the two lungs do not lie side by side, as on a film that is turned or taken from the side")
    across = (heart_col - first_col) / (end_col - first_col)
    top, end = min(left_top, right_top), max(left_end, right_end)
    down = (heart_row - top) / (end - top)
    if not (HEART_COL_RANGE[0] <= across <= HEART_COL_RANGE[1] and HEART_ROW_RANGE[0] <= down <= HEART_ROW_RANGE[1]):
        _refuse(
            "the heart was not found low between the two lungs, as on a film that is upside down, turned or taken from "
            "the side, or on which disease hides a lung"
        )
    contrast = float(np.median(picture[heart]) - np.median(picture[(left | right) & ~heart]))
    if contrast < LEAST_CONTRAST:
        _refuse("the heart is not brighter than the lungs: the film looks inverted")
    if across < MIRRORED_BELOW:
        return (
            "The heart lies towards the patient's right: a mirrored film, or situs inversus. Check the side marker.",
        )
    return ()


def check_ratio(cardiothoracic: CardiothoracicRatio) -> tuple[str, ...]:
    """Warnings about the cardiothoracic ratio; raises SegmentationError where no film could have it."""
    ratio = cardiothoracic.ratio
    if not PLAUSIBLE_RATIO_RANGE[0] <= ratio <= PLAUSIBLE_RATIO_RANGE[1]:
        _refuse(f"the cardiothoracic ratio came out as {ratio:.2f}, so heart or lungs were not found rightly")
    if not USUAL_RATIO_RANGE[0] <= ratio <= USUAL_RATIO_RANGE[1]:
        return (f"The cardiothoracic ratio of {ratio:.2f} is unusual: look at the outlines before you use it.",)
    return ()


def _extent(mask: BoolMask, axis: int) -> tuple[int, int]:
    """First filled index along the other axis, and one past the last."""
    filled: NDArray[np.intp] = np.flatnonzero(mask.any(axis=axis))
    return int(filled[0]), int(filled[-1]) + 1


def _refuse(seen: str) -> None:
    raise SegmentationError(f"This does not look like a frontal chest film: {seen}. {ADVICE}")
