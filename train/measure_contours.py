"""Dice of the outlines that train.contours finds, against hand-drawn hearts, by source.

`python -m train.measure_contours --data DIR --split test` prints JSON; the marked rows are those of the drawn masks.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from heartviz.errors import DataError
from train.config import run_script
from train.contours import trace_heart
from train.folds import SPLIT_RATIOS, films_of, read_splits
from train.metrics import dice
from train.sources import Film
from train.sources.ctr512 import read_films


@dataclass(frozen=True)
class Config:
    """Dice of traced hearts against hand-drawn ones."""

    data: Path = field(metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    splits: Path = field(default=Path("weights/splits.csv"), metadata={"help": "split file"})
    split: str = field(default="test", metadata={"help": "films to measure on", "choices": tuple(SPLIT_RATIOS)})
    bounds_error_ratio: float = field(
        default=0.0, metadata={"help": "standard deviation of a person's error in each row, in heights of the heart"}
    )
    seed: int = field(default=0, metadata={"help": "seed of these errors"})
    out: Path | None = field(default=None, metadata={"help": "also gets the JSON"})


def measure_source(films: Sequence[Film], bounds_error_ratio: float, rng: np.random.Generator) -> dict:
    """Counts, Dice of the films that were outlined, and the reasons of those that were not."""
    scores, reasons = [], {}
    for film in films:
        heart_mask = film.read_masks()[0]
        first, last = np.flatnonzero(heart_mask.any(axis=1))[[0, -1]]
        upper_row, lower_row = np.round((first, last) + rng.normal(0.0, bounds_error_ratio, 2) * (last - first))
        try:
            scores.append(dice(trace_heart(film.read_pixels(), int(upper_row), int(lower_row)).mask, heart_mask))
        except DataError as error:
            reasons[film.film_id] = str(error)
    lower, median, upper = (round(float(q), 3) for q in np.percentile(scores or [np.nan], [25, 50, 75]))
    return {
        "n": len(films),
        "failures": len(reasons),
        "dice_median": median,
        "dice_mean": round(float(np.mean(scores or [np.nan])), 3),
        "dice_quartiles": [lower, upper],
        "dice_least": round(min(scores, default=float("nan")), 3),
        "reasons": reasons,
    }


def main(config: Config) -> None:
    """Prints the command, the error of the rows and the measures of each source."""
    films = films_of(read_films(config.data), read_splits(config.splits), config.split)
    rng = np.random.default_rng(config.seed)
    by_source = {
        source: measure_source([film for film in films if film.source == source], config.bounds_error_ratio, rng)
        for source in sorted({film.source for film in films})
    }
    settings = {
        "command": f"python -m train.measure_contours --data DIR --split {config.split}",
        "bounds_error_ratio": config.bounds_error_ratio,
    }
    text = json.dumps(settings | {"sources": by_source}, indent=2)
    print(text)
    if config.out is not None:
        config.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_script(main, Config)
