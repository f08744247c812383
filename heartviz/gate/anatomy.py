"""Are there two lungs and one heart, each in one part, of plausible size, ratio and certainty?"""

from heartviz.gate.view import ADVICE
from heartviz.records import CardiothoracicRatio, GateCheck, GateLimits, Segmentation

PARTS = {"heart": "heart", "left_lung": "patient's left lung", "right_lung": "patient's right lung"}


def check_anatomy(found: Segmentation, cardiothoracic: CardiothoracicRatio | None, limits: GateLimits) -> GateCheck:
    """Refuses unless a heart between two lungs was found, each plausible by itself; warns of an unusual ratio."""
    missing = [words for key, words in PARTS.items() if not getattr(found, f"{key}_mask").any()]
    if missing or cardiothoracic is None:
        return _refuse(f"no {' and no '.join(missing)} was found")
    seen = measure_anatomy(found)
    beyond = {name for name, value in seen.items() if limits.refuses(name, value)}
    for key, words in PARTS.items():
        if f"{key}_area" in beyond:
            area = seen[f"{key}_area"]
            size = "small" if area < limits.refused[f"{key}_area"][0] else "large"
            return _refuse(
                f"what was taken for the {words} covers {100 * area:.1f} % of the picture, which is too {size}"
            )
        if f"{key}_certainty" in beyond:
            return _refuse(f"what was taken for the {words} is too unlike one, or is hidden by disease, to be outlined")
        if f"{key}_stray" in beyond:
            return _refuse(f"what was taken for the {words} lies in several parts")
    if "left_over_right_lung" in beyond:
        return _refuse("one lung is far larger than the other, as on a film taken from the side")
    return check_ratio(cardiothoracic, limits)


def measure_anatomy(found: Segmentation) -> dict[str, float]:
    """What the check asks by name, of masks that are not empty.

    Of heart and each lung the share of the film, the mean probability inside, and what was taken for one apart from
    its largest part, of that part; the area of the patient's left lung over the right one's.
    """
    measured = {}
    for key in PARTS:
        mask, prob = getattr(found, f"{key}_mask"), getattr(found, f"{key}_prob")
        measured[f"{key}_area"] = float(mask.mean())
        measured[f"{key}_certainty"] = float(prob[mask].mean())
        measured[f"{key}_stray"] = float(((prob > 0.5) & ~mask).sum()) / float(mask.sum())
    return measured | {"left_over_right_lung": measured["left_lung_area"] / measured["right_lung_area"]}


def check_ratio(cardiothoracic: CardiothoracicRatio, limits: GateLimits) -> GateCheck:
    """Refuses a cardiothoracic ratio that no film could have, and warns of an unusual one."""
    ratio = cardiothoracic.ratio
    if limits.refuses("cardiothoracic_ratio", ratio):
        return _refuse(f"the cardiothoracic ratio came out as {ratio:.2f}, so heart or lungs were not found rightly")
    if limits.warns("cardiothoracic_ratio", ratio):
        words = f"The cardiothoracic ratio of {ratio:.2f} is unusual: look at the outlines before you use it."
        return GateCheck("anatomy", "warned", words)
    return GateCheck("anatomy", "passed", "Two lungs and one heart were found, of plausible size and place.")


def _refuse(seen: str) -> GateCheck:
    return GateCheck("anatomy", "refused", f"This does not look like a frontal chest film: {seen}. {ADVICE}")
