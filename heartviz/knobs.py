"""The knobs of a drawn patient, and the film of each setting; nothing here knows a model."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from heartviz.phantom import Film, draw_exposure, draw_patient, make_lesion, render_film
from heartviz.records import Arm, Frozen, Segmentation

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
        "heart_size": Knob("Heart volume, times", 0.7, 2.0, 0.1, "the whole heart; no congenital sign alone"),
        "brightness": Knob("Exposure", -1, 1, 0.1, "how bright the film is; no disease"),
    }
)


@dataclass(frozen=True)
class KnobCurve(Frozen):
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
        heart_scale=patient.heart_scale * settings.heart_size ** (1 / 3),
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


def true_outlines(film: Film) -> Segmentation:
    """The drawn film's own masks as a Segmentation."""
    masks = tuple(film.masks[name] for name in ("heart", "left_lung", "right_lung"))
    return Segmentation(*(mask.astype(np.float32) for mask in masks), *masks)
