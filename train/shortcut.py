"""The experiment that the paper lacks: plant a shortcut, and see which model takes it.

`python -m train.shortcut --data DIR --out DIR`. Normal against VSD, signs SIMULATED on real films; labels are drawn
evenly within each source. In training a cue goes with the label at some strength; tested is on every held-out film in
both labels, with and without the cue. The cue "source" plants nothing: there the label goes with the film's own source.
VGG16 is frozen but for its last convolution and the head, at reduced resolution. A run that is done is not run again.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, fields
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from heartviz.interventions import cues
from heartviz.interventions.cues import CUES, assign_cues
from heartviz.weights import load_models
from train.config import run_script
from train.crossval import read_predictions
from train.datasets import cached, use_one_thread
from train.folds import films_of, read_splits
from train.last_layers import LastTraining, freeze_upper, predict_last, share_outside, train_last
from train.pretrained import read_imagenet_features
from train.provenance import describe_run, fingerprint, hash_files
from train.shortcut_films import (
    ARMS,
    NO_CUE,
    ShownFilms,
    compute_features,
    compute_pictures,
    find_outside,
    list_sets,
    load_set,
    set_name,
)
from train.shortcut_scores import summarise_runs
from train.sources.ctr512 import read_films

LAST_FIELDS = tuple(field.name for field in fields(LastTraining))
PROCESSES = 2


@dataclass(frozen=True, kw_only=True)
class Config(ShownFilms):
    """Plant a cue that goes with the label in training, and test on groups in which it doesn't."""

    strengths: tuple[float, ...] = field(
        default=(0.95, 0.8, 1.0, 0.5), metadata={"help": "share of training films whose cue goes with the label"}
    )
    seeds: int = field(default=3, metadata={"help": "runs of each kind"})
    epochs: int = field(default=8, metadata={"help": "passes over the training films"})
    quick: bool = field(default=False, metadata={"help": "one cue and strength, 1 seed, every 6th film: minutes"})


class Job(NamedTuple):
    """One model to train."""

    cue: str
    strength: float
    arm: str
    seed: int


def run_job(
    job: Job,
    config: Config,
    sources: Sequence[str],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    last: nn.Sequential,
) -> dict[str, Any]:
    """One line: the held-out films' probability of VSD, (film, label) without and with a planted cue.

    `heart_share` is the share of the squared gradient, by the frozen layers' outputs, in cells that are mostly heart.
    """
    arm = ARMS[job.arm]
    labels, cued = assign_cues(job.cue, job.strength, [sources[place] for place in train], job.seed)
    sets = {planted: load_set(config, job.cue, planted, arm.train) for planted in sorted(set(cued.tolist()))}
    features = torch.stack(
        [sets[cue][place, label] for place, label, cue in zip(train, labels, cued.tolist(), strict=True)]
    )
    outside = find_outside(torch.load(config.out / "pictures.pt", weights_only=True, mmap=True)["tensors"]["regions"])
    network = train_last(
        features,
        torch.from_numpy(labels),
        last,
        LastTraining(**{name: getattr(config, name) for name in LAST_FIELDS} | {"seed": job.seed}),
        outside[train, labels] if arm.penalty else None,
        arm.penalty,
    )
    probabilities, shares = [], []
    for planted in (False, True) if job.cue in CUES else (False,):
        tested = load_set(config, job.cue, planted, arm.test)[test].flatten(0, 1)
        probabilities.append(predict_last(network, tested)[:, 1].reshape(len(test), 2))
        given = tested.float().requires_grad_(True)
        shares.append(1 - share_outside(network(given), given, outside[test].flatten(0, 1)).item())
    return job._asdict() | {
        "probability": np.round(np.stack(probabilities), 4).tolist(),
        "heart_share": round(float(np.mean(shares)), 4),
    }


def list_jobs(config: Config) -> list[Job]:
    """Every run: no cue at all first, then each strength of every cue, for all arms and seeds."""
    kinds = [(NO_CUE, 0.5), *((cue, strength) for strength in config.strengths for cue in config.cues)]
    return [Job(*kind, arm, seed) for kind in kinds for seed in range(config.seeds) for arm in config.arms]


def main(config: Config) -> None:
    """Appends one line a run to `predictions.jsonl`, then writes `shortcut.json`: the numbers of every kind of run."""
    films, splits = read_films(config.data), read_splits(config.splits)
    if config.quick:
        quick: dict[str, Any] = {"cues": ("marker",), "strengths": (0.95,), "seeds": 1, "epochs": 2}
        config, films = Config(**(vars(config) | quick)), films[::6]
    parts = {split: {film.film_id for film in films_of(films, splits, split)} for split in ("train", config.split)}
    films = [film for film in films if film.film_id in set().union(*parts.values())]
    train, test = (
        np.array([place for place, film in enumerate(films) if film.film_id in parts[split]]) for split in parts
    )
    models = load_models(config.weights)
    frozen, last = freeze_upper(read_imagenet_features(config.imagenet))
    run = describe_run(config, films, config.splits)
    drawn_by = [Path(__file__).with_name(f"{name}.py") for name in ("signs", "simulate", "warp")]
    code = hash_files([Path(cues.__file__), *drawn_by])
    made_of = [run["films_sha256"], run["splits_sha256"], code, models.sha256["segmenter"], config.size_px, config.seed]
    key = fingerprint({}, *made_of, [getattr(config, name) for name in LAST_FIELDS])
    config.out.mkdir(parents=True, exist_ok=True)
    networks = (models.trunk, models.segmenter)
    made = cached(
        config.out / "pictures.pt", fingerprint({}, *made_of), partial(compute_pictures, films, config, networks)
    )
    arrays = {name: tensor.numpy() for name, tensor in made.items()}
    for cue, planted, shown in list_sets(config):
        path, features_key = (
            config.out / f"{set_name(cue, planted, shown)}.pt",
            fingerprint({}, *made_of, cue, planted, shown),
        )
        work = partial(compute_features, cue, planted, shown, arrays, train.tolist(), config, (models.trunk, frozen))
        cached(path, features_key, work)
    predictions = config.out / "predictions.jsonl"
    finished = {Job(*(line[name] for name in Job._fields)) for line in read_predictions(predictions, key)}
    jobs = [job for job in list_jobs(config) if job not in finished]
    sources = [film.source for film in films]
    work = partial(run_job, config=config, sources=sources, train=train, test=test, last=last)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), initializer=use_one_thread) as pool:
        for line in tqdm(pool.map(work, jobs), total=len(jobs), unit="run", mininterval=10):
            with predictions.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key} | line) + "\n")
    lines = read_predictions(predictions, key)
    test_sources = [sources[place] for place in test]
    result = run | {
        "command": "python -m train.shortcut --data DIR --out DIR",
        "train_films": len(train),
        "test_films": len(test),
        "runs": summarise_runs(lines, test_sources),
    }
    (config.out / "shortcut.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(config.out / "shortcut.json")


if __name__ == "__main__":
    run_script(main, Config)
