"""Audit the shipped models on the held-out films: `python -m train.audit --data DIR --out weights`.

Heart size on the films as they are, congenital disease on the same films with SIMULATED signs; the app's Audit page
shows both. An audit that was stopped goes on where it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from heartviz.audit import AuditFile, file_name, make_key, read_audit, read_key
from heartviz.audit.collect import ListedFilm, audit_films
from heartviz.measure import measure_cardiothoracic_ratio
from heartviz.records import TASK_CLASSES
from heartviz.weights import Models, load_models
from heartviz.words import METHOD_WORDS
from train.config import run_script
from train.datasets import ENLARGED_ABOVE_RATIO, as_loaded
from train.folds import films_of, read_splits
from train.provenance import hash_files, hash_films
from train.signs import draw_film, draw_severity
from train.simulate import simulate_film
from train.sources import Film
from train.sources.ctr512 import read_films

MADE_BY = [Path(__file__).with_name(f"{name}.py") for name in ("signs", "simulate", "warp")]


@dataclass(frozen=True)
class Config:
    """Audit every model on the held-out films, for the app's Audit page."""

    data: Path = field(metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    out: Path = field(metadata={"help": "folder that gets audit_heart_size.jsonl and audit_congenital.jsonl"})
    weights: str = field(default="local", metadata={"help": "as HEARTVIZ_WEIGHTS"})
    splits: Path = field(default=Path("weights/splits.csv"), metadata={"help": "split file"})
    split: str = field(default="test", metadata={"help": "split that is audited"})
    methods: tuple[str, ...] = field(
        default=("sensitivity", "grad_cam", "lrp_epsilon_plus_flat"),
        metadata={"help": "methods of the maps; the first is drawn", "choices": tuple(METHOD_WORDS)},
    )
    every: int = field(default=1, metadata={"help": "every Nth film"})
    seed: int = field(default=9, metadata={"help": "seed of the simulation"})


def list_heart_size(films: Sequence[Film]) -> list[ListedFilm]:
    """Films as they are, Enlarged where the hand-drawn masks' cardiothoracic ratio says so; lines count from 1."""
    listed = []
    for line, film in enumerate(films, start=1):
        heart_mask, left_lung_mask, right_lung_mask = film.read_masks()
        ratio = measure_cardiothoracic_ratio(heart_mask, left_lung_mask | right_lung_mask).ratio
        label = "Enlarged" if ratio > ENLARGED_ABOVE_RATIO else "Normal"
        listed.append(ListedFilm(line, film.read_pixels, label, film.source))
    return listed


def list_congenital(films: Sequence[Film], seed: int) -> list[ListedFilm]:
    """Each film in every class, with simulated signs drawn when it is its turn; as many lines a film as classes."""
    classes = TASK_CLASSES["congenital"]
    return [
        ListedFilm(
            1 + len(classes) * number + place, partial(_draw, film, label, (seed, number, place)), label, film.source
        )
        for number, film in enumerate(films)
        for place, label in enumerate(classes)
    ]


def _draw(film: Film, label: str, seed: tuple[int, ...]) -> NDArray[np.float32]:
    """The film with the class's signs, as the app reads it, the same as in `train.causes`."""
    rng = np.random.default_rng(seed)
    params = draw_film(rng, label, draw_severity(rng, label))
    return as_loaded(simulate_film(film.read_pixels(), *film.read_masks(), params).picture)


def audit_task(task: str, films: Sequence[ListedFilm], models: Models, about: str, key: str, config: Config) -> Path:
    """The file with the task's audit; one that is there with the same key is left as it is."""
    path = config.out / file_name(task)
    if path.exists() and read_key(path) == key:
        return path
    part = path.with_name(f"{path.name}.part")
    with (
        AuditFile(part, key, task, config.methods, models.sha256, about) as file,
        tqdm(total=len(films), desc=task) as bar,
    ):

        def tell(done: float, words: str) -> None:
            bar.update(round(done * len(films)) - bar.n)

        audit_films(films, models, task, config.methods, tell, about, file.done, file.keep)
    part.replace(path)
    return path


def main(config: Config) -> None:
    """Writes an audit for each task, and says how many films are in it."""
    films = films_of(read_films(config.data), read_splits(config.splits), config.split)[:: config.every]
    models = load_models(config.weights)
    config.out.mkdir(parents=True, exist_ok=True)
    which = f"{len(films)} films of adults of the {config.split} part of the public sets JSRT and Wingspan"
    key = [hash_films(films), hash_files(MADE_BY), models.sha256, config.methods, config.seed]
    tasks = {
        "heart_size": (
            list_heart_size(films),
            f"{which}, as they are; a film's line is its place there. Enlarged: a cardiothoracic ratio above "
            f"{ENLARGED_ABOVE_RATIO:.2f} by hand-drawn outlines.",
        ),
        "congenital": (
            list_congenital(films, config.seed),
            f"{which}, each drawn in all four classes with SIMULATED signs, four lines a film: no patient here has "
            "the disease. Drawings of one film are alike, so intervals, which count them as different films, are too "
            "narrow.",
        ),
    }
    for task, (listed, about) in tasks.items():
        path = audit_task(task, listed, models, about, make_key(*key, task), config)
        audit = read_audit(path)
        print(f"{path}: {len(audit.films)} films, {len(audit.refused)} refused")


if __name__ == "__main__":
    run_script(main, Config)
