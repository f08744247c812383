"""Scores of masks against reference masks, and intervals over films."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# JSRT films are 2048 px of 0.175 mm; at 512 px a pixel is 0.7 mm.
MM_PER_PX_AT_512 = 0.7


def dice(predicted: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """Dice overlap 2|A n B| / (|A| + |B|), 0..1; NaN when both are empty."""
    total = int(predicted.sum()) + int(reference.sum())
    return 2.0 * int((predicted & reference).sum()) / total if total else float("nan")


def hausdorff95(predicted: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """The larger of the two directed 95th percentiles of distances between outlines, px; NaN when a mask is empty."""
    if not predicted.any() or not reference.any():
        return float("nan")
    outlines = [mask & ~ndimage.binary_erosion(mask) for mask in (predicted, reference)]
    to_reference = ndimage.distance_transform_edt(~outlines[1])[outlines[0]]
    to_predicted = ndimage.distance_transform_edt(~outlines[0])[outlines[1]]
    return float(max(np.percentile(to_reference, 95), np.percentile(to_predicted, 95)))


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
