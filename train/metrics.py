"""Scores of masks against reference masks, and intervals over films."""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

# JSRT films are 2048 px of 0.175 mm; at 512 px a pixel is 0.7 mm.
MM_PER_PX_AT_512 = 0.7


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


def bootstrap_interval(
    values: Sequence[float] | NDArray,
    statistic: Callable[[NDArray], float] = np.nanmean,
    repeats: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile interval of a statistic over films, by resampling films; values (n,) or (n, columns)."""
    values = np.asarray(values)
    rng = np.random.default_rng(seed)
    resampled = [statistic(values[rng.integers(len(values), size=len(values))]) for _ in range(repeats)]
    low, high = np.percentile(resampled, [2.5, 97.5])
    return float(low), float(high)
