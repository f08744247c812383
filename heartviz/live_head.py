"""A small head trained while a class looks on: logistic regression on cached features, with a cue planted or not.

The features are those of VGG16's blocks 1 to 3 (ImageNet, the shared trunk) of the thorax picture, pooled on a grid and
projected; `train.live_features` makes them. Nothing here knows a film.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

import heartviz
from heartviz.errors import WeightsError
from heartviz.interventions.cues import CUES, NO_CUE, SOURCE, assign_cues
from heartviz.measure import bootstrap_interval
from heartviz.records import ARMS, Arm, RelevanceShare
from heartviz.shortcut_results import ShortcutRun

LIVE_FEATURES = Path(heartviz.__file__).resolve().parents[1] / "weights" / "live_features.safetensors"
STEPS, RATE, WEIGHT_DECAY, MOMENTUM = 120, 0.5, 0.003, 0.9
FEWEST_FILMS = 20
# Which way of showing films of train.shortcut each model's is.
SHOWN_AS: Mapping[Arm, str] = MappingProxyType({"plain": "plain", "mask": "x0.2", "hardened": "levelled_lungs"})
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Projection:
    """Pooled trunk features (d,) to the head's (k,): less `mean`, over `spread`, times `basis` (d, k)."""

    mean: Floats
    spread: Floats
    basis: Floats

    def apply(self, pooled: Floats) -> Floats:
        """(n, d) to (n, k)."""
        return (pooled - self.mean) / self.spread @ self.basis


@dataclass(frozen=True)
class LiveFeatures:
    """Features of films drawn in both labels, (films, 2, k), by model and cue ("none": no cue planted).

    The first `train_films` films can be learnt from, the rest are tested on; `sources` names each film's source.
    """

    features: Mapping[tuple[Arm, str], Floats]
    projections: Mapping[Arm, Projection]
    sources: tuple[str, ...]
    train_films: int
    size_px: int
    grid: int
    command: str

    @property
    def test_films(self) -> int:
        """How many films are tested on."""
        return len(self.sources) - self.train_films


@dataclass(frozen=True)
class LiveHead:
    """Log odds of VSD = features (k,) times `weights` (k,) + `bias`."""

    weights: Floats
    bias: float

    def answer(self, features: Floats) -> NDArray[np.float64]:
        """Probability of VSD, features (..., k) to (...)."""
        return 1 / (1 + np.exp(-np.clip(features @ self.weights + self.bias, -50, 50)))


@dataclass(frozen=True)
class LiveRun:
    """Three heads that learnt the same films with the same cue, one a model's way of showing them.

    `history` is arm to (steps + 1, 2): accuracy on the test films where the cue goes with the label, and where it goes
    against it, before each step and after the last. `runs` are the end's groups.
    """

    cue: str
    strength: float
    films: int
    seed: int
    heads: Mapping[Arm, LiveHead]
    history: Mapping[Arm, NDArray[np.float64]]
    runs: tuple[ShortcutRun, ...]


@dataclass(frozen=True)
class CueTrial:
    """One film without and with the cue, before each head: arm to what is said below, pictures (h, w) in 0..1.

    `before` and `after` are probabilities of VSD; `maps` the sensitivity of the log odds to the picture with the cue,
    `shares` where it lies, `on_cue` its share on the pixels that the cue changed in that model's picture, `cue_area`
    their share of it: 0 for a model whose picture stays as it was.
    """

    cue: str
    film: str
    pictures: Mapping[Arm, NDArray[np.float32]]
    cued_pictures: Mapping[Arm, NDArray[np.float32]]
    before: Mapping[Arm, float]
    after: Mapping[Arm, float]
    maps: Mapping[Arm, NDArray[np.float32]]
    shares: Mapping[Arm, RelevanceShare]
    on_cue: Mapping[Arm, float]
    cue_area: Mapping[Arm, float]
    heart_mask: NDArray[np.bool_]


def read_live_features(path: Path = LIVE_FEATURES) -> LiveFeatures | None:
    """The file of `train.live_features`, None where there is none. Raises WeightsError for another file."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            told = json.loads(file.metadata()["heartviz"])
            arrays = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
        return LiveFeatures(
            {tuple(name.split("/")[1:]): of for name, of in arrays.items() if name.startswith("features/")},
            {arm: Projection(*(arrays[f"{part}/{arm}"] for part in ("mean", "spread", "basis"))) for arm in ARMS},
            tuple(told["sources"]),
            *(told[name] for name in ("train_films", "size_px", "grid", "command")),
        )
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path.name} holds no live features. Get it anew from the repository.") from error


def train_heads(live: LiveFeatures, cue: str, strength: float, films: int, seed: int) -> LiveRun:
    """Three heads trained on `films` films, of which a share `strength` has the cue go with the label.

    Raises ValueError for fewer than 20 films, more than there are, or a strength outside 0.5..1.
    """
    if not FEWEST_FILMS <= films <= live.train_films:
        raise ValueError(f"{films} films to learn from: give {FEWEST_FILMS} to {live.train_films}.")
    if not 0.5 <= strength <= 1:
        raise ValueError(f"Strength is {strength:g}: give 0.5 (not at all) to 1 (always).")
    chosen = np.random.default_rng([seed, films]).permutation(live.train_films)[:films]
    labels, cued = assign_cues(cue, strength, [live.sources[place] for place in chosen], seed)
    heads, history, runs = {}, {}, []
    for arm in ARMS:
        plain = live.features[arm, NO_CUE]
        planted = live.features[arm, cue] if cue in CUES else plain
        learnt = np.where(cued[:, None], planted[chosen, labels], plain[chosen, labels])
        groups = _test_groups(live, plain, planted, cue)
        heads[arm], history[arm] = _descend(learnt, labels, groups, seed)
        runs.append(_score(heads[arm], groups, SHOWN_AS[arm], by_film=cue != SOURCE))
    return LiveRun(cue, strength, films, seed, heads, history, tuple(runs))


Groups = Mapping[tuple[int, int], Floats]


def _test_groups(live: LiveFeatures, plain: Floats, planted: Floats, cue: str) -> Groups:
    """Features of the test films by (label, cue); for the cue "source" by (label, source)."""
    tested = slice(live.train_films, None)
    if cue != SOURCE:
        return {(label, at): (plain, planted)[at][tested, label] for label in (0, 1) for at in (0, 1)}
    second = np.array(live.sources[tested]) == "wingspan"
    return {(label, at): plain[tested, label][second == bool(at)] for label in (0, 1) for at in (0, 1)}


def _descend(
    learnt: Floats, labels: NDArray[np.int64], groups: Groups, seed: int
) -> tuple[LiveHead, NDArray[np.float64]]:
    """Gradient descent with momentum on the mean loss, features scaled alike; and the test accuracies on the way."""
    scale = 1 / max(float(learnt.std()), 1e-6)
    weights, bias = 0.01 * np.random.default_rng(seed).standard_normal(learnt.shape[1]), 0.0
    speed, bias_speed, told = np.zeros_like(weights), 0.0, []
    for step in range(STEPS + 1):
        head = LiveHead((weights * scale).astype(np.float32), bias)
        told.append(_with_and_against(head, groups))
        if step < STEPS:
            wrong = head.answer(learnt) - labels
            gradient = scale * learnt.T @ wrong / len(labels) + WEIGHT_DECAY * weights
            speed, bias_speed = MOMENTUM * speed - RATE * gradient, MOMENTUM * bias_speed - RATE * float(wrong.mean())
            weights, bias = weights + speed, bias + bias_speed
    return head, np.array(told)


def _with_and_against(head: LiveHead, groups: Groups) -> tuple[float, float]:
    right = {place: _accuracy(head, of, place[0]) for place, of in groups.items()}
    return (right[0, 0] + right[1, 1]) / 2, (right[0, 1] + right[1, 0]) / 2


def _accuracy(head: LiveHead, features: Floats, label: int) -> float:
    return float(((head.answer(features) >= 0.5) == bool(label)).mean())


def _score(head: LiveHead, groups: Groups, shown: str, by_film: bool) -> ShortcutRun:
    """The groups' accuracies; the average's interval is by film, where every film is in every group, or by group."""
    right = {place: (head.answer(of) >= 0.5) == bool(place[0]) for place, of in groups.items()}
    values = np.mean(list(right.values()), axis=0) if by_film else np.concatenate(list(right.values()))
    interval = bootstrap_interval(values.astype(float), repeats=400)
    shares = {place: float(of.mean()) for place, of in right.items()}
    average = float(np.mean(list(shares.values())) if by_film else values.mean())
    return ShortcutRun(shown, average, interval, min(shares.values()), shares)
