"""Films spoilt step by step, in exposure and size: from which step on are outlines and answers other ones?"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from heartviz.asking import Passes, Shown
from heartviz.preprocess import stretch_contrast
from heartviz.records import ARMS, TASK_CLASSES, FloatImage, Segmentation
from heartviz.segment import segment_film
from heartviz.weights import Models
from train.metrics import dice

Spoil = Callable[[FloatImage, NDArray[np.float32], float], FloatImage]


def cut_white(pixels: FloatImage, inside: NDArray[np.float32], share: float) -> FloatImage:
    """The film with this share of heart and lungs (their gray values are `inside`) at its brightest gray."""
    return np.minimum(pixels, np.quantile(inside, 1 - share)).astype(np.float32)


def cut_black(pixels: FloatImage, inside: NDArray[np.float32], share: float) -> FloatImage:
    """The film with this share of heart and lungs at its darkest gray."""
    return np.maximum(pixels, np.quantile(inside, share)).astype(np.float32)


def round_gray(pixels: FloatImage, inside: NDArray[np.float32], levels: float) -> FloatImage:
    """The film with so many gray levels from its darkest to its brightest."""
    low, high = pixels.min(), pixels.max()
    steps = np.round((levels - 1) * (pixels - low) / (high - low)) / (levels - 1)
    return (low + (high - low) * steps).astype(np.float32)


def narrow_gray(pixels: FloatImage, inside: NDArray[np.float32], span: float) -> FloatImage:
    """An 8 bit film on which the middle 98 % of heart and lungs span so much of full scale."""
    low, high = np.percentile(inside, (1, 99))
    return (np.round(255 * np.clip(0.5 + span * (pixels - (low + high) / 2) / (high - low), 0, 1)) / 255).astype(
        np.float32
    )


def make_small(pixels: FloatImage, inside: NDArray[np.float32], longer_px: float) -> FloatImage:
    """The film with its longer side so long."""
    factor = longer_px / max(pixels.shape)
    size_wh = (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))
    return np.clip(cv2.resize(pixels, size_wh, interpolation=cv2.INTER_AREA), 0, 1)


# By the name of what the gate measures: how it is done, and the steps from mild to bad.
SPOILS: Mapping[str, tuple[Spoil, tuple[float, ...]]] = {
    "plain_white": (cut_white, (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)),
    "plain_black": (cut_black, (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)),
    "gray_levels": (round_gray, (64, 32, 24, 16, 12, 8, 6, 4)),
    "gray_range": (narrow_gray, (0.2, 0.1, 0.06, 0.04, 0.03, 0.02, 0.01)),
    "longer_side_px": (make_small, (320, 288, 256, 224, 192, 160, 128)),
}


class Look(NamedTuple):
    """What the models find on a film: its outlines, and the answers by task and arm; none where there is no thorax."""

    found: Segmentation
    answers: Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Harm:
    """What one step does to films: Dice of each one's heart with its own, share of answers that are other ones."""

    step: float
    heart_dice: tuple[float, ...]
    answers_changed: float

    def lost(self, least_dice: float) -> float:
        """Share of the films whose heart has a lower Dice."""
        return float(np.mean([not value >= least_dice for value in self.heart_dice]))


def look(pixels: FloatImage, models: Models) -> Look:
    """What the models find, whatever the gate would say."""
    picture = stretch_contrast(pixels)
    found = segment_film(picture, models.trunk, models.segmenter)
    if not (found.heart_mask.any() and found.left_lung_mask.any() and found.right_lung_mask.any()):
        return Look(found, {})
    told = Passes(models, Shown(picture, found).pictures).predict_all()
    return Look(found, {(task, arm): told[task][arm].label for task in TASK_CLASSES for arm in ARMS})


def measure_harm(films: Iterable[FloatImage], models: Models) -> dict[str, list[Harm]]:
    """What each step of each spoil does to these films, on which heart and lungs are found as they are."""
    seen: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for pixels in tqdm(films, unit="film", desc="spoilt", mininterval=10):
        own = look(pixels, models)
        if not own.answers:
            continue
        inside = pixels[own.found.heart_mask | own.found.lungs_mask]
        for name, (spoil, steps) in SPOILS.items():
            for step in steps:
                then = look(spoil(pixels, inside, step), models)
                changed = np.mean([then.answers.get(asked) != answer for asked, answer in own.answers.items()])
                seen.setdefault((name, step), []).append((compare_hearts(own.found, then.found), float(changed)))
    harms: dict[str, list[Harm]] = {name: [] for name in SPOILS}
    for (name, step), values in seen.items():
        overlaps, changes = zip(*values, strict=True)
        harms[name].append(Harm(step, overlaps, float(np.mean(changes))))
    return harms


def compare_hearts(own: Segmentation, then: Segmentation) -> float:
    """Dice of two outlines of a heart, the second enlarged to the first one's frame."""
    height, width = own.heart_mask.shape
    mask = cv2.resize(then.heart_mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return dice(mask.astype(bool), own.heart_mask)


def last_harmless(harms: Iterable[Harm], is_harm: Callable[[Harm], bool]) -> float | None:
    """The last step before the first that harms; None where the first already does."""
    last = None
    for harm in harms:
        if is_harm(harm):
            return last
        last = harm.step
    return last
