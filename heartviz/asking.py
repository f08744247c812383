"""All models asked about one film whose outlines are known: pictures shown, answers, maps, shares."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heartviz.attribution.gradients import attribute_sensitivity, to_gray_leaf
from heartviz.attribution.methods import PictureMap, compute_map
from heartviz.attribution.networks import PictureClassifier, borrow
from heartviz.classify import gray_factors, pictures_seen, predict
from heartviz.measure import measure_relevance_share
from heartviz.preprocess import thorax_frame
from heartviz.records import (
    ARMS,
    REGIONS,
    TASK_CLASSES,
    Arm,
    Attribution,
    Explanation,
    GradientFor,
    Prediction,
    Segmentation,
)
from heartviz.weights import Models
from heartviz.words import ARM_NAMES, DEFAULT_METHOD, METHOD_WORDS, describe_shares

Progress = Callable[[float, str], None]
# Predictions, explanation and pictures seen, as a Report holds them.
Asked = tuple[dict[str, dict[Arm, Prediction]], Explanation, dict[Arm, NDArray[np.float32]]]


def silent(done: float, words: str) -> None:
    """A Progress that tells nobody."""


class Question(NamedTuple):
    """What the maps are to explain, and how; class None is VGG+Mask's answer."""

    task: str
    target_class: str | None
    gradient_for: GradientFor
    method: str


class Shown:
    """What all networks are shown of a film (stretched contrast) whose outlines are known, and where it lies."""

    def __init__(self, picture: NDArray[np.float32], segmentation: Segmentation) -> None:
        self.picture, self.segmentation = picture, segmentation
        heart_mask, lungs_mask = segmentation.heart_mask, segmentation.lungs_mask
        self.frame = thorax_frame(lungs_mask)
        self.pictures = pictures_seen(picture, heart_mask, lungs_mask, self.frame)

    def regions(self) -> dict[str, NDArray[np.bool_]]:
        """Heart, lungs and elsewhere on the networks' picture, bool (h, w); they do not overlap."""
        masks = (self.segmentation.heart_mask, self.segmentation.lungs_mask)
        heart, lungs = (self.frame.to_model(mask.astype(np.float32)) > 0.5 for mask in masks)
        return dict(zip(REGIONS, (heart, lungs & ~heart, ~(heart | lungs)), strict=True))


class Clock:
    """Seconds by stage, summed."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started


class Passes:
    """One forward pass an arm with its graph kept, so that the map costs a backward pass only.

    The trunk, and block 4 where two tasks share it, run once for each arm.
    """

    def __init__(self, models: Models, shown: Mapping[Arm, NDArray[np.float32]]) -> None:
        self.models, self.shown = models, shown
        self.leaves: dict[Arm, Tensor] = {}
        self.stride4: dict[Arm, Tensor] = {}
        self.stride8: dict[tuple[Arm, int], Tensor] = {}
        self.logits: dict[tuple[str, Arm], Tensor] = {}

    def run(self, arm: Arm, task: str) -> Tensor:
        """Logits (K,) of one task with their graph down to the arm's gray leaf."""
        classifier = self.models.classifiers[task, arm]
        networks = [self.models.trunk, classifier.network]
        with borrow(*networks):
            if arm not in self.leaves:
                self.leaves[arm], model_input = to_gray_leaf(self.shown[arm])
                self.stride4[arm] = self.models.trunk(model_input)[2]
            key = arm, id(classifier.network.block4)
            if key not in self.stride8:
                self.stride8[key] = classifier.network.lower(self.stride4[arm])
            self.logits[task, arm] = classifier.network.upper(self.stride8[key])[0]
        return self.logits[task, arm]

    def predict_all(self) -> dict[str, dict[Arm, Prediction]]:
        """Both tasks' predictions of both arms."""
        predictions: dict[str, dict[Arm, Prediction]] = {task: {} for task in TASK_CLASSES}
        for arm in ARMS:
            for task in TASK_CLASSES:
                classifier = self.models.classifiers[task, arm]
                predictions[task][arm] = predict(
                    self.run(arm, task),
                    task,
                    arm,
                    classifier.class_names,
                    classifier.temperature,
                    classifier.operating_point,
                )
        return predictions


def ask(
    models: Models,
    picture: NDArray[np.float32],
    segmentation: Segmentation,
    asked: Question,
    clock: Clock,
    tell: Progress,
) -> Asked:
    """The later stages of one film: pictures shown, answers, maps. Whoever calls it holds the models' lock."""
    film = Shown(picture, segmentation)
    tell(0.5, "Asking all models")
    passes = Passes(models, film.pictures)
    with clock.time("classify"):
        predictions = passes.predict_all()
    asked = asked._replace(target_class=asked.target_class or predictions[asked.task]["mask"].label)
    explanation = explain_question(passes, film, asked, clock, lambda done, words: tell(0.75 + done / 4, words))
    return predictions, explanation, {arm: film.frame.to_original(film.pictures[arm]) for arm in ARMS}


def explain_question(passes: Passes, film: Shown, asked: Question, clock: Clock, tell: Progress) -> Explanation:
    """Every arm's maps. The paper's sensitivity takes forward passes whose graph is kept: it costs a backward pass."""
    maps = {}
    with clock.time("explain"):
        for place, arm in enumerate(ARMS):
            tell(place / len(ARMS), f"{METHOD_WORDS[asked.method].label}: {ARM_NAMES[arm]}")
            classifier = passes.models.classifiers[asked.task, arm]
            class_index = classifier.class_names.index(asked.target_class)
            if asked.method == DEFAULT_METHOD:
                logits = passes.logits.get((asked.task, arm))
                logits = passes.run(arm, asked.task) if logits is None else logits
                maps[arm] = PictureMap(attribute_sensitivity(passes.leaves[arm], logits, class_index))
            else:
                network = PictureClassifier(passes.models.trunk, classifier.network)
                told = partial(tell_part, tell, place, f"{METHOD_WORDS[asked.method].label}: {ARM_NAMES[arm]}")
                maps[arm] = compute_map(asked.method, network, film.pictures[arm], class_index, film.regions(), told)
    with clock.time("measure"):
        return _describe(maps, film, asked)


def tell_part(tell: Progress, place: int, words: str, done: float) -> None:
    """Tells how much of every model's work is done when this share of the model at `place` is."""
    tell((place + done) / len(ARMS), words)


def _describe(maps: Mapping[Arm, PictureMap], film: Shown, asked: Question) -> Explanation:
    """All maps laid back on the film, with their shares and a sentence.

    A value per unit of gray is for "picture_seen" per gray value that the network was shown; for "film" per the film's
    own, which for VGG+Mask is 0.2 times as large outside the heart by the chain rule, and for the hardened model
    follows the gray that it is shown. Enlarged to the film, values stay those of the network's pixels.
    """
    task, target_class, gradient_for, method = asked
    heart_mask, lungs_mask = film.segmentation.heart_mask, film.segmentation.lungs_mask
    by_film = METHOD_WORDS[method].by_gray and gradient_for == "film"
    factors = gray_factors(film.picture, heart_mask, lungs_mask) if by_film else {}
    attributions = {}
    for arm, found in maps.items():
        values = film.frame.to_original(found.values) * factors.get(arm, np.float32(1))
        attributions[arm] = Attribution(values, method, arm, target_class, gradient_for, found.gap, found.message)
    shares, positive = (
        {arm: measure_relevance_share(attributions[arm].values, heart_mask, lungs_mask, part) for arm in ARMS}
        for part in ("absolute", "positive")
    )
    sentence = describe_shares(
        shares, gradient_for if METHOD_WORDS[method].by_gray else "picture_seen", method, positive
    )
    return Explanation(task, target_class, gradient_for, attributions, shares, sentence, positive)


@contextmanager
def open_for_gradients(
    models: Models, task: str, arm: Arm, pictures: NDArray[np.float32]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Gray pictures (N, h, w) as a leaf (N, 1, h, w), and one model's logits (N, K) with their graph down to it."""
    network = PictureClassifier(models.trunk, models.classifiers[task, arm].network)
    leaf = torch.from_numpy(np.array(pictures, dtype=np.float32))[:, None].requires_grad_(True)
    with borrow(network):
        yield leaf, network(leaf)


def ask_models(
    models: Models,
    picture: NDArray[np.float32],
    segmentation: Segmentation,
    task: str,
    target_class: str | None = None,
    gradient_for: GradientFor = "picture_seen",
    method: str = DEFAULT_METHOD,
) -> Asked:
    """Every model's answers, maps by `method` and pictures seen, of a film (stretched contrast) with known outlines.

    The three fields of a Report: predictions, explanation, pictures_seen.
    """
    with models.lock:
        question = Question(task, target_class, gradient_for, method)
        return ask(models, picture, segmentation, question, Clock(), silent)
