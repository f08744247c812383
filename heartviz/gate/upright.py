"""Does the film stand upright, bone bright, the patient's left on the picture's right?"""

import numpy as np

from heartviz.gate.view import ADVICE
from heartviz.masks import find_extent
from heartviz.records import FloatImage, GateCheck, GateLimits, Segmentation


def check_upright(found: Segmentation, picture: FloatImage, limits: GateLimits) -> GateCheck:
    """Refuses a film on which heart and lungs lie where they do on a turned or inverted one; warns of a mirrored one.

    `picture` is the film with stretched contrast, float32 (H, W), the segmentation's frame.
    """
    seen = measure_upright(found, picture)
    if seen is None:
        return GateCheck("upright", "unknown", "Whether it is upright can't be told: heart and lungs were not found.")
    beyond = {name for name, value in seen.items() if limits.refuses(name, value)}
    if "left_lung_to_the_right" in beyond:
        return _refuse("the patient's left lung was found on the left of the picture")
    if "lung_overlap" in beyond:
        return _refuse("the two lungs do not lie side by side, as on a film that is turned or taken from the side")
    if beyond & {"heart_across", "heart_down"}:
        return _refuse(
            "the heart was not found low between the two lungs, as on a film that is upside down, turned or taken from "
            "the side, or on which disease hides a lung"
        )
    if "heart_contrast" in beyond:
        return _refuse("the heart is not brighter than the lungs: the film looks inverted")
    if limits.warns("heart_across", seen["heart_across"]):
        return GateCheck(
            "upright",
            "warned",
            "The heart lies towards the patient's right: a mirrored film, or situs inversus. Check the side marker.",
        )
    return GateCheck("upright", "passed", "It is upright, bone bright, the patient's left on the right.")


def measure_upright(found: Segmentation, picture: FloatImage) -> dict[str, float] | None:
    """What the check asks by name; None without heart or lungs.

    How far the left lung lies to the right of the right one, of both lungs' width; the rows that both share, of the
    taller one's; the heart's centre across the lungs from the patient's right, and down them; the median gray of the
    heart above that of the lungs.
    """
    heart, left, right = found.heart_mask, found.left_lung_mask, found.right_lung_mask
    if not (heart.any() and left.any() and right.any()):
        return None
    (left_top, left_end), (right_top, right_end) = find_extent(left, axis=1), find_extent(right, axis=1)
    first_col, end_col = find_extent(left | right, axis=0)
    heart_row, heart_col = (float(index.mean()) for index in np.nonzero(heart))
    shared = min(left_end, right_end) - max(left_top, right_top)
    top, end = min(left_top, right_top), max(left_end, right_end)
    only_lungs = (left | right) & ~heart
    darker = float(np.median(picture[heart]) - np.median(picture[only_lungs])) if only_lungs.any() else 0.0
    apart = float(np.nonzero(left)[1].mean() - np.nonzero(right)[1].mean())
    return {
        "left_lung_to_the_right": apart / (end_col - first_col),
        "lung_overlap": shared / max(left_end - left_top, right_end - right_top),
        "heart_across": (heart_col - first_col) / (end_col - first_col),
        "heart_down": (heart_row - top) / (end - top),
        "heart_contrast": darker,
    }


def _refuse(seen: str) -> GateCheck:
    return GateCheck("upright", "refused", f"This does not look like a frontal chest film: {seen}. {ADVICE}")
