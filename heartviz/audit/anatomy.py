"""Maps of different films laid over each other: warped so that thorax and heart come to lie where all others' do."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

# Cells of the common anatomy, along either side.
GRID = 24
# Bounding boxes on the common anatomy, as (first, last) shares of its side: both lungs, and the heart as it lies on
# average on 246 JSRT films (SCR outlines).
THORAX = (0.06, 0.94)
HEART_X, HEART_Y = (0.06 + 0.88 * 0.36, 0.06 + 0.88 * 0.81), (0.06 + 0.88 * 0.48, 0.06 + 0.88 * 0.88)


class CommonAnatomy:
    """Where each cell of the common anatomy lies on one film, by its masks (H, W).

    Along each axis straight pieces run from the thorax's edge to the heart's and on to the thorax's other edge: the
    bounding boxes of both come to lie where those of all films do. Raises ValueError for an empty mask.
    """

    def __init__(self, heart_mask: NDArray[np.bool_], lungs_mask: NDArray[np.bool_]) -> None:
        if not heart_mask.any() or not lungs_mask.any():
            raise ValueError("The heart's or the lungs' mask is empty.")
        cells = (np.arange(GRID) + 0.5) / GRID
        self._places = np.stack(
            np.meshgrid(
                _pieces(cells, HEART_Y, heart_mask.any(axis=1), lungs_mask.any(axis=1)),
                _pieces(cells, HEART_X, heart_mask.any(axis=0), lungs_mask.any(axis=0)),
                indexing="ij",
            )
        )
        # Half a cell on this film.
        self._sigma = [float(np.abs(np.diff(places, axis=axis)).mean()) / 2 for axis, places in enumerate(self._places)]

    def lay(self, values: NDArray) -> NDArray[np.float32]:
        """Values (H, W) on the common anatomy, (GRID, GRID); what is not a number counts as 0, and so does the rim."""
        smooth = gaussian_filter(np.nan_to_num(values).astype(np.float32), self._sigma, mode="constant")
        return map_coordinates(smooth, self._places, order=1, mode="constant").astype(np.float32)

    def lay_share(self, values: NDArray) -> NDArray[np.float32]:
        """Absolute values (H, W) on the common anatomy, divided by their sum; zeros for an empty map."""
        laid = self.lay(np.abs(values))
        total = float(laid.sum())
        return (laid / total).astype(np.float32) if total > 0 else laid


def _pieces(
    cells: NDArray[np.float64], heart_at: tuple[float, float], heart: NDArray[np.bool_], lungs: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Pixel of each cell along one axis; knots that would run backwards are pushed a pixel apart."""
    heart_span, lungs_span = (np.flatnonzero(line)[[0, -1]].astype(float) for line in (heart, lungs))
    inside = np.sort(np.clip(heart_span, lungs_span[0] + 1, max(lungs_span[1] - 1, lungs_span[0] + 2)))
    knots = np.array([lungs_span[0], inside[0], max(inside[1], inside[0] + 1), lungs_span[1]])
    knots = np.maximum.accumulate(knots + np.arange(4) * 1e-3)
    at = np.array([THORAX[0], *heart_at, THORAX[1]])
    slope_before, slope_after = ((knots[i + 1] - knots[i]) / (at[i + 1] - at[i]) for i in (0, 2))
    places = np.interp(cells, at, knots)
    places = np.where(cells < at[0], knots[0] + (cells - at[0]) * slope_before, places)
    return np.where(cells > at[-1], knots[-1] + (cells - at[-1]) * slope_after, places)
