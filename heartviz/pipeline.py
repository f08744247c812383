"""The only place where the stages are chained: a film and the models in, a Report out."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heartviz.attribution.activations import read_layer
from heartviz.attribution.controls import ALIKE, compare_maps, detect_edges
from heartviz.attribution.gradients import attribute_sensitivity, by_gray_of_film, to_gray_leaf
from heartviz.attribution.methods import METHODS, PictureMap, compute_map
from heartviz.attribution.networks import PictureClassifier, borrow, draw_random_weights
from heartviz.classify import pictures_seen, predict
from heartviz.gate import check_anatomy, check_ratio
from heartviz.measure import measure_cardiothoracic_ratio, measure_relevance_share
from heartviz.preprocess import stretch_contrast, thorax_frame
from heartviz.radiograph import load_radiograph
from heartviz.records import (
    ARMS,
    REGIONS,
    TASK_CLASSES,
    Arm,
    Attribution,
    Control,
    Explanation,
    GradientFor,
    Prediction,
    Radiograph,
    Report,
    Segmentation,
)
from heartviz.segment import segment_film
from heartviz.weights import Models
from heartviz.words import ARM_NAMES, DEFAULT_METHOD, METHOD_WORDS, describe_shares

Progress = Callable[[float, str], None]
DEFAULT_TASK = "congenital"


def analyze(
    source: bytes | str | os.PathLike[str] | NDArray | Radiograph,
    models: Models,
    *,
    task: str = DEFAULT_TASK,
    target_class: str | None = None,
    gradient_for: GradientFor = "picture_seen",
    method: str = DEFAULT_METHOD,
    progress: Progress | None = None,
) -> Report:
    """The whole report of one film: outlines, cardiothoracic ratio, both tasks' predictions, both models' maps.

    The maps explain `target_class` of `task` by `method`; None takes the class that VGG+Mask predicts. `progress` is
    called with 0..1 and a few words. Raises RadiographError for input that cannot be read, SegmentationError where no
    plausible heart and lungs are found, ValueError for an unknown task, class or method.
    """
    _check_choice(task, target_class, method)
    tell, clock = progress or _silent, _Clock()
    tell(0.05, "Reading the film")
    with clock.time("load"):
        radiograph = load_radiograph(source)
        picture = stretch_contrast(radiograph.pixels)
    with models.lock:
        tell(0.15, "Finding the heart and the lungs")
        with clock.time("segment"):
            segmentation = segment_film(picture, models.trunk, models.segmenter, models.view)
            warnings = check_anatomy(segmentation, picture)
        with clock.time("measure"):
            cardiothoracic = measure_cardiothoracic_ratio(segmentation.heart_mask, segmentation.lungs_mask)
            messages = (*radiograph.messages, *warnings, *check_ratio(cardiothoracic))
        film = _Shown(picture, segmentation)
        tell(0.5, "Asking both models")
        passes = _Passes(models, film.pictures)
        with clock.time("classify"):
            predictions = passes.predict_all()
        asked = _Asked(task, target_class or predictions[task]["mask"].label, gradient_for, method)
        explanation = _explain(passes, film, asked, clock, lambda done, words: tell(0.75 + done / 4, words))
    tell(1.0, "Done")
    return Report(
        radiograph=radiograph,
        segmentation=segmentation,
        cardiothoracic=cardiothoracic,
        pictures_seen={arm: film.frame.to_original(film.pictures[arm]) for arm in ARMS},
        predictions=predictions,
        explanation=explanation,
        messages=messages,
        models=dict(models.sha256),
        seconds=clock.seconds,
    )


def explain(
    report: Report,
    models: Models,
    task: str,
    target_class: str,
    gradient_for: GradientFor = "picture_seen",
    method: str = DEFAULT_METHOD,
    progress: Progress | None = None,
) -> Explanation:
    """Both models' maps for another class, task, gradient or method of a film already analysed.

    Nothing is segmented or predicted again. Raises ValueError for an unknown task, class or method.
    """
    _check_choice(task, target_class, method)
    film = _Shown(stretch_contrast(report.radiograph.pixels), report.segmentation)
    with models.lock:
        asked = _Asked(task, target_class, gradient_for, method)
        return _explain(_Passes(models, film.pictures), film, asked, _Clock(), progress or _silent)


def add_controls(report: Report, models: Models, progress: Progress | None = None) -> Explanation:
    """The report's explanation with its controls: the same method on random weights, and the picture's edges."""
    explanation, tell = report.explanation, progress or _silent
    film = _Shown(stretch_contrast(report.radiograph.pixels), report.segmentation)
    controls: dict[Arm, dict[str, Control]] = {}
    with models.lock:
        for place, arm in enumerate(ARMS):
            classifier = models.classifiers[explanation.task, arm]
            untrained = compute_map(
                explanation.method,
                draw_random_weights(PictureClassifier(models.trunk, classifier.network)),
                film.pictures[arm],
                classifier.class_names.index(explanation.target_class),
                film.regions(),
                partial(_tell_part, tell, place, "The same with random weights"),
            ).values
            found = film.frame.to_model(np.nan_to_num(explanation.attributions[arm].values))
            controls[arm] = {}
            for name, values in (("random_weights", untrained), ("edges", detect_edges(film.pictures[arm]))):
                likeness = compare_maps(found, values)
                controls[arm][name] = Control(film.frame.to_original(values), likeness, likeness >= ALIKE)
    return replace(explanation, controls=controls)


def read_layers(report: Report, models: Models, task: str, layer: str) -> dict[Arm, NDArray[np.float32]]:
    """What one convolution of both models puts out for a film already analysed, (channels, h, w) each.

    `layer` is one of LAYERS. Raises ValueError for another.
    """
    film = _Shown(stretch_contrast(report.radiograph.pixels), report.segmentation)
    with models.lock:
        return {
            arm: read_layer(
                PictureClassifier(models.trunk, models.classifiers[task, arm].network),
                torch.from_numpy(film.pictures[arm])[None, None],
                layer,
            )
            for arm in ARMS
        }


def _silent(done: float, words: str) -> None:
    """A Progress that tells nobody."""


class _Asked(NamedTuple):
    """What the maps are to explain, and how."""

    task: str
    target_class: str
    gradient_for: GradientFor
    method: str


class _Shown:
    """What both networks are shown of a film (stretched contrast) whose outlines are known, and where it lies."""

    def __init__(self, picture: NDArray[np.float32], segmentation: Segmentation) -> None:
        self.segmentation = segmentation
        heart_mask, lungs_mask = segmentation.heart_mask, segmentation.lungs_mask
        self.frame = thorax_frame(lungs_mask)
        self.pictures = pictures_seen(picture, heart_mask, self.frame)

    def regions(self) -> dict[str, NDArray[np.bool_]]:
        """Heart, lungs and elsewhere on the networks' picture, bool (h, w); they do not overlap."""
        masks = (self.segmentation.heart_mask, self.segmentation.lungs_mask)
        heart, lungs = (self.frame.to_model(mask.astype(np.float32)) > 0.5 for mask in masks)
        return dict(zip(REGIONS, (heart, lungs & ~heart, ~(heart | lungs)), strict=True))


class _Clock:
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


class _Passes:
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


def _explain(passes: _Passes, film: _Shown, asked: _Asked, clock: _Clock, tell: Progress) -> Explanation:
    """Both arms' maps. The paper's sensitivity takes forward passes whose graph is kept: it costs a backward pass."""
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
                told = partial(_tell_part, tell, place, f"{METHOD_WORDS[asked.method].label}: {ARM_NAMES[arm]}")
                maps[arm] = compute_map(asked.method, network, film.pictures[arm], class_index, film.regions(), told)
    with clock.time("measure"):
        return _describe(maps, film, asked)


def _tell_part(tell: Progress, place: int, words: str, done: float) -> None:
    tell((place + done) / len(ARMS), words)


def _describe(maps: Mapping[Arm, PictureMap], film: _Shown, asked: _Asked) -> Explanation:
    """Both maps laid back on the film, with their shares and a sentence.

    A value per unit of gray is for "picture_seen" per gray value that the network was shown; for "film" per the film's
    own, which for VGG+Mask is 0.2 times as large outside the heart by the chain rule. Enlarged to the film, values stay
    those of the network's pixels.
    """
    task, target_class, gradient_for, method = asked
    heart_mask, lungs_mask = film.segmentation.heart_mask, film.segmentation.lungs_mask
    attributions = {}
    for arm, found in maps.items():
        values = film.frame.to_original(found.values)
        if METHOD_WORDS[method].by_gray and gradient_for == "film" and arm == "mask":
            values = by_gray_of_film(values, heart_mask)
        attributions[arm] = Attribution(values, method, arm, target_class, gradient_for, found.gap, found.message)
    shares, positive = (
        {arm: measure_relevance_share(attributions[arm].values, heart_mask, lungs_mask, part) for arm in ARMS}
        for part in ("absolute", "positive")
    )
    sentence = describe_shares(shares, gradient_for if METHOD_WORDS[method].by_gray else "picture_seen", method)
    return Explanation(task, target_class, gradient_for, attributions, shares, sentence, positive)


def _check_choice(task: str, target_class: str | None, method: str = DEFAULT_METHOD) -> None:
    if method not in METHODS:
        raise ValueError(f"Unknown method {method!r}: choose one of {', '.join(METHODS)}.")
    if task not in TASK_CLASSES:
        raise ValueError(f"Unknown task {task!r}: choose one of {', '.join(TASK_CLASSES)}.")
    if target_class is not None and target_class not in TASK_CLASSES[task]:
        raise ValueError(f"Unknown class {target_class!r} of {task}: choose one of {', '.join(TASK_CLASSES[task])}.")
