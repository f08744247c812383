"""Scores of masks against reference masks, and intervals over films."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from heartviz.measure import bootstrap_interval, measure_cardiothoracic_ratio

# JSRT films are 2048 px of 0.175 mm; at 512 px a pixel is 0.7 mm.
MM_PER_PX_AT_512 = 0.7
OUTLINE_SCORES = ("heart_dice", "heart_jaccard", "heart_hd95_mm", "heart_assd_mm", "lungs_dice", "lungs_jaccard")


def dice(predicted: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """Dice overlap 2|A n B| / (|A| + |B|), 0..1; NaN when both are empty."""
    total = int(predicted.sum()) + int(reference.sum())
    return 2.0 * int((predicted & reference).sum()) / total if total else float("nan")


def jaccard(predicted: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """Jaccard overlap |A n B| / |A u B|, 0..1; NaN when both are empty."""
    overlap = dice(predicted, reference)
    return overlap / (2 - overlap)


def hausdorff95(predicted: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """The larger of the two directed 95th percentiles of distances between outlines, px; NaN when a mask is empty."""
    return _measure_distance(compute_hausdorff_distance, predicted, reference, percentile=95)


def average_surface_distance(predicted: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """Mean distance of each outline's points to the other outline (ASSD), px; NaN when a mask is empty."""
    return _measure_distance(compute_average_surface_distance, predicted, reference, symmetric=True)


def count_parts(mask: NDArray[np.bool_]) -> int:
    """Number of 8-connected parts of a mask (H, W)."""
    return int(ndimage.label(mask, structure=np.ones((3, 3)))[1])


def score_outlines(found: Sequence[NDArray[np.bool_]], reference: Sequence[NDArray[np.bool_]]) -> dict[str, float]:
    """OUTLINE_SCORES and "ratio_error" of heart, left and right lung masks (512, 512); NaN where a mask is empty.

    Distances are in mm-equivalent; the error is that of the cardiothoracic ratio, found minus reference.
    """
    (heart, lungs), (true_heart, true_lungs) = ((masks[0], masks[1] | masks[2]) for masks in (found, reference))
    error = float("nan")
    if heart.any() and lungs.any():
        error = (
            measure_cardiothoracic_ratio(heart, lungs).ratio
            - measure_cardiothoracic_ratio(true_heart, true_lungs).ratio
        )
    return {
        "heart_dice": dice(heart, true_heart),
        "heart_jaccard": jaccard(heart, true_heart),
        "heart_hd95_mm": hausdorff95(heart, true_heart) * MM_PER_PX_AT_512,
        "heart_assd_mm": average_surface_distance(heart, true_heart) * MM_PER_PX_AT_512,
        "lungs_dice": dice(lungs, true_lungs),
        "lungs_jaccard": jaccard(lungs, true_lungs),
        "ratio_error": error,
    }


def summarise_outlines(rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Mean, 95 % interval by film and number missing of each score, n, and the ratio's agreement (Bland-Altman)."""
    summary: dict[str, Any] = {"n": len(rows)}
    for name in OUTLINE_SCORES:
        values = np.array([row[name] for row in rows])
        summary[name] = {"mean": float(np.nanmean(values)), "interval": bootstrap_interval(values)}
        summary[name]["missing"] = int(np.isnan(values).sum())
    errors = np.array([row["ratio_error"] for row in rows])
    bias, spread = float(np.nanmean(errors)), 1.96 * float(np.nanstd(errors, ddof=1))
    summary["ratio"] = {
        "mean_absolute_error": float(np.nanmean(np.abs(errors))),
        "interval": bootstrap_interval(np.abs(errors)),
        "bias": bias,
        "limits_of_agreement": (bias - spread, bias + spread),
    }
    return summary


def _measure_distance(
    measure: Callable[..., Tensor], predicted: NDArray[np.bool_], reference: NDArray[np.bool_], **options: object
) -> float:
    if not predicted.any() or not reference.any():
        return float("nan")
    pair = (torch.from_numpy(np.ascontiguousarray(mask))[None, None].float() for mask in (predicted, reference))
    with warnings.catch_warnings():
        # MONAI calls its own function with an option that it has deprecated.
        warnings.filterwarnings("ignore", message=".*always_return_as_numpy", category=FutureWarning)
        return float(measure(*pair, include_background=True, **options))
