"""What VSD, ASD, TOF and plain enlargement do to a patient's numbers, by severity and sign by sign."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from heartviz.phantom.patient import Patient

# Changes at severity 1: factors less one for `_scale` and `_gain`, plain amounts for `apex_lift` and `bay`. A chamber's
# scale is its volume's, `heart_scale` a length. Source of the signs: Park,
# left-to-right shunts; Rees 1973; Coussement and Gooding 1973. Amounts are ours.
SIGNS: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "Normal": {},
    "VSD": {
        "left_ventricle": {"lv_scale": 1.10},
        "left_atrium": {"la_scale": 0.9},
        "right_ventricle": {"rv_scale": 0.25},
        "pulmonary_trunk": {"trunk_scale": 0.45},
        "vessels_up": {"vessel_gain": 1.0, "hilar_gain": 0.7},
        "knob_small": {"knob_scale": -0.10},
    },
    "ASD": {
        "right_atrium": {"ra_scale": 1.15},
        "right_ventricle": {"rv_scale": 0.85},
        "pulmonary_trunk": {"trunk_scale": 0.85},
        "vessels_up": {"vessel_gain": 1.2, "hilar_gain": 0.9},
        "knob_small": {"knob_scale": -0.35},
    },
    "TOF": {
        "right_ventricle": {"rv_scale": 0.22},
        "apex_up": {"apex_lift": 1.0, "lv_scale": -0.25},
        "pulmonary_bay": {"bay": 1.0, "trunk_scale": -0.35},
        "vessels_down": {"vessel_gain": -0.65, "hilar_gain": -0.45},
        "knob_large": {"knob_scale": 0.35},
    },
    "Enlarged": {"heart": {"heart_scale": 0.32}},
}
KINDS = tuple(SIGNS)
RIGHT_ARCH_SHARE = 0.25  # of TOF


@dataclass(frozen=True)
class Lesion:
    """A disease of a severity 0..1 and the signs it shows; `right_arch` for an aorta on the right."""

    kind: str
    severity: float
    signs: tuple[str, ...]
    right_arch: bool = False


def make_lesion(kind: str, severity: float) -> Lesion:
    """The lesion with all its signs. Raises ValueError for an unknown kind or a severity outside 0..1."""
    if kind not in SIGNS or not 0 <= severity <= 1:
        raise ValueError(f"A lesion is one of {KINDS} with a severity of 0 to 1, got {kind!r}, {severity}.")
    return Lesion(kind, float(severity), tuple(SIGNS[kind]))


def draw_lesion(rng: np.random.Generator, kind: str, severity: float, penetrance: float = 0.9) -> Lesion:
    """The lesion with each sign shown at a probability, and the right arch in a quarter of TOF."""
    whole = make_lesion(kind, severity)
    shown = rng.random(8) < penetrance
    right_arch = bool(rng.random() < RIGHT_ARCH_SHARE) and kind == "TOF"
    signs = tuple(sign for sign, keep in zip(whole.signs, shown, strict=False) if keep)
    return replace(whole, signs=signs, right_arch=right_arch)


def apply_lesion(patient: Patient, lesion: Lesion | None) -> Patient:
    """The patient with the lesion; severity 0 or no lesion gives an equal patient."""
    if lesion is None or lesion.severity == 0:
        return patient
    changed: dict[str, float] = {}
    for sign in lesion.signs:
        for name, amount in SIGNS[lesion.kind][sign].items():
            before = changed.get(name, getattr(patient, name))
            step = amount * lesion.severity
            changed[name] = before + step if name in ("apex_lift", "bay") else before * (1 + step)
    return replace(patient, **changed, right_arch=patient.right_arch or lesion.right_arch)
