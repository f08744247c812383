"""Numbers from masks and maps: cardiothoracic ratio, share of relevance by region, does a map find its cause."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from heartviz.errors import QuestionError, SegmentationError
from heartviz.records import REGIONS, CardiothoracicRatio, RelevanceShare

# Blocks along the longer side, and draws, of the bootstrap of a map's shares.
BLOCKS_ACROSS = 16
DRAWS = 500


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


def move_lines(
    found: CardiothoracicRatio, heart_cols: tuple[int, int], thorax_cols: tuple[int, int], width_px: int
) -> CardiothoracicRatio:
    """The ratio by lines with these (first, last) columns in place of those found, on a film of this width.

    Raises QuestionError where a line's ends are out of order or beside the film.
    """
    for first, last in (heart_cols, thorax_cols):
        if not 0 <= first <= last < width_px:
            raise QuestionError(f"A line can't go from column {first} to {last} on a film of {width_px} columns.")
    ratio = (heart_cols[1] - heart_cols[0] + 1) / (thorax_cols[1] - thorax_cols[0] + 1)
    return replace(found, ratio=ratio, heart_cols=heart_cols, thorax_cols=thorax_cols)


def _widest(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], int]:
    """First and last column of the mask's bounding box, and the row with the widest extent."""
    cols = np.flatnonzero(mask.any(axis=0))
    filled = mask.any(axis=1)
    first = mask.argmax(axis=1)
    last = mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)
    extent = np.where(filled, last - first + 1, 0)
    return (int(cols[0]), int(cols[-1])), int(extent.argmax())


def measure_relevance_share(
    values: NDArray[np.float32],
    heart_mask: NDArray[np.bool_],
    lungs_mask: NDArray[np.bool_],
    part: Literal["absolute", "positive"] = "absolute",
) -> RelevanceShare:
    """Share of a map (H, W) in heart, lungs and elsewhere, beside the share of pixels of each.

    "absolute" counts absolute values, "positive" only those above zero. Only pixels that the model saw (not NaN)
    count. A lung pixel inside the heart counts as heart. Shares are NaN when there is nothing to count. The interval
    resamples blocks of a sixteenth of the film's longer side. Source: relevance mass accuracy, Arras 2022.
    """
    seen = ~np.isnan(values)
    counted = np.where(seen, values, 0.0).astype(np.float64)
    magnitude = np.abs(counted) if part == "absolute" else counted.clip(min=0)
    regions = dict(zip(REGIONS, (heart_mask, lungs_mask & ~heart_mask, ~(heart_mask | lungs_mask)), strict=True))
    pixels = int(seen.sum())
    blocks = np.stack([_sum_blocks(np.where(mask, magnitude, 0.0)) for mask in regions.values()], axis=1)
    total = blocks.sum()
    drawn = _resample(blocks[_sum_blocks(seen) > 0])
    low, high = np.percentile(drawn, (2.5, 97.5), axis=0) if len(drawn) else np.full((2, len(REGIONS)), np.nan)
    return RelevanceShare(
        share=dict(zip(REGIONS, (blocks.sum(axis=0) / total).tolist() if total else [float("nan")] * 3, strict=True)),
        chance={
            name: float((mask & seen).sum() / pixels) if pixels else float("nan") for name, mask in regions.items()
        },
        interval=dict(zip(REGIONS, zip(low.tolist(), high.tolist(), strict=True), strict=True)),
    )


def _sum_blocks(values: NDArray) -> NDArray[np.float64]:
    """Sums over square blocks of (H, W), in one row."""
    side = max(1, -(-max(values.shape) // BLOCKS_ACROSS))
    by_rows = np.add.reduceat(values.astype(np.float64), np.arange(0, values.shape[0], side), axis=0)
    return np.add.reduceat(by_rows, np.arange(0, values.shape[1], side), axis=1).ravel()


def _resample(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares by region (draws, regions) of blocks (n, regions) drawn with replacement, without draws of nothing."""
    if not len(blocks):
        return np.zeros((0, blocks.shape[1]))
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(blocks), np.full(len(blocks), 1 / len(blocks)), size=DRAWS) @ blocks
    totals = drawn.sum(axis=1, keepdims=True)
    return (drawn / np.where(totals > 0, totals, 1.0))[totals[:, 0] > 0]


def measure_rank_accuracy(values: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """Share of the true cause (H, W) among as many highest values of the map as the cause has pixels.

    Values that are not numbers are never among the highest. NaN without a cause. Chance is the cause's share of the
    picture. Source: relevance rank accuracy, Arras 2022.
    """
    count = int(truth.sum())
    if not count:
        return float("nan")
    ranked = np.where(np.isfinite(values), values, -np.inf).ravel()
    highest = np.argpartition(ranked, -count)[-count:]
    return float(truth.ravel()[highest].mean())


def hits_cause(values: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """Pointing game: 1 where the map's highest value lies in the true cause (H, W), else 0; NaN for a flat map."""
    seen = np.isfinite(values)
    if not seen.any() or np.ptp(values[seen]) == 0:
        return float("nan")
    return float(truth.ravel()[np.where(seen, values, -np.inf).argmax()])


def delete_by_rank(
    values: NDArray[np.float32],
    picture: NDArray[np.float32],
    baseline: NDArray[np.float32],
    score: Callable[[NDArray[np.float32]], NDArray[np.float64]],
    steps: int = 16,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Deletion and insertion curves, each (steps + 1,): the score while the map's highest pixels leave or come.

    Pixels of the picture (h, w) are replaced by the baseline's, highest value first and as many at each step; insertion
    starts at the baseline. `score` takes pictures (N, h, w) and gives (N,). The mean of a curve is the area under it:
    low is good for deletion, high for insertion. Source: Petsiuk 2018; beware that the shape of what is removed is
    seen too (Rong 2022).
    """
    order = np.argsort(-np.where(np.isfinite(values), values, -np.inf), axis=None, kind="stable")
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    limits = np.linspace(0, order.size, steps + 1)[:, None, None]
    highest = rank.reshape(values.shape)[None] < limits
    deleted = np.where(highest, baseline, picture).astype(np.float32)
    inserted = np.where(highest, picture, baseline).astype(np.float32)
    return score(deleted), score(inserted)


def bootstrap_interval(
    values: Sequence[float] | NDArray,
    statistic: Callable[[NDArray], float] = np.nanmean,
    repeats: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile interval of a statistic over films, by resampling films; values (n,) or (n, columns).

    Drawings for which the statistic is NaN do not count.
    """
    values = np.asarray(values)
    rng = np.random.default_rng(seed)
    resampled = [statistic(values[rng.integers(len(values), size=len(values))]) for _ in range(repeats)]
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return float(low), float(high)
