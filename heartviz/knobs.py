"""Turn the knobs of a drawn patient and ask all models again: the counterfactual that no real film can give."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from heartviz.asking import Shown, ask_models
from heartviz.classify import predict
from heartviz.measure import measure_cardiothoracic_ratio
from heartviz.phantom import Film, draw_exposure, draw_patient, make_lesion, render_film
from heartviz.preprocess import stretch_contrast, to_model_input
from heartviz.records import ARMS, Arm, Radiograph, Report, Segmentation
from heartviz.weights import Models

SIZE_PX = 288
# How far the knob of the exposure moves the tone curve, of the way from the thinnest to the thickest part.
BRIGHTER = 0.08
DRAWN = "Drawn by computation from a made-up anatomy: no patient, and no model was made for drawings."
_VIEW_SEED = 7  # field, noise and exposure stay the same while a knob is turned


@dataclass(frozen=True)
class Settings:
    """What a person set: a drawn patient by number and age, disease and severity, and what has nothing to do with it.

    `vessel_gain` and `heart_size` multiply the patient's own; `brightness` is of the exposure, -1 to 1.
    """

    patient: int = 1
    age_years: float = 45.0
    kind: str = "VSD"
    severity: float = 0.0
    vessel_gain: float = 1.0
    heart_size: float = 1.0
    brightness: float = 0.0
    marker: bool = False


@dataclass(frozen=True)
class Knob:
    """A number of Settings that can be turned: its name in words and its range."""

    label: str
    low: float
    high: float
    step: float
    says: str


KNOBS: Mapping[str, Knob] = MappingProxyType(
    {
        "severity": Knob("Severity of the disease", 0, 1, 0.05, "all signs of the chosen disease together"),
        "vessel_gain": Knob("Lung vessels, times", 0.4, 2.5, 0.1, "a sign of a shunt, outside the heart"),
        "heart_size": Knob("Heart size, times", 0.8, 1.5, 0.05, "volume of the whole heart; no congenital sign alone"),
        "brightness": Knob("Exposure", -1, 1, 0.1, "how bright the film is; no disease"),
    }
)


@dataclass(frozen=True)
class KnobCurve:
    """Every model's probability of a class while one knob is turned: `values` (n,), `probability` arm to (n,).

    `ratios` (n,) are the cardiothoracic ratios of the drawn masks.
    """

    knob: str
    target_class: str
    values: NDArray[np.float64]
    probability: Mapping[Arm, NDArray[np.float64]]
    ratios: NDArray[np.float64]


def draw_settings(settings: Settings, size_px: int = SIZE_PX) -> Film:
    """The film of these settings. Raises ValueError for an unknown disease or a severity outside 0..1."""
    patient = draw_patient(np.random.default_rng(settings.patient), age_years=settings.age_years)
    patient = replace(
        patient,
        vessel_gain=patient.vessel_gain * settings.vessel_gain,
        heart_scale=patient.heart_scale * settings.heart_size,
    )
    exposure = draw_exposure(np.random.default_rng([settings.patient, _VIEW_SEED]))
    exposure = replace(
        exposure,
        middle_gray_at=exposure.middle_gray_at - BRIGHTER * settings.brightness,
        marker="R" if settings.marker else "",
        collimation=(0.0,) * 4,
    )
    lesion = make_lesion(settings.kind, settings.severity)
    return render_film(patient, lesion, "pa", size_px, _VIEW_SEED, exposure)


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


def true_outlines(film: Film) -> Segmentation:
    """The drawn film's own masks as a Segmentation."""
    masks = tuple(film.masks[name] for name in ("heart", "left_lung", "right_lung"))
    return Segmentation(*(mask.astype(np.float32) for mask in masks), *masks)
