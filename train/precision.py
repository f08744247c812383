"""Whether half precision changes a result: the same films through two releases of the same models."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heartviz.errors import DataError, SegmentationError
from heartviz.pipeline import analyze
from heartviz.records import ARMS, REGIONS, TASK_CLASSES, Report
from heartviz.weights import Models

# Largest changes allowed. Outlines must not move at all: VGG+Mask's picture has an edge of five to one in gray where
# they run, and a few pixels of them move its probabilities by hundredths. `train.segmenter` rounds its weights itself.
LIMITS: Mapping[str, float] = MappingProxyType(
    {
        "answers": 0,
        "outline_px": 0,
        "cardiothoracic_ratio": 0.0,
        "probability": 0.005,
        "lateral_probability": 0.005,
        "relevance_share": 0.005,
    }
)


def compare_releases(rounded: Models, full: Models, pictures: Iterable[NDArray[np.float32]]) -> dict[str, Any]:
    """Largest changes from `full` to `rounded` over pictures (H, W), by the names of LIMITS; how many were compared.

    "answers" is how many answers changed on one film. A film that `full` refuses is counted. Raises DataError when a
    change passes its limit, and SegmentationError when only `rounded` refuses a film.
    """
    largest = dict.fromkeys(LIMITS, 0.0)
    count = refused = 0
    for picture in pictures:
        try:
            expected = analyze(picture, full)
        except SegmentationError:
            refused += 1
            continue
        found = analyze(picture, rounded, target_class=expected.explanation.target_class)
        count += 1
        changes = _changes(found, expected)
        largest = {name: max(value, changes[name]) for name, value in largest.items()}
    result = {"films": count, "refused": refused, "largest_change": largest}
    passed = [name for name, limit in LIMITS.items() if largest[name] > limit]
    if passed or not count:
        raise DataError(f"Half precision changes results ({', '.join(passed)}): {result}. Ship float32 files.")
    return result


def _changes(found: Report, expected: Report) -> dict[str, float]:
    masks = ("heart_mask", "left_lung_mask", "right_lung_mask")
    changes: dict[str, float] = {
        "answers": sum(
            found.predictions[task][arm].label != expected.predictions[task][arm].label
            for task in TASK_CLASSES
            for arm in ARMS
        ),
        "outline_px": max(
            int((getattr(found.segmentation, name) != getattr(expected.segmentation, name)).sum()) for name in masks
        ),
        "cardiothoracic_ratio": abs(found.cardiothoracic.ratio - expected.cardiothoracic.ratio),
    }
    changes["probability"] = max(
        abs(found.predictions[task][arm].probabilities[name] - expected.predictions[task][arm].probabilities[name])
        for task, names in TASK_CLASSES.items()
        for arm in ARMS
        for name in names
    )
    changes["lateral_probability"] = abs(found.segmentation.lateral_prob - expected.segmentation.lateral_prob)
    changes["relevance_share"] = max(
        abs(found.explanation.shares[arm].share[region] - expected.explanation.shares[arm].share[region])
        for arm in ARMS
        for region in REGIONS
    )
    return changes
