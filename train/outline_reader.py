"""A reader who sees only the true heart outline, to set the strength of the signs and to stand beside each model.

`python -m train.outline_reader --data DIR --contour-gains 1 2 3` prints its accuracy at each strength.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from heartviz.masks import mask_contour
from train.config import run_script
from train.folds import films_of, read_splits
from train.signs import CLASSES, CONTOUR_GAIN, draw_film, draw_severity
from train.simulate import move_masks
from train.sources.ctr512 import read_films

RADII = 48


def outline_features(heart_mask: NDArray[np.bool_], lungs_mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Radii of the outline at 48 angles about the heart's centre, and that centre, all in thorax-box units."""
    rows, cols = np.flatnonzero(lungs_mask.any(axis=1)), np.flatnonzero(lungs_mask.any(axis=0))
    size = np.array([rows[-1] - rows[0] + 1, cols[-1] - cols[0] + 1], np.float64)
    outline = (mask_contour(heart_mask) - (rows[0], cols[0])) / size
    centre = (np.argwhere(heart_mask).mean(axis=0) - (rows[0], cols[0])) / size
    away = outline - centre
    angle, radius = np.arctan2(-away[:, 0], away[:, 1]), np.linalg.norm(away, axis=1)
    order = np.argsort(angle)
    at = np.linspace(-np.pi, np.pi, RADII, endpoint=False)
    return np.concatenate([np.interp(at, angle[order], radius[order], period=2 * np.pi), centre])


def make_reader() -> Pipeline:
    """Logistic regression on standardised outline features."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=2000))


@dataclass(frozen=True)
class Config:
    """Accuracy of the outline reader over the four classes at several strengths of the contour signs."""

    data: Path = field(metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    splits: Path = field(default=Path("weights/splits.csv"), metadata={"help": "split file"})
    contour_gains: tuple[float, ...] = field(default=(CONTOUR_GAIN,), metadata={"help": "strengths to try"})
    per_class: int = field(default=3, metadata={"help": "simulated outlines of each class from each training film"})
    test_split: str = field(default="validation", metadata={"help": "films that the reader is judged on"})
    seed: int = field(default=0, metadata={"help": "seed of the simulation"})


def simulate_features(films: Sequence, gain: float, per_class: int, seed: int) -> tuple[NDArray, NDArray, NDArray]:
    """Outline features, class indices and severities of simulated films with contour signs."""
    features, labels, severities = [], [], []
    for number, film in enumerate(tqdm(films, unit="film")):
        masks = film.read_masks()
        for index, label in enumerate(CLASSES):
            for repeat in range(per_class):
                rng = np.random.default_rng([seed, number, index, repeat])
                severity = draw_severity(rng, label)
                heart, left, right = move_masks(masks, draw_film(rng, label, severity, "contour", gain))
                features.append(outline_features(heart, left | right))
                labels.append(index)
                severities.append(severity)
    return np.array(features), np.array(labels), np.array(severities)


def main(config: Config) -> None:
    """Prints one JSON line a strength: accuracy over four classes on films the reader never saw, and n."""
    films, splits = read_films(config.data), read_splits(config.splits)
    for gain in config.contour_gains:
        train = simulate_features(films_of(films, splits, "train"), gain, config.per_class, config.seed)
        test = simulate_features(films_of(films, splits, config.test_split), gain, 4, config.seed + 1)
        reader = make_reader().fit(train[0], train[1])
        right = reader.predict(test[0]) == test[1]
        by_class = {label: round(float(right[test[1] == index].mean()), 3) for index, label in enumerate(CLASSES)}
        line = {"contour_gain": gain, "accuracy": round(float(right.mean()), 3), "n": len(right), "by_class": by_class}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    run_script(main, Config)
