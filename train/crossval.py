"""The paper's tables by cross-validation (sections 3.0.1, 3.0.2): `python -m train.crossval --data DIR --out DIR`.

Disease films are Wingspan films that carry simulated signs. Normals come from the same collection (the paper's "az") or
from another, JSRT (its "indiana"); the signs' films are disjoint, each base film shows one class. VGG16 is frozen up to
block 4, whose output is computed once for each film and attenuation ratio; block 5 and the head are trained fold by
fold. Ratio 1 is plain VGG, 0.2 the paper's VGG+Mask. A fold that is done is not run again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from shutil import rmtree
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from heartviz.errors import DataError
from heartviz.masks import dim_outside
from heartviz.models import VGGTrunk, VGGUNet
from heartviz.models.vgg import VGG16_CHANNELS, load_block_weights, make_vgg_block
from heartviz.preprocess import stretch_contrast, thorax_frame, to_model_input
from heartviz.records import TASK_CLASSES
from heartviz.weights import load_models
from train.config import run_script
from train.datasets import as_loaded, cached, segment_masks, use_one_thread
from train.loop import train_epochs
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


@dataclass(frozen=True)
class Config:
    """Cross-validate plain VGG and VGG+Mask on simulated signs, with Normals of the same and of another source."""

    data: Path = field(metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    out: Path = field(metadata={"help": "run folder: cached features, predictions.jsonl"})
    imagenet: Path | None = field(default=None, metadata={"help": "VGG16 features file; absent: torchvision's"})
    weights: str = field(default="local", metadata={"help": "segmenter, as HEARTVIZ_WEIGHTS"})
    tasks: tuple[str, ...] = field(default=tuple(TASKS), metadata={"help": "tables", "choices": tuple(TASKS)})
    ratios: tuple[float, ...] = field(default=(1.0, 0.2, 0.5, 0.1, 0.0), metadata={"help": "gray outside the heart"})
    folds: int = field(default=10, metadata={"help": "folds by base film"})
    epochs: int = field(default=4, metadata={"help": "passes over a fold's training films"})
    copies: int = field(default=3, metadata={"help": "drawings of each training film; one is tested"})
    size_px: int = field(default=144, metadata={"help": "side of the thorax picture"})
    batch_size: int = field(default=16, metadata={"help": "films a step"})
    block_rate: float = field(default=1e-4, metadata={"help": "learning rate of block 5"})
    head_rate: float = field(default=1e-3, metadata={"help": "learning rate of the last layer"})
    quick: bool = field(default=False, metadata={"help": "2 folds, 1 epoch, 1 copy, 2 ratios, every 4th film: minutes"})
    seed: int = field(default=0, metadata={"help": "seed of classes, signs, folds and weights"})


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
    numbered: Sequence[tuple[int, Film, tuple[str, ...]]], config: Config, networks: tuple[VGGTrunk, VGGUNet, nn.Module]
) -> dict[tuple[int, int, int, int], NDArray[np.int16]]:
    """Place of (film, class, copy, ratio) to block 4's pooled output as bfloat16 bits (512, s / 16, s / 16)."""
    trunk, segmenter, block4 = networks
    shown = {}
    for number, film, labels in numbered:
        picture, masks = film.read_pixels(), film.read_masks()
        found = segment_masks(trunk, segmenter, stretch_contrast(picture))
        for label in labels:
            for copy in range(config.copies):
                rng = np.random.default_rng([config.seed, number, CLASSES.index(label), copy])
                params = draw_film(rng, label, draw_severity(rng, label))
                seen = as_loaded(simulate_film(picture, *masks, params).picture)
                heart, left, right = move_masks(masks, params, carried=found)
                frame = thorax_frame(left | right, config.size_px)
                pictures = [frame.to_model(dim_outside(seen, heart, ratio)) for ratio in config.ratios]
                with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
                    stride8 = block4(functional.max_pool2d(trunk(to_model_input(np.stack(pictures)))[2], 2))
                    pooled = functional.max_pool2d(stride8, 2).bfloat16().contiguous().view(torch.int16).numpy()
                for place, features in enumerate(pooled):
                    shown[number, CLASSES.index(label), copy, place] = features
    return shown


def compute_features(
    films: Sequence[Film], config: Config, networks: tuple[VGGTrunk, VGGUNet, nn.Module]
) -> dict[str, Tensor]:
    """The features of every (film, class) that a table needs, for all copies and ratios, with an index to them."""
    sources = [film.source for film in films]
    needed: dict[int, set[str]] = {}
    for task in config.tasks:
        for normals in NORMALS:
            for row in assign_classes(sources, task, normals, config.seed):
                needed.setdefault(row.film, set()).add(TASKS[task][row.label])
    numbered = [(number, films[number], tuple(sorted(labels))) for number, labels in sorted(needed.items())]
    groups = [numbered[start : start + 4] for start in range(0, len(numbered), 4)]
    work = partial(compute_shown, config=config, networks=networks)
    index, features = [], []
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=use_one_thread) as pool:
        for shown in tqdm(pool.map(work, groups), total=len(groups), unit="4 films", mininterval=30):
            index += list(shown)
            features += [torch.from_numpy(values).view(torch.bfloat16) for values in shown.values()]
    return {"index": torch.tensor(index), "features": torch.stack(features)}


def train_fold(
    features: Tensor, labels: Tensor, config: Config, imagenet: dict[str, Tensor], folder: Path
) -> nn.Sequential:
    """Block 5 and head trained on block 4's pooled outputs; every class weighs the same."""
    torch.manual_seed(config.seed)
    class_count = int(labels.max()) + 1
    block5, head = make_vgg_block(5), nn.Linear(VGG16_CHANNELS[4][-1], class_count)
    load_block_weights(block5, 5, imagenet)
    network = nn.Sequential(block5, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), head)
    network = network.to(memory_format=torch.channels_last)
    weights = len(labels) / class_count / torch.bincount(labels).float()

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(config.seed + epoch))
        for chosen in order.split(config.batch_size):
            yield features[chosen].contiguous(memory_format=torch.channels_last), labels[chosen]

    def loss_of_batch(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return functional.cross_entropy(model(batch[0]).float(), batch[1], weight=weights, label_smoothing=0.05)

    groups = [
        {"params": list(block5.parameters()), "lr": config.block_rate},
        {"params": list(head.parameters()), "lr": config.head_rate},
    ]
    steps = -(-len(labels) // config.batch_size)
    trained = train_epochs(
        network, groups, batches, loss_of_batch, config.epochs, steps, folder, key="fold", ema_decay=0.95, quiet=True
    )
    rmtree(folder)
    return trained


def predict_fold(network: nn.Module, features: Tensor) -> NDArray[np.float32]:
    """Probabilities (N, classes) of block 4's pooled outputs."""
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        parts = features.split(32)
        logits = [network(part.contiguous(memory_format=torch.channels_last)) for part in parts]
    return torch.softmax(torch.cat(logits).float(), dim=1).numpy()


def main(config: Config) -> None:
    """Appends one line a fold to `predictions.jsonl`: the table, its ratio, and each tested film's probabilities."""
    films = read_films(config.data)
    if config.quick:
        settings: dict[str, Any] = {"folds": 2, "epochs": 1, "copies": 1, "ratios": (1.0, 0.2)}
        config, films = Config(**(vars(config) | settings)), films[::4]
    models, imagenet = load_models(config.weights), read_imagenet_features(config.imagenet)
    block4 = make_vgg_block(4).eval()
    load_block_weights(block4, 4, imagenet)
    run = describe_run(config, films, Path("weights/splits.csv"))
    simulator = hash_files(Path(__file__).with_name(f"{name}.py") for name in ("signs", "simulate", "warp"))
    made_of = [run["films_sha256"], simulator, models.sha256["segmenter"], config.copies, config.size_px, config.ratios]
    made = cached(
        config.out / "features.pt",
        fingerprint({}, *made_of, config.tasks, config.seed),
        lambda: compute_features(films, config, (models.trunk, models.segmenter, block4)),
    )
    place_of = {tuple(entry): place for place, entry in enumerate(made["index"].tolist())}
    path = config.out / "predictions.jsonl"
    key = fingerprint({}, *made_of, config.folds, config.epochs, config.block_rate, config.head_rate, config.seed)
    done = read_predictions(path, key)
    (config.out / "crossval.json").write_text(json.dumps(run | {"key": key}, indent=2) + "\n", encoding="utf-8")
    sources = [film.source for film in films]
    jobs = [
        (task, normals, ratio, fold)
        for ratio in config.ratios
        for task in config.tasks
        for normals in NORMALS
        for fold in range(config.folds)
    ]
    finished = {(line["task"], line["normals"], line["ratio"], line["fold"]) for line in done}
    for job in tqdm([job for job in jobs if job not in finished], unit="fold", mininterval=10):
        task, normals, ratio, fold = job
        rows = assign_classes(sources, task, normals, config.seed)
        train, test = draw_fold(rows, config.folds, config.seed)[fold]

        def gather(places: NDArray, copies: int, rows: list[Row] = rows, job: tuple = job) -> tuple[Tensor, Tensor]:
            names = TASKS[job[0]]
            wanted = [
                (rows[p].film, CLASSES.index(names[rows[p].label]), copy, config.ratios.index(job[2]))
                for copy in range(copies)
                for p in places
            ]
            labels = torch.tensor([rows[p].label for _ in range(copies) for p in places])
            return made["features"][[place_of[entry] for entry in wanted]], labels

        network = train_fold(*gather(train, config.copies), config, imagenet, config.out / "fold")
        features, labels = gather(test, 1)
        line = {
            "key": key,
            "task": task,
            "normals": normals,
            "ratio": ratio,
            "fold": fold,
            "film": [films[rows[p].film].film_id for p in test],
            "swapped": [rows[p].swapped for p in test],
            "label": labels.tolist(),
            "probabilities": np.round(predict_fold(network, features), 5).tolist(),
        }
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


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
