"""Is what was found on the film a heart between two lungs? Refusals and warnings in words."""

import numpy as np

from heartviz.errors import SegmentationError
from heartviz.records import CardiothoracicRatio, Segmentation

# Shares of the film's area. Hearts of the 396 training-set films lie in 0.045 to 0.19, each lung in 0.05 to 0.26;
# a chest that fills only part of the frame makes all of them smaller.
HEART_AREA_RANGE = (0.008, 0.30)
LEAST_LUNG_AREA = 0.015
PLAUSIBLE_RATIO_RANGE = (0.25, 0.85)
USUAL_RATIO_RANGE = (0.30, 0.80)
# Mean probability inside the cleaned masks; films held out lie above 0.9.
LEAST_CERTAINTY = 0.75
ADVICE = "Use a frontal film of the whole chest, upright, bone bright and air dark."


def check_anatomy(segmentation: Segmentation) -> None:
    """Raises SegmentationError, saying what was seen, unless there are two lungs and a heart of plausible size."""
    found = {
        "heart": (segmentation.heart_mask, segmentation.heart_prob),
        "patient's left lung": (segmentation.left_lung_mask, segmentation.left_lung_prob),
        "patient's right lung": (segmentation.right_lung_mask, segmentation.right_lung_prob),
    }
    missing = [name for name, (mask, _) in found.items() if not mask.any()]
    if missing:
        names = " and no ".join(missing)
        raise SegmentationError(f"This does not look like a frontal chest film: no {names}. {ADVICE}")
    for name, (mask, prob) in found.items():
        area = float(mask.mean())
        low, high = HEART_AREA_RANGE if name == "heart" else (LEAST_LUNG_AREA, 1.0)
        if not low <= area <= high:
            size = "small" if area < low else "large"
            raise SegmentationError(
                f"This does not look like a frontal chest film: what was taken for the {name} covers {100 * area:.1f} "
                f"% of the picture, which is too {size}. {ADVICE}"
            )
        certainty = float(prob[mask].mean())
        if certainty < LEAST_CERTAINTY:
            raise SegmentationError(
                f"This does not look like a frontal chest film: the {name} was found with {100 * certainty:.0f} % "
                f"certainty only, {100 * LEAST_CERTAINTY:.0f} % is needed. {ADVICE}"
            )
    left_col = float(np.flatnonzero(segmentation.left_lung_mask.any(axis=0)).mean())
    right_col = float(np.flatnonzero(segmentation.right_lung_mask.any(axis=0)).mean())
    if left_col <= right_col:
        raise SegmentationError(
            "The patient's left lung was found on the left of the picture: the film looks mirrored. "
            "Turn it round so that the patient's left is on the picture's right."
        )


def check_ratio(cardiothoracic: CardiothoracicRatio) -> tuple[str, ...]:
    """Warnings about the cardiothoracic ratio; raises SegmentationError where no film could have it."""
    ratio = cardiothoracic.ratio
    if not PLAUSIBLE_RATIO_RANGE[0] <= ratio <= PLAUSIBLE_RATIO_RANGE[1]:
        raise SegmentationError(
            f"The cardiothoracic ratio came out as {ratio:.2f}, which no frontal chest film has: heart or lungs were "
            f"not found rightly. {ADVICE}"
        )
    if not USUAL_RATIO_RANGE[0] <= ratio <= USUAL_RATIO_RANGE[1]:
        return (f"The cardiothoracic ratio of {ratio:.2f} is unusual: look at the outlines before you use it.",)
    return ()
