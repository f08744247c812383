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


def surface_distances(predicted: NDArray[np.bool_], reference: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distances in px from every outline pixel of each mask to the other's outline, both ways; empty if a mask is."""
    if not predicted.any() or not reference.any():
        return np.zeros(0)
    outlines = [mask & ~ndimage.binary_erosion(mask) for mask in (predicted, reference)]
    to_reference = ndimage.distance_transform_edt(~outlines[1])[outlines[0]]
    to_predicted = ndimage.distance_transform_edt(~outlines[0])[outlines[1]]
    return np.concatenate([to_reference, to_predicted])


def hausdorff95(predicted: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """95th percentile of the outline distances both ways, px; NaN when a mask is empty."""
    distances = surface_distances(predicted, reference)
    return float(np.percentile(distances, 95)) if distances.size else float("nan")


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
