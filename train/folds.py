"""Splits by patient, made before anything is derived from a film, and written to a file."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from heartviz.errors import DataError
from train.sources import Film

SPLIT_RATIOS = {"train": 0.7, "validation": 0.1, "test": 0.2}


def draw_splits(films: Sequence[Film], seed: int) -> dict[str, str]:
    """Film id to "train", "validation" or "test": 70, 10 and 20 in 100 patients, drawn within each source.

    A patient who is met in a second source stays in the split drawn for the first.
    """
    part_of_patient: dict[str, str] = {}
    for source in sorted({film.source for film in films}):
        patients = sorted({film.patient_id for film in films if film.source == source} - set(part_of_patient))
        order = np.random.default_rng(seed).permutation(len(patients))
        bounds = np.cumsum([ratio * len(patients) for ratio in SPLIT_RATIOS.values()]).round().astype(int)
        part_of_rank = np.searchsorted(bounds, np.arange(len(patients)), side="right")
        part_of_patient |= {patients[index]: list(SPLIT_RATIOS)[part_of_rank[rank]] for rank, index in enumerate(order)}
    return {film.film_id: part_of_patient[film.patient_id] for film in films}


def write_splits(splits: dict[str, str], path: Path) -> None:
    """Writes `film_id,split` lines, sorted, to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["film_id", "split"])
        writer.writerows(sorted(splits.items()))


def read_splits(path: Path) -> dict[str, str]:
    """Film id to split, as written by `write_splits`."""
    with path.open(newline="", encoding="utf-8") as file:
        return {row["film_id"]: row["split"] for row in csv.DictReader(file)}


def films_of(films: Sequence[Film], splits: dict[str, str], split: str) -> list[Film]:
    """The films of one split; raises DataError when the split file does not know a film."""
    unknown = [film.film_id for film in films if film.film_id not in splits]
    if unknown:
        raise DataError(f"{len(unknown)} films are not in the split file, {unknown[0]} first: draw the splits again.")
    return [film for film in films if splits[film.film_id] == split]
