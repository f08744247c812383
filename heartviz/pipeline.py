"""The only place where the stages are chained: a film and the models in, a Report out."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from heartviz.attribution.gradients import attribute_sensitivity, input_gradients_only, to_gray_leaf
from heartviz.classify import pictures_seen, predict
from heartviz.gate import check_anatomy, check_ratio
from heartviz.measure import measure_cardiothoracic_ratio, measure_relevance_share
from heartviz.preprocess import Frame, stretch_contrast, thorax_frame
from heartviz.radiograph import load_radiograph
from heartviz.records import (
    ARMS,
    TASK_CLASSES,
    Arm,
    Explanation,
    GradientFor,
    Prediction,
    Radiograph,
    Report,
    Segmentation,
)
from heartviz.segment import segment_film
from heartviz.weights import Models
from heartviz.words import describe_shares

Progress = Callable[[float, str], None]
DEFAULT_TASK = "congenital"


def analyze(
    source: bytes | str | os.PathLike[str] | NDArray | Radiograph,
    models: Models,
    *,
    task: str = DEFAULT_TASK,
    target_class: str | None = None,
    gradient_for: GradientFor = "picture_seen",
    progress: Progress | None = None,
) -> Report:
    """The whole report of one film: outlines, cardiothoracic ratio, both tasks' predictions, both models' maps.

    The maps explain `target_class` of `task`; None takes the class that VGG+Mask predicts. `progress` is called with
    0..1 and a few words. Raises RadiographError for input that cannot be read, SegmentationError where no plausible
    heart and lungs are found, ValueError for an unknown task or class.
    """
    _check_choice(task, target_class)
    tell = progress or (lambda done, words: None)
    clock = _Clock()
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
        frame = thorax_frame(segmentation.lungs_mask)
        shown = pictures_seen(picture, segmentation.heart_mask, frame)
        tell(0.5, "Asking both models")
        passes = _Passes(models, shown)
        with clock.time("classify"):
            predictions = passes.predict_all()
        tell(0.75, "Drawing the sensitivity maps")
        target_class = target_class or predictions[task]["mask"].label
        explanation = _explain(passes, frame, segmentation, task, target_class, gradient_for, clock)
    tell(1.0, "Done")
    return Report(
        radiograph=radiograph,
        segmentation=segmentation,
        cardiothoracic=cardiothoracic,
        pictures_seen={arm: frame.to_original(shown[arm]) for arm in ARMS},
        predictions=predictions,
        explanation=explanation,
        messages=messages,
        models=dict(models.sha256),
        seconds=clock.seconds,
    )


def explain(
    report: Report, models: Models, task: str, target_class: str, gradient_for: GradientFor = "picture_seen"
) -> Explanation:
    """Both models' maps for another class, task or gradient of a film already analysed; nothing is segmented again."""
    _check_choice(task, target_class)
    segmentation = report.segmentation
    frame = thorax_frame(segmentation.lungs_mask)
    shown = pictures_seen(stretch_contrast(report.radiograph.pixels), segmentation.heart_mask, frame)
    clock = _Clock()
    with models.lock:
        passes = _Passes(models, shown)
        return _explain(passes, frame, segmentation, task, target_class, gradient_for, clock)


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
        with input_gradients_only(*networks):
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


def _explain(
    passes: _Passes,
    frame: Frame,
    segmentation: Segmentation,
    task: str,
    target_class: str,
    gradient_for: GradientFor,
    clock: _Clock,
) -> Explanation:
    attributions = {}
    with clock.time("explain"):
        for arm in ARMS:
            logits = passes.logits.get((task, arm))
            logits = passes.run(arm, task) if logits is None else logits
            attributions[arm] = attribute_sensitivity(
                passes.leaves[arm],
                logits,
                passes.models.classifiers[task, arm].class_names.index(target_class),
                frame=frame,
                heart_mask=segmentation.heart_mask,
                arm=arm,
                target_class=target_class,
                gradient_for=gradient_for,
            )
    with clock.time("measure"):
        shares = {
            arm: measure_relevance_share(attributions[arm].values, segmentation.heart_mask, segmentation.lungs_mask)
            for arm in ARMS
        }
    return Explanation(task, target_class, gradient_for, attributions, shares, describe_shares(shares, gradient_for))


def _check_choice(task: str, target_class: str | None) -> None:
    if task not in TASK_CLASSES:
        raise ValueError(f"Unknown task {task!r}: choose one of {', '.join(TASK_CLASSES)}.")
    if target_class is not None and target_class not in TASK_CLASSES[task]:
        raise ValueError(f"Unknown class {target_class!r} of {task}: choose one of {', '.join(TASK_CLASSES[task])}.")
