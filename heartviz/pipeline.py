"""The only place where the stages are chained: a film and the models in, a Report out; `asking` has the later ones."""

import os
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from heartviz.admission import Admission, admit_film
from heartviz.asking import Clock, Passes, Progress, Question, Shown, ask, explain_question, silent, tell_part
from heartviz.attribution.activations import read_layer
from heartviz.attribution.controls import ALIKE, compare_maps, detect_edges
from heartviz.attribution.methods import METHODS, compute_map
from heartviz.attribution.networks import PictureClassifier, draw_random_weights
from heartviz.gate import ask_corrected, warnings_of
from heartviz.interventions.writing import check_writing
from heartviz.preprocess import stretch_contrast
from heartviz.radiograph import load_radiograph
from heartviz.records import (
    ARMS,
    TASK_CLASSES,
    Arm,
    Control,
    Explanation,
    GradientFor,
    Outlines,
    Radiograph,
    Report,
)
from heartviz.weights import Models
from heartviz.words import DEFAULT_METHOD

DEFAULT_TASK = "congenital"


def analyze(
    source: bytes | str | os.PathLike[str] | NDArray | Radiograph,
    models: Models,
    *,
    task: str = DEFAULT_TASK,
    target_class: str | None = None,
    gradient_for: GradientFor = "picture_seen",
    method: str = DEFAULT_METHOD,
    correct: str = "",
    progress: Progress | None = None,
) -> Report:
    """The whole report of one film: outlines, cardiothoracic ratio, both tasks' predictions, every model's maps.

    The maps explain `target_class` of `task` by `method`; None takes the class that VGG+Mask predicts. `correct` puts
    the film right first: a name of gate.CORRECTIONS, or "offered" for the turn or inversion that the gate finds for a
    film that it refuses. `progress` is called with 0..1 and a few words. Raises RadiographError for input that cannot
    be read, GateError (with all checks, and the correction that would help) where the gate refuses, ValueError for an
    unknown task, class, method or correction.
    """
    _check_choice(task, target_class, method)
    tell, clock = progress or silent, Clock()
    asked = Question(task, target_class, gradient_for, method)
    tell(0.05, "Reading the film")
    with clock.time("load"):
        radiograph = load_radiograph(source)
    return ask_corrected(radiograph, correct, lambda film: _report(film, models, asked, clock, tell))


def _report(radiograph: Radiograph, models: Models, asked: Question, clock: Clock, tell: Progress) -> Report:
    with models.lock:
        tell(0.15, "Finding the heart and the lungs")
        with clock.time("segment"):
            admitted = admit_film(radiograph, models)
        segmentation, picture = admitted.segmentation, stretch_contrast(radiograph.pixels)
        predictions, explanation, seen = ask(models, picture, segmentation, asked, clock, tell)
    tell(1.0, "Done")
    return Report(
        radiograph=radiograph,
        segmentation=segmentation,
        cardiothoracic=admitted.cardiothoracic,
        pictures_seen=seen,
        predictions=predictions,
        explanation=explanation,
        messages=_collect_messages(radiograph, picture, admitted),
        models=dict(models.sha256),
        seconds=clock.seconds,
        checks=admitted.checks,
        offer=admitted.offer,
    )


def outline(radiograph: Radiograph, models: Models) -> Outlines:
    """Only what is found on the film, without any answer; raises GateError as `analyze` does."""
    with models.lock:
        admitted = admit_film(radiograph, models)
    messages = _collect_messages(radiograph, stretch_contrast(radiograph.pixels), admitted)
    return Outlines(radiograph, admitted.segmentation, admitted.cardiothoracic, messages)


def _collect_messages(radiograph: Radiograph, picture: NDArray[np.float32], admitted: Admission) -> tuple[str, ...]:
    found = admitted.segmentation
    writing = check_writing(picture, found.heart_mask | found.lungs_mask)
    return (*radiograph.messages, *warnings_of(admitted.checks), *writing)


def explain(
    report: Report,
    models: Models,
    task: str,
    target_class: str,
    gradient_for: GradientFor = "picture_seen",
    method: str = DEFAULT_METHOD,
    progress: Progress | None = None,
) -> Explanation:
    """Every model's maps for another class, task, gradient or method of a film already analysed.

    Nothing is segmented or predicted again. Raises ValueError for an unknown task, class or method.
    """
    _check_choice(task, target_class, method)
    film = Shown(stretch_contrast(report.radiograph.pixels), report.segmentation)
    with models.lock:
        asked = Question(task, target_class, gradient_for, method)
        return explain_question(Passes(models, film.pictures), film, asked, Clock(), progress or silent)


def add_controls(report: Report, models: Models, progress: Progress | None = None) -> Explanation:
    """The report's explanation with its controls: the same method on random weights, and the picture's edges."""
    explanation, tell = report.explanation, progress or silent
    film = Shown(stretch_contrast(report.radiograph.pixels), report.segmentation)
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
                partial(tell_part, tell, place, "The same with random weights"),
            ).values
            found = film.frame.to_model(np.nan_to_num(explanation.attributions[arm].values))
            controls[arm] = {}
            for name, values in (("random_weights", untrained), ("edges", detect_edges(film.pictures[arm]))):
                likeness = compare_maps(found, values)
                controls[arm][name] = Control(film.frame.to_original(values), likeness, likeness >= ALIKE)
    return replace(explanation, controls=controls)


def read_layers(report: Report, models: Models, task: str, layer: str) -> dict[Arm, NDArray[np.float32]]:
    """What one convolution of all models puts out for a film already analysed, (channels, h, w) each.

    `layer` is one of LAYERS. Raises ValueError for another.
    """
    film = Shown(stretch_contrast(report.radiograph.pixels), report.segmentation)
    with models.lock:
        return {
            arm: read_layer(
                PictureClassifier(models.trunk, models.classifiers[task, arm].network),
                torch.from_numpy(film.pictures[arm])[None, None],
                layer,
            )
            for arm in ARMS
        }


def _check_choice(task: str, target_class: str | None, method: str = DEFAULT_METHOD) -> None:
    if method not in METHODS:
        raise ValueError(f"Unknown method {method!r}: choose one of {', '.join(METHODS)}.")
    if task not in TASK_CLASSES:
        raise ValueError(f"Unknown task {task!r}: choose one of {', '.join(TASK_CLASSES)}.")
    if target_class is not None and target_class not in TASK_CLASSES[task]:
        raise ValueError(f"Unknown class {target_class!r} of {task}: choose one of {', '.join(TASK_CLASSES[task])}.")
