"""Knobs of a drawn patient turned, and all models asked again: the counterfactual that no real film can give."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from heartviz.asking import Shown, ask_models
from heartviz.classify import predict
from heartviz.knobs import DRAWN, KNOBS, SIZE_PX, KnobCurve, Settings, draw_settings, true_outlines
from heartviz.measure import measure_cardiothoracic_ratio
from heartviz.preprocess import stretch_contrast, to_model_input
from heartviz.records import ARMS, Arm, Radiograph, Report
from heartviz.weights import Models


def ask_about_drawing(settings: Settings, models: Models, task: str, target_class: str) -> Report:
    """Every model's answers and maps of a drawn film, by its true outlines: nothing is segmented."""
    film = draw_settings(settings)
    segmentation = true_outlines(film)
    answers = ask_models(models, stretch_contrast(film.pixels), segmentation, task, target_class)
    predictions, explanation, seen = answers
    return Report(
        radiograph=Radiograph(film.pixels, f"drawn, {SIZE_PX} x {SIZE_PX} px", (film.pixel_mm,) * 2, (DRAWN,)),
        segmentation=segmentation,
        cardiothoracic=measure_cardiothoracic_ratio(segmentation.heart_mask, segmentation.lungs_mask),
        pictures_seen=seen,
        predictions=predictions,
        explanation=explanation,
        models=dict(models.sha256),
    )


def draw_knob_curve(
    settings: Settings,
    models: Models,
    task: str,
    target_class: str,
    knob: str,
    points: int = 6,
    tell: Callable[[float, str], None] = lambda done, words: None,
) -> KnobCurve:
    """Every model's probability of a class at even steps of one knob, all others as they are set."""
    of = KNOBS[knob]
    values = np.linspace(of.low, of.high, points)
    probability: dict[Arm, list[float]] = {arm: [] for arm in ARMS}
    ratios = []
    for place, value in enumerate(values):
        tell(place / points, f"{of.label}: {value:.2g}")
        film = draw_settings(replace(settings, **{knob: float(value)}))
        segmentation = true_outlines(film)
        ratios.append(measure_cardiothoracic_ratio(segmentation.heart_mask, segmentation.lungs_mask).ratio)
        shown = Shown(stretch_contrast(film.pixels), segmentation)
        for arm in ARMS:
            classifier = models.classifiers[task, arm]
            with models.lock, torch.inference_mode():
                logits = classifier.network(models.trunk(to_model_input(shown.pictures[arm]))[2])[0]
            answer = predict(
                logits, task, arm, classifier.class_names, classifier.temperature, classifier.operating_point
            )
            probability[arm].append(answer.probabilities[target_class])
    return KnobCurve(
        knob, target_class, values, {arm: np.array(of) for arm, of in probability.items()}, np.array(ratios)
    )
