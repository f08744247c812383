"""A film through the gate: outlines, ratio and checks, and for a refused one the correction that would let it pass."""

from dataclasses import dataclass, replace

import numpy as np

from heartviz.errors import GateError
from heartviz.gate import CORRECTIONS, first_refusal, judge_film
from heartviz.gate.correct import SEARCHED, apply_correction
from heartviz.measure import measure_cardiothoracic_ratio
from heartviz.preprocess import shrink, stretch_contrast
from heartviz.records import CardiothoracicRatio, FloatImage, GateCheck, Radiograph, Segmentation
from heartviz.segment import find_lateral_heart, measure_chest_distance, segment_film
from heartviz.weights import Models

# So many of the corrections that make the film most like a chest film are looked at in full.
TRIED_IN_FULL = 2
FOUND_FROM_THE_SIDE = (
    "The heart that is outlined was found by a network that learnt from drawn films alone; no model answers for it."
)


@dataclass(frozen=True)
class Admission:
    """A film that the gate lets through, with its checks; `offer` names a correction that may put a warning right."""

    segmentation: Segmentation
    cardiothoracic: CardiothoracicRatio
    checks: tuple[GateCheck, ...]
    offer: str = ""


def admit_film(radiograph: Radiograph, models: Models) -> Admission:
    """The film's outlines, ratio and checks; whoever calls this holds the models' lock.

    Raises GateError where a check refuses. It names the correction with which the film would pass, if there is one.
    """
    found, cardiothoracic, checks = look_through_gate(radiograph, stretch_contrast(radiograph.pixels), models)
    refusal = first_refusal(checks)
    if refusal is None and cardiothoracic is not None:
        upright = next(check for check in checks if check.name == "upright")
        return Admission(found, cardiothoracic, checks, "mirror" if upright.verdict == "warned" else "")
    offer = find_correction(radiograph, models) if refusal.name != "exposure" else ""
    if offer:
        checks = _refuse_as_turned(checks, offer)
        refusal = first_refusal(checks)
    elif refusal.name == "frontal":
        checks, found = _outline_from_the_side(radiograph, checks, found, models)
    raise GateError(refusal.sentence, checks, offer, radiograph, found)


def _outline_from_the_side(
    radiograph: Radiograph, checks: tuple[GateCheck, ...], found: Segmentation, models: Models
) -> tuple[tuple[GateCheck, ...], Segmentation]:
    """The checks and outlines of a film taken from the side, with the heart found there, to be looked at only."""
    nothing, nowhere = np.zeros_like(found.heart_mask), np.zeros_like(found.heart_prob)
    shown = replace(
        found, left_lung_mask=nothing, right_lung_mask=nothing, left_lung_prob=nowhere, right_lung_prob=nowhere
    )
    picture = stretch_contrast(radiograph.pixels)
    heart_prob, heart_mask = find_lateral_heart(picture, models.trunk, models.lateral)
    words = FOUND_FROM_THE_SIDE if heart_mask.any() else ""
    checks = tuple(
        replace(check, sentence=f"{check.sentence} {words}".strip()) if check.name == "frontal" else check
        for check in checks
    )
    return checks, replace(shown, heart_mask=heart_mask, heart_prob=heart_prob)


def look_through_gate(
    radiograph: Radiograph, picture: FloatImage, models: Models
) -> tuple[Segmentation, CardiothoracicRatio | None, tuple[GateCheck, ...]]:
    """Outlines, the ratio where heart and lungs were found, and the gate's checks, whatever they say.

    `picture` is the film with stretched contrast.
    """
    found = segment_film(picture, models.trunk, models.segmenter, models.view, models.chest)
    whole = found.heart_mask.any() and found.left_lung_mask.any() and found.right_lung_mask.any()
    cardiothoracic = measure_cardiothoracic_ratio(found.heart_mask, found.lungs_mask) if whole else None
    return found, cardiothoracic, judge_film(radiograph, picture, found, cardiothoracic, models.limits)


def find_correction(radiograph: Radiograph, models: Models) -> str:
    """The name of the turn or inversion with which the film passes, "" where there is none. Never a mirroring.

    All are ranked by their distance from the training films; the nearest are looked at in full.
    """
    # At the size that networks see turning costs little.
    small = replace(radiograph, pixels=shrink(radiograph.pixels), spacing_mm=None)
    distances = {
        name: measure_chest_distance(
            stretch_contrast(CORRECTIONS[name].apply(small.pixels)), models.trunk, models.chest
        )
        for name in SEARCHED
    }
    likely = sorted((name for name in SEARCHED if distances[name] <= 1), key=distances.__getitem__)[:TRIED_IN_FULL]
    for name in likely:
        corrected = apply_correction(small, name)
        if first_refusal(look_through_gate(corrected, stretch_contrast(corrected.pixels), models)[2]) is None:
            return name
    return ""


def _refuse_as_turned(checks: tuple[GateCheck, ...], offer: str) -> tuple[GateCheck, ...]:
    """The checks of a film that would pass when corrected: a chest film from the front, but not upright."""
    correction = CORRECTIONS[offer]
    words = (
        f"This looks like a frontal chest film, but {correction.seen}. {correction.button}, and it will be analysed."
    )
    passed = {"chest": "It looks like a chest film.", "frontal": "It was taken from the front or the back."}
    made = []
    for check in checks:
        if check.name in passed:
            made.append(GateCheck(check.name, "passed", passed[check.name]))
        elif check.name == "upright":
            made.append(GateCheck("upright", "refused", words))
        elif check.name == "readable":
            made.append(check)
        else:
            made.append(replace(check, verdict="not reached", sentence="Not asked: an earlier check refused."))
    return tuple(made)
