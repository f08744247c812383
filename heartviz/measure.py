"""Numbers from masks and maps: cardiothoracic ratio, share of relevance by region. Numbers only."""

import numpy as np
from numpy.typing import NDArray

from heartviz.errors import SegmentationError
from heartviz.records import REGIONS, CardiothoracicRatio, RelevanceShare


def measure_cardiothoracic_ratio(heart_mask: NDArray[np.bool_], lungs_mask: NDArray[np.bool_]) -> CardiothoracicRatio:
    """Width of the heart's bounding box over the width of both lungs' bounding box, masks (H, W).

    Raises SegmentationError when either mask is empty. Source: the definition by which the published Wingspan ratios
    were made from their masks.
    """
    if not heart_mask.any() or not lungs_mask.any():
        missing = "heart" if not heart_mask.any() else "lungs"
        raise SegmentationError(
            f"No {missing} found, so the cardiothoracic ratio cannot be measured. Use a frontal chest film."
        )
    heart_cols, heart_row = _widest(heart_mask)
    thorax_cols, thorax_row = _widest(lungs_mask)
    ratio = (heart_cols[1] - heart_cols[0] + 1) / (thorax_cols[1] - thorax_cols[0] + 1)
    return CardiothoracicRatio(ratio, heart_cols, heart_row, thorax_cols, thorax_row)


def _widest(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], int]:
    """First and last column of the mask's bounding box, and the row with the widest extent."""
    cols = np.flatnonzero(mask.any(axis=0))
    filled = mask.any(axis=1)
    first = mask.argmax(axis=1)
    last = mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)
    extent = np.where(filled, last - first + 1, 0)
    return (int(cols[0]), int(cols[-1])), int(extent.argmax())


def measure_relevance_share(
    values: NDArray[np.float32], heart_mask: NDArray[np.bool_], lungs_mask: NDArray[np.bool_]
) -> RelevanceShare:
    """Share of the map's absolute values in heart, lungs and elsewhere, beside the share of pixels of each.

    Only pixels that the model saw (not NaN) count. A lung pixel inside the heart counts as heart. Shares are NaN when
    the map is zero everywhere.
    """
    seen = ~np.isnan(values)
    magnitude = np.abs(np.where(seen, values, 0.0)).astype(np.float64)
    regions = dict(zip(REGIONS, (heart_mask, lungs_mask & ~heart_mask, ~(heart_mask | lungs_mask)), strict=True))
    total, pixels = magnitude.sum(), int(seen.sum())
    return RelevanceShare(
        share={name: float(magnitude[mask].sum() / total) if total else float("nan") for name, mask in regions.items()},
        chance={
            name: float((mask & seen).sum() / pixels) if pixels else float("nan") for name, mask in regions.items()
        },
    )
