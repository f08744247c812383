"""The paper's tables by cross-validation (sections 3.0.1, 3.0.2): `python -m train.crossval --data DIR --out DIR`.

Disease films are Wingspan films that carry simulated signs. Normals come from the same collection (the paper's "az") or
from another, JSRT (its "indiana"); the signs' films are disjoint, each base film shows one class. VGG16 is frozen up to
the second convolution of block 5, whose output is computed once for each film and attenuation ratio; the last
convolution and the head are trained fold by fold. Ratio 1 is plain VGG, 0.2 the paper's VGG+Mask. A fold that is done
is not run again.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold
from torch import Tensor, nn
from tqdm import tqdm

from heartviz.errors import DataError
from heartviz.masks import dim_outside
from heartviz.models import VGGTrunk, VGGUNet
from heartviz.preprocess import stretch_contrast, thorax_frame, to_model_input
from heartviz.records import TASK_CLASSES
from heartviz.weights import load_models
from train.arithmetic import mixed_precision
from train.config import run_script
from train.datasets import as_loaded, cached, segment_masks, use_one_thread
from train.last_layers import LastTraining, freeze_upper, predict_last, train_last
from train.pretrained import read_imagenet_features
from train.provenance import describe_run, fingerprint, hash_files
from train.signs import draw_film, draw_severity
from train.simulate import move_masks, simulate_film
from train.sources import Film
from train.sources.ctr512 import read_films

CLASSES = TASK_CLASSES["congenital"]
TASKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Normal-VSD": ("Normal", "VSD"),
        "Normal-VSD-ASD": ("Normal", "VSD", "ASD"),
        "Normal-VSD-ASD-TOF": ("Normal", "VSD", "ASD", "TOF"),
    }
)
NORMALS = ("same source", "other source")
DISEASE_SOURCE, OTHER_SOURCE = "wingspan", "jsrt"
PROCESSES = 2
# Task, Normals, ratio, fold.
Job = tuple[str, str, float, int]


@dataclass(frozen=True)
class Config(LastTraining):
    """Cross-validate plain VGG and VGG+Mask on simulated signs, with Normals of the same and of another source."""

    data: Path = field(metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    out: Path = field(metadata={"help": "run folder: folds.csv, cached features, predictions.jsonl"})
    imagenet: Path | None = field(default=None, metadata={"help": "VGG16 features file; absent: torchvision's"})
    weights: str = field(default="local", metadata={"help": "segmenter, as HEARTVIZ_WEIGHTS"})
    ratios: tuple[float, ...] = field(default=(1.0, 0.2, 0.5, 0.1, 0.0), metadata={"help": "gray outside the heart"})
    folds: int = field(default=10, metadata={"help": "folds by base film"})
    copies: int = field(default=3, metadata={"help": "drawings of each training film; one is tested"})
    size_px: int = field(default=144, metadata={"help": "side of the thorax picture"})
    quick: bool = field(default=False, metadata={"help": "2 folds, 1 epoch, 1 copy, 2 ratios, every 4th film: minutes"})


@dataclass(frozen=True)
class Row:
    """One base film with the class that it shows in a table; `swapped` rows are never trained on."""

    film: int
    label: int
    swapped: bool


def assign_classes(sources: Sequence[str], task: str, normals: str, seed: int) -> list[Row]:
    """Each base film of a table once: diseases and same-source Normals share out the disease source at random.

    The Normals that the table does not train on, of the other source or of the disease's own, are added as `swapped`:
    the same model is tested with them.
    """
    rng = np.random.default_rng([seed, len(TASKS[task])])
    own = rng.permutation([place for place, source in enumerate(sources) if source == DISEASE_SOURCE])
    other = rng.permutation([place for place, source in enumerate(sources) if source == OTHER_SOURCE])
    count = len(TASKS[task])
    rows = [Row(int(place), rank % count, False) for rank, place in enumerate(own)]
    own_normals = [row.film for row in rows if row.label == 0]
    other_normals = [int(place) for place in other[: len(own_normals)]]
    trained, swapped = (own_normals, other_normals) if normals == NORMALS[0] else (other_normals, own_normals)
    diseased = [row for row in rows if row.label]
    return [*diseased, *(Row(place, 0, False) for place in trained), *(Row(place, 0, True) for place in swapped)]


def draw_fold(rows: Sequence[Row], folds: int, seed: int) -> list[tuple[NDArray, NDArray]]:
    """(train, test) places in `rows` of each fold, by base film; every fold also tests all swapped Normals."""
    own = np.array([place for place, row in enumerate(rows) if not row.swapped])
    swapped = np.array([place for place, row in enumerate(rows) if row.swapped], int)
    labels = np.array([rows[place].label for place in own])
    split = StratifiedKFold(folds, shuffle=True, random_state=seed).split(own, labels)
    return [(own[train], np.concatenate([own[test], swapped])) for train, test in split]


def compute_shown(
    numbered: tuple[int, Film, tuple[str, ...]],
    ratio: float,
    config: Config,
    networks: tuple[VGGTrunk, VGGUNet, nn.Module],
) -> dict[tuple[int, int, int], NDArray[np.int16]]:
    """(film, class, copy) to the frozen layers' output as bfloat16 bits (512, s / 16, s / 16), of one film."""
    trunk, segmenter, frozen = networks
    number, film, labels = numbered
    picture, masks = film.read_pixels(), film.read_masks()
    found = segment_masks(trunk, segmenter, stretch_contrast(picture))
    pictures = {}
    for label in labels:
        for copy in range(config.copies):
            rng = np.random.default_rng([config.seed, number, CLASSES.index(label), copy])
            params = draw_film(rng, label, draw_severity(rng, label))
            seen = as_loaded(simulate_film(picture, *masks, params).picture)
            heart, left, right = move_masks(masks, params, carried=found)
            shown = thorax_frame(left | right, config.size_px).to_model(dim_outside(seen, heart, ratio))
            pictures[number, CLASSES.index(label), copy] = shown
    with torch.inference_mode(), mixed_precision():
        features = frozen(trunk(to_model_input(np.stack(list(pictures.values()))))[2])
    bits = features.bfloat16().contiguous().view(torch.int16).numpy()
    return dict(zip(pictures, bits, strict=True))


def compute_features(
    films: Sequence[Film], ratio: float, config: Config, networks: tuple[VGGTrunk, VGGUNet, nn.Module]
) -> dict[str, Tensor]:
    """The features of every (film, class) that a table needs, for all copies, with an index to them."""
    sources = [film.source for film in films]
    needed: dict[int, set[str]] = {}
    for task in TASKS:
        for normals in NORMALS:
            for row in assign_classes(sources, task, normals, config.seed):
                needed.setdefault(row.film, set()).add(TASKS[task][row.label])
    numbered = [(number, films[number], tuple(sorted(labels))) for number, labels in sorted(needed.items())]
    work = partial(compute_shown, ratio=ratio, config=config, networks=networks)
    index, features = [], []
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), initializer=use_one_thread) as pool:
        shown_films = pool.map(work, numbered, chunksize=4)
        for shown in tqdm(shown_films, total=len(numbered), unit="film", mininterval=30, desc=f"x {ratio:g}"):
            index += list(shown)
            features += [torch.from_numpy(values).view(torch.bfloat16) for values in shown.values()]
    return {"index": torch.tensor(index), "features": torch.stack(features)}


def run_fold(job: Job, config: Config, film_ids: Sequence[str], path: Path, last: nn.Sequential) -> dict[str, Any]:
    """One line of predictions: the fold's tested films, their labels and probabilities."""
    task, normals, ratio, fold = job
    made = torch.load(path, weights_only=True, mmap=True)["tensors"]
    place_of = {tuple(entry): place for place, entry in enumerate(made["index"].tolist())}
    rows = assign_classes([film_id.split("/")[0] for film_id in film_ids], task, normals, config.seed)
    train, test = draw_fold(rows, config.folds, config.seed)[fold]

    def gather(places: NDArray, copies: int) -> tuple[Tensor, Tensor]:
        classes = [CLASSES.index(name) for name in TASKS[task]]
        wanted = [(rows[p].film, classes[rows[p].label], copy) for copy in range(copies) for p in places]
        labels = torch.tensor([rows[p].label for _ in range(copies) for p in places])
        return made["features"][[place_of[entry] for entry in wanted]], labels

    network = train_last(*gather(train, config.copies), last, config)
    features, labels = gather(test, 1)
    return {
        "task": task,
        "normals": normals,
        "ratio": ratio,
        "fold": fold,
        "film": [film_ids[rows[p].film] for p in test],
        "swapped": [rows[p].swapped for p in test],
        "label": labels.tolist(),
        "probabilities": np.round(predict_last(network, features), 5).tolist(),
    }


def write_folds(films: Sequence[Film], config: Config, path: Path) -> None:
    """Writes who is tested in which fold of which table, before anything is computed.

    Raises DataError for two films of one patient, which folds by film could part.
    """
    if len({film.patient_id for film in films}) < len(films):
        raise DataError("Two films are of the same patient: give one film of each, since folds are drawn by film.")
    sources = [film.source for film in films]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["classes", "normals", "fold", "film_id", "class", "swapped"])
        for task in TASKS:
            for normals in NORMALS:
                rows = assign_classes(sources, task, normals, config.seed)
                for fold, (_, test) in enumerate(draw_fold(rows, config.folds, config.seed)):
                    for row in (rows[place] for place in test):
                        label = TASKS[task][row.label]
                        writer.writerow([task, normals, fold, films[row.film].film_id, label, int(row.swapped)])


def main(config: Config) -> None:
    """Appends one line a fold to `predictions.jsonl`: the table, its ratio, and each tested film's probabilities."""
    films = read_films(config.data)
    if config.quick:
        settings: dict[str, Any] = {"folds": 2, "epochs": 1, "copies": 1, "ratios": (1.0, 0.2)}
        config, films = Config(**(vars(config) | settings)), films[::4]
    models = load_models(config.weights)
    frozen, last = freeze_upper(read_imagenet_features(config.imagenet))
    run = describe_run(config, films, Path("weights/splits.csv"))
    simulator = hash_files(Path(__file__).with_name(f"{name}.py") for name in ("signs", "simulate", "warp"))
    made_of = [run["films_sha256"], simulator, models.sha256["segmenter"], config.copies, config.size_px, config.seed]
    key = fingerprint({}, *made_of, config.folds, config.epochs, config.batch_size, config.block_rate, config.head_rate)
    config.out.mkdir(parents=True, exist_ok=True)
    write_folds(films, config, config.out / "folds.csv")
    predictions = config.out / "predictions.jsonl"
    done = read_predictions(predictions, key)
    finished = {(line["task"], line["normals"], line["ratio"], line["fold"]) for line in done}
    (config.out / "crossval.json").write_text(json.dumps(run | {"key": key}, indent=2) + "\n", encoding="utf-8")
    for ratio in config.ratios:
        jobs = [(task, normals, ratio, fold) for fold in range(config.folds) for task in TASKS for normals in NORMALS]
        jobs = [job for job in jobs if job not in finished]
        if not jobs:
            continue
        path = config.out / f"features_{ratio:g}.pt"
        networks = (models.trunk, models.segmenter, frozen)
        cached(path, fingerprint({}, *made_of, ratio), partial(compute_features, films, ratio, config, networks))
        work = partial(run_fold, config=config, film_ids=[film.film_id for film in films], path=path, last=last)
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), initializer=use_one_thread) as pool:
            for line in tqdm(pool.map(work, jobs), total=len(jobs), unit="fold", mininterval=10, desc=f"x {ratio:g}"):
                with predictions.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": key} | line) + "\n")


def read_predictions(path: Path, key: str) -> list[dict[str, Any]]:
    """The folds done so far; a last line that was cut off is dropped. Raises DataError for another run's folds."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    lines = [json.loads(line) for line in whole.splitlines()]
    if any(line["key"] != key for line in lines):
        raise DataError(f"{path} is of a run with other films or settings: remove it, or give another --out.")
    return lines


if __name__ == "__main__":
    run_script(main, Config)
