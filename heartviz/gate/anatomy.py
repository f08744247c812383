"""Are there two lungs and one heart, each in one part, of plausible size, ratio and certainty?"""

from heartviz.gate.view import ADVICE
from heartviz.records import CardiothoracicRatio, GateCheck, Segmentation

# Limits were set by looking at frontal films that nothing was trained on, laterals, and inverted or turned films:
# nearly all frontals lie well inside, nearly all others outside at least one. `python -m train.gate` counts, and
# `python -m train.gate_margins` tells how far inside.
LEAST_HEART_AREA, LARGEST_HEART_AREA = 0.008, 0.30  # of the film
LEAST_LUNG_AREA = 0.015  # of the film
LEAST_CERTAINTY = 0.88  # mean probability inside the least certain mask
LUNG_AREA_RATIO_RANGE = (0.35, 2.8)  # patient's left over right lung
MOST_STRAY = 0.25  # what was taken for heart or lung apart from its largest part, of the largest part
PLAUSIBLE_RATIO_RANGE = (0.25, 0.85)
USUAL_RATIO_RANGE = (0.30, 0.80)
_PARTS = {"heart": "heart", "left_lung": "patient's left lung", "right_lung": "patient's right lung"}


def check_anatomy(found: Segmentation, cardiothoracic: CardiothoracicRatio | None) -> GateCheck:
    """Refuses unless a heart between two lungs was found, each plausible by itself; warns of an unusual ratio."""
    missing = [words for key, words in _PARTS.items() if not getattr(found, f"{key}_mask").any()]
    if missing or cardiothoracic is None:
        return _refuse(f"no {' and no '.join(missing)} was found")
    seen = measure_anatomy(found)
    for key, words in _PARTS.items():
        area = seen[f"{key}_area"]
        least, largest = (LEAST_HEART_AREA, LARGEST_HEART_AREA) if key == "heart" else (LEAST_LUNG_AREA, 1.0)
        if not least <= area <= largest:
            size = "small" if area < least else "large"
            return _refuse(
                f"what was taken for the {words} covers {100 * area:.1f} % of the picture, which is too {size}"
            )
        if seen[f"{key}_certainty"] < LEAST_CERTAINTY:
            return _refuse(f"what was taken for the {words} is too unlike one, or is hidden by disease, to be outlined")
        if seen[f"{key}_stray"] > MOST_STRAY:
            return _refuse(f"what was taken for the {words} lies in several parts")
    if not LUNG_AREA_RATIO_RANGE[0] <= seen["left_over_right_lung"] <= LUNG_AREA_RATIO_RANGE[1]:
        return _refuse("one lung is far larger than the other, as on a film taken from the side")
    return check_ratio(cardiothoracic)


def measure_anatomy(found: Segmentation) -> dict[str, float]:
    """What the check asks of masks that are not empty: shares of the film, certainties, stray parts, ratio of lungs."""
    measured = {}
    for key in _PARTS:
        mask, prob = getattr(found, f"{key}_mask"), getattr(found, f"{key}_prob")
        measured[f"{key}_area"] = float(mask.mean())
        measured[f"{key}_certainty"] = float(prob[mask].mean())
        measured[f"{key}_stray"] = float(((prob > 0.5) & ~mask).sum()) / float(mask.sum())
    return measured | {"left_over_right_lung": measured["left_lung_area"] / measured["right_lung_area"]}


def check_ratio(cardiothoracic: CardiothoracicRatio) -> GateCheck:
    """Refuses a cardiothoracic ratio that no film could have, and warns of an unusual one."""
    ratio = cardiothoracic.ratio
    if not PLAUSIBLE_RATIO_RANGE[0] <= ratio <= PLAUSIBLE_RATIO_RANGE[1]:
        return _refuse(f"the cardiothoracic ratio came out as {ratio:.2f}, so heart or lungs were not found rightly")
    if not USUAL_RATIO_RANGE[0] <= ratio <= USUAL_RATIO_RANGE[1]:
        words = f"The cardiothoracic ratio of {ratio:.2f} is unusual: look at the outlines before you use it."
        return GateCheck("anatomy", "warned", words)
    return GateCheck("anatomy", "passed", "Two lungs and one heart were found, of plausible size and place.")


def _refuse(seen: str) -> GateCheck:
    return GateCheck("anatomy", "refused", f"This does not look like a frontal chest film: {seen}. {ADVICE}")
