"""Which method can be believed? Maps against the true cause: `python -m train.causes --data DIR --out DIR`.

Test films are drawn with SIMULATED signs, whose pixels are known, and every method explains the drawn class on every
model exactly as the app does. A map that is done is not made again, so methods can be added in a later run.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from heartviz.asking import Shown
from heartviz.attribution.controls import detect_edges
from heartviz.attribution.methods import METHODS, compute_map
from heartviz.attribution.networks import PictureClassifier
from heartviz.errors import DataError
from heartviz.measure import bootstrap_interval, hits_cause, measure_rank_accuracy
from heartviz.records import ARMS, TASK_CLASSES, Arm
from heartviz.segment import segment_film
from heartviz.weights import Models, load_models
from train.config import run_script
from train.crossval import read_predictions
from train.datasets import as_loaded, use_one_thread
from train.folds import films_of, read_splits
from train.provenance import describe_run, fingerprint, hash_files
from train.signs import draw_film, draw_severity
from train.simulate import simulate_film
from train.sources import Film
from train.sources.ctr512 import read_films

PROCESSES = 2
EDGES = "edges"
ILL = TASK_CLASSES["congenital"][1:]
EFFORT = ("integration_steps", "smoothgrad_samples", "patch_stride_px")
HEART_PERCENTILES = (5, 25, 50, 75, 95)
PLACE = ("film", "label", "arm", "method", "model")
MADE_BY = [Path(__file__).with_name(f"{name}.py") for name in ("signs", "simulate", "warp")]


@dataclass(frozen=True)
class Config:
    """Measure every method's maps against the pixels that simulated signs changed."""

    data: Path = field(metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    out: Path = field(metadata={"help": "run folder: maps.jsonl, causes.json"})
    start: Path | None = field(default=None, metadata={"help": "scores that an earlier run kept (.jsonl.gz): go on"})
    weights: str = field(default="local", metadata={"help": "as HEARTVIZ_WEIGHTS"})
    splits: Path = field(default=Path("weights/splits.csv"), metadata={"help": "split file"})
    split: str = field(default="test", metadata={"help": "split that is measured"})
    methods: tuple[str, ...] = field(
        default=(EDGES, *METHODS), metadata={"help": "methods", "choices": (EDGES, *METHODS)}
    )
    arms: tuple[str, ...] = field(default=ARMS, metadata={"help": "models", "choices": ARMS})
    every: int = field(default=1, metadata={"help": "every Nth film"})
    drawings: int = field(default=0, metadata={"help": "the first N drawings, three a film; 0: all"})
    integration_steps: int = field(default=8, metadata={"help": "steps of Integrated Gradients"})
    smoothgrad_samples: int = field(default=8, metadata={"help": "noisy copies of SmoothGrad"})
    patch_stride_px: int = field(default=32, metadata={"help": "px from patch to patch of Occlusion by patch"})
    seed: int = field(default=9, metadata={"help": "seed of the simulation"})


def score_map(
    values: NDArray[np.float32], cause: NDArray[np.bool_], regions: Mapping[str, NDArray[np.bool_]]
) -> dict[str, float]:
    """Rank accuracy and pointing game in the cause (h, w), shares of the map's absolute values in it and by region."""
    strength = np.abs(values)
    total = float(strength.sum())
    masks = {"share": cause} | dict(regions)
    return {
        "rank": measure_rank_accuracy(strength, cause),
        "hit": hits_cause(strength, cause),
    } | {name: float(strength[mask].sum()) / total if total else float("nan") for name, mask in masks.items()}


def explain_drawing(
    drawing: tuple[int, Film, str], wanted: Sequence[tuple[Arm, str]], config: Config
) -> list[dict[str, Any]]:
    """One line a wanted model and method, of a film drawn with one class's signs; none where no heart is found."""
    number, film, label = drawing
    models = _load_once(config.weights)
    class_index = TASK_CLASSES["congenital"].index(label)
    rng = np.random.default_rng([config.seed, number, class_index])
    made = simulate_film(film.read_pixels(), *film.read_masks(), draw_film(rng, label, draw_severity(rng, label)))
    picture = as_loaded(made.picture)
    segmentation = segment_film(picture, models.trunk, models.segmenter)
    if not (segmentation.heart_mask.any() and segmentation.lungs_mask.any()):
        return []
    shown = Shown(picture, segmentation)
    cause = shown.frame.to_model(made.cause_mask.astype(np.float32)) > 0.5
    regions = shown.regions()
    areas = {"area": cause} | {f"{name}_area": mask for name, mask in regions.items() if name == "heart"}
    areas = {name: round(float(mask.mean()), 5) for name, mask in areas.items()}
    effort = {name: getattr(config, name) for name in EFFORT}
    answers, lines = {}, []
    for arm, method in wanted:
        classifier = models.classifiers["congenital", arm]
        network = PictureClassifier(models.trunk, classifier.network)
        if arm not in answers:
            with torch.inference_mode():
                logits = network(torch.from_numpy(shown.pictures[arm])[None, None])[0]
            answers[arm] = classifier.class_names[int(logits.argmax())]
        if method == EDGES:
            values = detect_edges(shown.pictures[arm])
        else:
            values = compute_map(method, network, shown.pictures[arm], class_index, regions, **effort).values
        scores = {name: round(score, 5) for name, score in score_map(values, cause, regions).items()}
        told = {"model": models.sha256[classifier.name], "source": film.source, "right": answers[arm] == label}
        place = {"film": number, "label": label, "arm": arm, "method": method}
        lines.append(place | told | areas | scores)
    return lines


@cache
def _load_once(weights: str) -> Models:
    return load_models(weights)


def summarise(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry a model and method: means with intervals by film, and its rank accuracy less that of the edges."""
    entries = []
    edges = {(line["film"], line["label"], line["arm"]): line["rank"] for line in lines if line["method"] == EDGES}
    for arm, method in dict.fromkeys((line["arm"], line["method"]) for line in lines):
        own = [line for line in lines if (line["arm"], line["method"]) == (arm, method)]
        missing = [line for line in own if (line["film"], line["label"], arm) not in edges]
        if missing:
            raise DataError(
                f"{len(missing)} drawings have no map of {EDGES} for {arm} to compare with: run it on them too."
            )
        ranks = [line["rank"] for line in own]
        if_right = [line["rank"] if line["right"] else float("nan") for line in own]
        over_chance = [line["rank"] - line["area"] for line in own]
        over_edges = [line["rank"] - edges[line["film"], line["label"], arm] for line in own]
        entries.append(
            {
                "arm": arm,
                "method": method,
                "films": len({line["film"] for line in own}),
                "drawings": len(own),
                "answered_right": float(np.mean([line["right"] for line in own])),
                "chance": float(np.mean([line["area"] for line in own])),
                "rank": _by_film(own, ranks),
                "rank_if_right": _by_film(own, if_right),
                "over_chance": _by_film(own, over_chance),
                "over_edges": _by_film(own, over_edges),
                "share": _by_film(own, [line["share"] for line in own]),
                "hit": _by_film(own, [line["hit"] for line in own]),
                "heart": {
                    "quantiles": np.nanpercentile([line["heart"] for line in own], HEART_PERCENTILES).round(4).tolist(),
                    "area": float(np.mean([line["heart_area"] for line in own])),
                },
            }
        )
    return entries


def _by_film(lines: Sequence[Mapping[str, Any]], values: Sequence[float]) -> dict[str, Any]:
    """Mean over films of the mean over a film's drawings, with a 95 % interval by film; NaN values do not count."""
    films = np.array([line["film"] for line in lines])
    given = np.array(values, float)
    known = np.isfinite(given)
    of_film = [float(given[known & (films == film)].mean()) for film in np.unique(films[known])]
    if not of_film:
        return {"mean": float("nan"), "interval": [float("nan")] * 2, "n": 0}
    return {"mean": float(np.mean(of_film)), "interval": list(bootstrap_interval(of_film)), "n": len(of_film)}


def main(config: Config) -> None:
    """Appends the lines of each drawing to `maps.jsonl`, then writes `causes.json`: the numbers of every method.

    `maps.jsonl.gz` is the same lines packed, from which another run can `--start`.
    """
    films, splits = read_films(config.data), read_splits(config.splits)
    held_out = films_of(films, splits, config.split)[:: config.every]
    models = load_models(config.weights)
    run = describe_run(config, held_out, config.splits)
    found_by = [models.sha256[name] for name in ("trunk", "segmenter")]
    effort = [getattr(config, name) for name in EFFORT]
    key = fingerprint({}, run["films_sha256"], hash_files(MADE_BY), found_by, config.seed, effort)
    config.out.mkdir(parents=True, exist_ok=True)
    path = config.out / "maps.jsonl"
    if config.start is not None and not path.exists():
        path.write_bytes(gzip.decompress(config.start.read_bytes()))
    shas = {arm: models.sha256[models.classifiers["congenital", arm].name] for arm in ARMS}
    done = {tuple(line[name] for name in PLACE) for line in read_predictions(path, key)}
    pairs = [(arm, method) for method in config.methods for arm in config.arms]
    work: dict[tuple[tuple[Arm, str], ...], list] = {}
    drawings = [(number, film, label) for number, film in enumerate(held_out) for label in ILL]
    for number, film, label in drawings[: config.drawings or None]:
        wanted = tuple(pair for pair in pairs if (number, label, *pair, shas[pair[0]]) not in done)
        if wanted:
            work.setdefault(wanted, []).append((number, film, label))
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), initializer=use_one_thread) as pool:
        for wanted, drawings in work.items():
            explain = partial(explain_drawing, wanted=wanted, config=config)
            for lines in tqdm(pool.map(explain, drawings), total=len(drawings), unit="drawing", mininterval=10):
                with path.open("a", encoding="utf-8") as file:
                    file.write("".join(json.dumps({"key": key} | line) + "\n" for line in lines))
    result = run | {
        "command": "python -m train.causes --data DIR --out DIR",
        "models": dict(models.sha256),
        "held_out": len(held_out),
        "methods": summarise([line for line in read_predictions(path, key) if line["model"] in shas.values()]),
    }
    with gzip.GzipFile(config.out / "maps.jsonl.gz", "wb", mtime=0) as file:
        file.write(path.read_bytes())
    (config.out / "causes.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(config.out / "causes.json")


if __name__ == "__main__":
    run_script(main, Config)
