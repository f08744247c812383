"""What a map is to be told from: the edges of the picture, and the same method on weights that learnt nothing."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_gradient_magnitude
from scipy.stats import spearmanr

EDGE_SIGMA_PX = 1.0
# From this rank correlation on, a map is called alike its control.
ALIKE = 0.5


def detect_edges(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Strength of the gray edges of a picture (h, w): the gradient's length, smoothed by 1 px."""
    return gaussian_gradient_magnitude(picture.astype(np.float32), EDGE_SIGMA_PX)


def compare_maps(values: NDArray[np.float32], control: NDArray[np.float32]) -> float:
    """Spearman's rank correlation of two maps' absolute values (h, w), over pixels where both are numbers.

    NaN where either is flat. Source: Adebayo 2018.
    """
    both = np.isfinite(values) & np.isfinite(control)
    first, second = np.abs(values[both]), np.abs(control[both])
    if first.size < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(spearmanr(first, second).statistic)
