"""Whether half precision changes a result: the same films through two releases of the same models."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heartviz.errors import DataError, SegmentationError
from heartviz.pipeline import analyze
from heartviz.records import ARMS, REGIONS, TASK_CLASSES
from heartviz.weights import Models

# Beside the width of any interval reported, and of one line of the page.
LARGEST_PROBABILITY_CHANGE = 0.005
LARGEST_RATIO_CHANGE = 0.002
LARGEST_SHARE_CHANGE = 0.005


def compare_releases(rounded: Models, full: Models, pictures: Iterable[NDArray[np.float32]]) -> dict[str, Any]:
    """Largest changes from `full` to `rounded` over pictures (H, W): probability, ratio, share of relevance; answers.

    A film that `full` refuses is counted. Raises DataError when an answer changes or a change passes this module's
    limits, and SegmentationError when only `rounded` refuses a film.
    """
    largest = {"probability": 0.0, "cardiothoracic_ratio": 0.0, "relevance_share": 0.0}
    count = refused = answers = 0
    for picture in pictures:
        try:
            expected = analyze(picture, full)
        except SegmentationError:
            refused += 1
            continue
        found = analyze(picture, rounded, target_class=expected.explanation.target_class)
        count += 1
        ratios = found.cardiothoracic.ratio, expected.cardiothoracic.ratio
        largest["cardiothoracic_ratio"] = max(largest["cardiothoracic_ratio"], abs(ratios[0] - ratios[1]))
        for arm in ARMS:
            for region in REGIONS:
                shares = (report.explanation.shares[arm].share[region] for report in (found, expected))
                largest["relevance_share"] = max(largest["relevance_share"], abs(next(shares) - next(shares)))
            for task in TASK_CLASSES:
                given, wanted = found.predictions[task][arm], expected.predictions[task][arm]
                answers += given.label != wanted.label
                for name, probability in wanted.probabilities.items():
                    change = abs(given.probabilities[name] - probability)
                    largest["probability"] = max(largest["probability"], change)
    result = {"films": count, "refused": refused, "answers_changed": answers, "largest_change": largest}
    limits = (LARGEST_PROBABILITY_CHANGE, LARGEST_RATIO_CHANGE, LARGEST_SHARE_CHANGE)
    if not count or answers or any(change > limit for change, limit in zip(largest.values(), limits, strict=True)):
        raise DataError(f"Half precision changes results: {result}. Ship these models in float32.")
    return result
