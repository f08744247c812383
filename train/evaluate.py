"""Measure the shipped models on films held out: `python -m train.evaluate --data DIR --out FILE`.

Runs exactly what the app runs (float32, original frame, cleaned masks) on the split that nothing was tuned on.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from heartviz.admission import look_through_gate
from heartviz.classify import pictures_seen
from heartviz.errors import HeartvizError
from heartviz.gate import first_refusal
from heartviz.measure import bootstrap_interval
from heartviz.pipeline import analyze
from heartviz.preprocess import stretch_contrast, thorax_frame, to_model_input
from heartviz.records import ARMS, REGIONS, TASK_CLASSES, Radiograph
from heartviz.segment import segment_film
from heartviz.weights import Models, load_models
from train.classifier import score
from train.config import run_script
from train.datasets import Masks, Sample, heart_size_samples, simulated_samples
from train.folds import films_of, read_splits
from train.metrics import score_outlines, summarise_outlines
from train.outline_reader import make_reader, outline_features, simulate_features
from train.provenance import describe_run, hash_text
from train.signs import CONTOUR_GAIN, SIGN_GROUPS
from train.sources import Film
from train.sources.ctr512 import read_films
from train.sources.registry import open_sources


@dataclass(frozen=True)
class Config:
    """Measure segmenter and classifiers on the test films, and write the numbers as JSON."""

    data: Path = field(metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    out: Path = field(default=Path("weights/results.json"), metadata={"help": "gets the numbers"})
    splits: Path = field(default=Path("weights/splits.csv"), metadata={"help": "split file"})
    split: str = field(default="test", metadata={"help": "split that is measured"})
    weights: str = field(default="local", metadata={"help": "as HEARTVIZ_WEIGHTS"})
    per_class: int = field(default=1, metadata={"help": "simulated films of each class from each film"})
    single_sign_step: int = field(default=2, metadata={"help": "films with contour or vessel signs alone: every Nth"})
    third: tuple[str, ...] = field(default=(), metadata={"help": "films of other sources, as NAME=PATH"})
    third_every: int = field(default=1, metadata={"help": "every Nth of these"})
    seed: int = field(default=8, metadata={"help": "seed of the simulation"})


def measure_segmenter(models: Models, films: Sequence[Film]) -> dict:
    """By source: Dice, HD95, cardiothoracic ratio error and agreement, each with n and a 95 % interval by film."""
    rows = []
    for film in tqdm(films, unit="film"):
        found = segment_film(stretch_contrast(film.read_pixels()), models.trunk, models.segmenter)
        masks = (found.heart_mask, found.left_lung_mask, found.right_lung_mask)
        rows.append({"source": film.source, "film": film.film_id} | score_outlines(masks, film.read_masks()))
    summaries = {}
    for source in ("jsrt", "wingspan"):
        of_source = [row for row in rows if row["source"] == source]
        worst = sorted(of_source, key=lambda row: row["heart_dice"])[:3]
        summaries[source] = summarise_outlines(of_source)
        summaries[source]["worst_hearts"] = [
            (hash_text(row["film"])[:12], round(row["heart_dice"], 3)) for row in worst
        ]
    return summaries


def segment_as_in_use(models: Models, picture: NDArray[np.float32]) -> Masks | None:
    """Heart, left and right lung mask as the app finds them, or None where its gate would refuse the film."""
    found, _, checks = look_through_gate(Radiograph(picture), picture, models)
    if first_refusal(checks) is not None:
        return None
    return found.heart_mask, found.left_lung_mask, found.right_lung_mask


def predict_samples(models: Models, samples: Sequence[Sample] | object, task: str) -> tuple[dict, dict, int]:
    """Arm to calibrated probabilities (N, classes), the samples' labels and more as tensors, and how many were lost."""
    probabilities: dict = {arm: [] for arm in ARMS}
    rows: dict = {name: [] for name in ("label", "severity", "source", "film", "outline")}
    films: dict[str, int] = {}
    lost = 0
    for sample in samples:
        if sample.found_masks is None:
            lost += 1
            continue
        heart_mask, lungs_mask = sample.found_masks[0], sample.found_masks[1] | sample.found_masks[2]
        pictures = pictures_seen(sample.picture, heart_mask, lungs_mask, thorax_frame(lungs_mask))
        for arm in ARMS:
            classifier = models.classifiers[task, arm]
            with torch.inference_mode():
                logits = classifier.network(models.trunk(to_model_input(pictures[arm]))[2])[0]
            probabilities[arm].append(torch.softmax(logits.double() / classifier.temperature, dim=0).numpy())
        rows["label"].append(sample.label)
        rows["severity"].append(sample.severity)
        rows["source"].append(int(sample.film.source != "jsrt"))
        rows["film"].append(films.setdefault(sample.film.film_id, len(films)))
        rows["outline"].append(outline_features(sample.true_masks[0], sample.true_masks[1] | sample.true_masks[2]))
    part = {name: torch.from_numpy(np.array(values, np.float32)) for name, values in rows.items()}
    return {arm: np.array(values) for arm, values in probabilities.items()}, part, lost


def measure_congenital(models: Models, films: list[Film], train_films: list[Film], config: Config) -> dict:
    """By signs carried (contour, vessels, both): both arms and the outline reader on simulated test films."""
    reader = make_reader().fit(*simulate_features(train_films, CONTOUR_GAIN, 2, config.seed + 1)[:2])
    results = {}
    class_names = TASK_CLASSES["congenital"]
    for group in SIGN_GROUPS:
        segment = partial(segment_as_in_use, models)
        chosen = films if group == "both" else films[:: config.single_sign_step]
        groups = (group,) * config.per_class
        samples = simulated_samples(list(enumerate(chosen)), segment, groups, config.seed, training=False)
        total = 4 * config.per_class * len(chosen)
        probabilities, part, lost = predict_samples(models, tqdm(samples, total=total), "congenital")
        results[group] = {arm: score(probabilities[arm], part, class_names) for arm in ARMS} | {"not_segmented": lost}
        if group != "vessels":
            results[group]["outline_reader"] = score(reader.predict_proba(part["outline"].numpy()), part, class_names)
        labels = part["label"].numpy()
        for arm in ARMS:
            if group != "vessels":
                results[group][arm]["above_reader"] = compare_with_reader(probabilities[arm], reader, part)
            results[group][arm]["auroc_one_vs_rest"] = float(
                roc_auc_score(labels, probabilities[arm], multi_class="ovr", labels=range(len(class_names)))
            )
    return results


def compare_with_reader(probabilities: NDArray, reader: Pipeline, part: dict) -> dict:
    """How much more of the films a model gets right than the outline reader, with a paired 95 % interval by film."""
    labels, films = part["label"].numpy().astype(int), part["film"].numpy().astype(int)
    more = (probabilities.argmax(1) == labels).astype(float) - (reader.predict(part["outline"].numpy()) == labels)
    of_film = [float(more[films == film].mean()) for film in np.unique(films)]
    return {"difference": float(more.mean()), "interval": bootstrap_interval(of_film)}


def measure_heart_size(models: Models, films: list[Film]) -> dict:
    """Both arms on the test films as they are, at the stored operating point; labels by the masks."""
    samples = heart_size_samples(list(enumerate(films)), partial(segment_as_in_use, models), 0, 0, training=False)
    probabilities, part, lost = predict_samples(models, samples, "heart_size")
    results: dict = {"not_segmented": lost}
    labels = part["label"].numpy().astype(int)
    for arm in ARMS:
        threshold = models.classifiers["heart_size", arm].operating_point["Enlarged"]
        enlarged = probabilities[arm][:, 1]
        called = enlarged >= threshold
        decided = np.stack([~called, called], axis=1).astype(float)
        results[arm] = score(decided, part, TASK_CLASSES["heart_size"]) | {
            "auroc": float(roc_auc_score(labels, enlarged)),
            "auroc_interval": bootstrap_interval(
                np.column_stack([labels, enlarged]), lambda rows: roc_auc_score(rows[:, 0], rows[:, 1])
            ),
            "sensitivity": float(called[labels == 1].mean()),
            "specificity": float((~called)[labels == 0].mean()),
        }
    return results


def measure_use(models: Models, films: Sequence[Film]) -> dict:
    """What the app does with films as they are: refusals, answers, and where the sensitivity of its maps lies.

    Shares are of the default map, for the picture seen and VGG+Mask's congenital answer; intervals by film.
    """
    predictions, shares = [], {arm: [] for arm in ARMS}
    for film in tqdm(films, unit="film"):
        try:
            report = analyze(film.image_path, models)
        except HeartvizError:
            continue
        predictions.append(report.predictions)
        for arm in ARMS:
            shares[arm].append(report.explanation.shares[arm])
    return {
        "n": len(films),
        "accepted": len(predictions),
        "answers": {
            task: {
                arm: {name: sum(of_film[task][arm].label == name for of_film in predictions) for name in names}
                for arm in ARMS
            }
            for task, names in TASK_CLASSES.items()
        },
        "shares": {
            arm: {region: _mean_with_interval([share.share[region] for share in shares[arm]]) for region in REGIONS}
            for arm in ARMS
        },
        "chance": {
            region: _mean_with_interval([share.chance[region] for share in shares["plain"]]) for region in REGIONS
        },
        "heart_share_rises_with_the_mask": sum(
            mask.share["heart"] > plain.share["heart"]
            for plain, mask in zip(shares["plain"], shares["mask"], strict=True)
        ),
    }


def _mean_with_interval(values: Sequence[float]) -> dict:
    return {"mean": float(np.nanmean(values)), "interval": bootstrap_interval(values)}


def main(config: Config) -> None:
    """Writes the numbers of all models on the split, and prints them."""
    films, splits = read_films(config.data), read_splits(config.splits)
    held_out, train_films = films_of(films, splits, config.split), films_of(films, splits, "train")
    models = load_models(config.weights)
    results = describe_run(config, films, config.splits) | {
        "command": " ".join(
            [f"python -m train.evaluate --data DIR --split {config.split} --seed {config.seed}"]
            + [f"--third {spec.split('=')[0]}=DIR --third-every {config.third_every}" for spec in config.third]
        ),
        "split": config.split,
        "held_out": len(held_out),
        "training_films": len(train_films),
        "validation_films": len(films_of(films, splits, "validation")),
        "models": dict(models.sha256),
        "segmenter": measure_segmenter(models, held_out),
        "heart_size": measure_heart_size(models, held_out),
        "use": {
            source: measure_use(models, of_source)
            for source, of_source in {
                **{name: [film for film in held_out if film.source == name] for name in ("jsrt", "wingspan")},
                **{spec.split("=")[0]: open_sources([spec])[:: config.third_every] for spec in config.third},
            }.items()
        },
        "congenital": measure_congenital(models, held_out, train_films, config),
    }
    config.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    run_script(main, Config)
