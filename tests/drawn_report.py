"""A report of a drawn chest with drawn maps and made-up answers, and an engine that gives it: no model is run."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from heartviz.errors import RadiographError, SegmentationError
from heartviz.gate import apply_correction
from heartviz.interventions.catalogue import Donor
from heartviz.masks import dim_outside, level_lungs
from heartviz.paper_results import ResultTable
from heartviz.phantom import draw_chest
from heartviz.records import (
    ARMS,
    REGIONS,
    TASK_CLASSES,
    Attribution,
    CardiothoracicRatio,
    Control,
    DeletionCurves,
    DimCurve,
    Experiment,
    Explanation,
    Prediction,
    Radiograph,
    RelevanceShare,
    Report,
    Segmentation,
)
from heartviz.ui import Engine, ModelCard, analyze

PROBABILITIES = {
    "congenital": {
        "plain": (0.62, 0.21, 0.12, 0.05),
        "mask": (0.18, 0.67, 0.11, 0.04),
        "hardened": (0.24, 0.55, 0.15, 0.06),
    },
    "heart_size": {"plain": (0.81, 0.19), "mask": (0.34, 0.66), "hardened": (0.41, 0.59)},
}


def columns_of(mask: np.ndarray) -> tuple[int, int]:
    """First and last column of the mask."""
    columns = np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(columns[-1])


def make_segmentation(seed: int = 1, heart_scale: float = 1.0, size: tuple[int, int] = (640, 560)):
    """The drawn film's pixels and its true masks as a Segmentation."""
    pixels, heart, left, right = draw_chest(seed, heart_scale, size)
    probs = [mask.astype(np.float32) for mask in (heart, left, right)]
    return pixels, Segmentation(*probs, heart, left, right)


def make_map(segmentation: Segmentation, arm: str, target_class: str, gradient_for: str) -> np.ndarray:
    """A drawn map: speckled, high in the lungs for the plain arm and in the heart for the other; NaN at the rim."""
    rng = np.random.default_rng(len(target_class) + len(gradient_for))
    heart, lungs = segmentation.heart_mask, segmentation.lungs_mask
    weight = 0.02 + (0.12 * heart + 0.20 * lungs if arm == "plain" else 0.40 * heart + 0.03 * lungs)
    speckle = cv2.GaussianBlur(rng.gamma(0.6, 1.0, heart.shape).astype(np.float32), (0, 0), 3.0)
    values = (weight * speckle).astype(np.float32)
    if gradient_for == "film" and arm == "mask":
        values = np.where(heart, values, 0.2 * values).astype(np.float32)
    return np.where(seen_box(segmentation), values, np.float32(np.nan))


def seen_box(segmentation: Segmentation) -> np.ndarray:
    """What the made-up networks see: the lungs' bounding box with a margin."""
    seen = np.zeros(segmentation.lungs_mask.shape, bool)
    (left, right), (top, bottom) = columns_of(segmentation.lungs_mask), columns_of(segmentation.lungs_mask.T)
    margin = (right - left) // 16
    seen[max(top - margin, 0) : bottom + margin, max(left - margin, 0) : right + margin] = True
    return seen


def make_explanation(
    segmentation: Segmentation,
    task: str = "congenital",
    target_class: str = "VSD",
    gradient_for: str = "picture_seen",
    method: str = "sensitivity",
) -> Explanation:
    """Drawn maps of both arms with their shares counted."""
    attributions, shares = {}, {}
    for arm in ARMS:
        values = make_map(segmentation, arm, target_class, gradient_for)
        attributions[arm] = Attribution(values, method, arm, target_class, gradient_for)
        heart = segmentation.heart_mask
        lungs = segmentation.lungs_mask & ~heart
        seen, total = np.isfinite(values), np.nansum(values)
        regions = dict(zip(REGIONS, (heart, lungs, ~heart & ~lungs), strict=True))
        shares[arm] = RelevanceShare(
            {name: float(np.nansum(values[mask]) / total) for name, mask in regions.items()},
            {name: float((mask & seen).sum() / seen.sum()) for name, mask in regions.items()},
        )
    sentence = (
        f"For {target_class}, VGG+Mask keeps {100 * shares['mask'].share['heart']:.0f} % of its sensitivity in the "
        f"heart, plain VGG16 {100 * shares['plain'].share['heart']:.0f} %; the heart covers "
        f"{100 * shares['mask'].chance['heart']:.0f} % of the picture."
    )
    return Explanation(task, target_class, gradient_for, attributions, shares, sentence)


def make_prediction(task: str, arm: str) -> Prediction:
    """The made-up answer of one arm."""
    names, values = TASK_CLASSES[task], PROBABILITIES[task][arm]
    probabilities = dict(zip(names, values, strict=True))
    logits = {name: float(np.log(value)) for name, value in probabilities.items()}
    return Prediction(task, arm, probabilities, logits, max(probabilities, key=probabilities.get), 1.0)


def make_report(radiograph: Radiograph | None = None, segmentation: Segmentation | None = None) -> Report:
    """A whole report of a drawn chest."""
    if segmentation is None:
        pixels, segmentation = make_segmentation()
        radiograph = Radiograph(pixels, "PNG, 640 x 560 px, 8 bit, gray") if radiograph is None else radiograph
    heart_cols, thorax_cols = columns_of(segmentation.heart_mask), columns_of(segmentation.lungs_mask)
    widest = int(np.argmax(segmentation.heart_mask.sum(axis=1)))
    lowest = int(np.flatnonzero(segmentation.lungs_mask[:, thorax_cols[0]])[-1])
    ratio = (heart_cols[1] - heart_cols[0] + 1) / (thorax_cols[1] - thorax_cols[0] + 1)
    seen = np.where(seen_box(segmentation), radiograph.pixels, np.float32(np.nan))
    return Report(
        radiograph=radiograph,
        segmentation=segmentation,
        cardiothoracic=CardiothoracicRatio(ratio, heart_cols, widest, thorax_cols, lowest),
        pictures_seen={
            "plain": seen,
            "mask": dim_outside(seen, segmentation.heart_mask),
            "hardened": level_lungs(np.nan_to_num(seen), segmentation.heart_mask, segmentation.lungs_mask),
        },
        predictions={task: {arm: make_prediction(task, arm) for arm in ARMS} for task in TASK_CLASSES},
        explanation=make_explanation(segmentation),
        models={"segmenter": "ab" * 32, "congenital_mask": "cd" * 32},
        seconds={"segment": 0.41, "classify": 0.35, "explain": 0.92},
    )


def is_cleared(view: dict) -> bool:
    """Whether nothing of a film is left on the Analyze page."""
    return (
        view["held"] is None
        and view["results"]["visible"] is False
        and all(view[name] is None for name in analyze._SHOWN)
    )


def raiser(error: Exception):
    """A function that fails with this error, whatever it is asked."""

    def fail(*_):
        raise error

    return fail


class FakeCompute:
    """Counts what was asked of it, and answers with drawn reports."""

    tables = (
        ResultTable(
            "Made up for this test", ("source", "n", "Dice"), (("a", 3, 0.5), ("b", 4, None)), "n is 7.", "So."
        ),
    )

    def __init__(self) -> None:
        self.analyzed, self.explained, self.experiments, self.controlled = [], [], [], 0

    def load(self, source: bytes | Path) -> Radiograph:
        """The picture in the bytes as a film."""
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE) if content else None
        if decoded is None:
            raise RadiographError(
                "This is not an image: got a text file, need PNG, JPEG, TIFF, BMP, WebP or DICOM. Upload a film."
            )
        pixels = (decoded / 255.0).astype(np.float32)
        return Radiograph(pixels, f"PNG, {pixels.shape[0]} x {pixels.shape[1]} px, 8 bit, gray")

    def analyze(self, radiograph, task, target_class, gradient_for, progress) -> Report:
        """A report of this film, as if it were the drawn chest of its size."""
        self.analyzed.append((task, target_class, gradient_for))
        progress(0.5, "Looking for the heart")
        scale = 1.3 if "VSD" in radiograph.description else 1.0
        _, segmentation = make_segmentation(2 if scale > 1 else 1, scale, radiograph.pixels.shape)
        report = make_report(radiograph, segmentation)
        target = target_class or report.predictions[task]["mask"].label
        return replace(report, explanation=make_explanation(segmentation, task, target, gradient_for))

    def explain(self, report, task, target_class, gradient_for, method, progress) -> Explanation:
        """Other drawn maps on the same segmentation."""
        self.explained.append((task, target_class, gradient_for, method))
        progress(0.5, "Drawing")
        return make_explanation(report.segmentation, task, target_class, gradient_for, method)

    def add_controls(self, report, progress) -> Explanation:
        """The film's maps turned upside down: plain VGG16's is called alike its random weights."""
        self.controlled += 1
        controls = {
            arm: {
                "random_weights": Control(found.values[::-1], 0.75 if arm == "plain" else 0.125, arm == "plain"),
                "edges": Control(np.abs(found.values), -0.25, False),
            }
            for arm, found in report.explanation.attributions.items()
        }
        return replace(report.explanation, controls=controls)

    def read_layers(self, report, task, layer) -> dict:
        """Twenty channels, each of one gray."""
        return {arm: np.ones((20, 8, 8), np.float32) * np.arange(20)[:, None, None] for arm in ARMS}

    def experiment(self, report, name, strength, donor) -> Experiment:
        """The film's upper half made black; VGG+Mask loses all its certainty, plain VGG16 nothing."""
        self.experiments.append((name, strength) if donor is None else (name, strength, donor))
        picture = report.radiograph.pixels.copy()
        changed = np.zeros(picture.shape, bool)
        changed[: len(picture) // 2] = True
        picture[changed] = 0.0
        task = report.explanation.task
        before = report.predictions[task]
        even = dict.fromkeys(TASK_CLASSES[task], 1 / len(TASK_CLASSES[task]))
        after = before | {"mask": replace(before["mask"], probabilities=even, label="Normal")}
        seen = dict.fromkeys(ARMS, picture)
        promised = {"plain": 0.5, "mask": 0.25, "hardened": 0.3}
        target = report.explanation.target_class
        masks, chance = dict.fromkeys(seen, changed), dict.fromkeys(seen, 0.4)
        return Experiment(name, strength or 0.0, task, target, picture, masks, seen, before, after, promised, chance)

    def take_donor(self, radiograph) -> Donor:
        """The film with the drawn chest's outlines."""
        _, found = make_segmentation(size=radiograph.pixels.shape)
        return Donor(radiograph.pixels, found.heart_mask, found.left_lung_mask, found.right_lung_mask)

    def draw_dim_curve(self, report) -> DimCurve:
        """Three points."""
        ratios, values = np.array([0.0, 0.2, 1.0]), np.array([0.1, 0.5, 0.9])
        curves = {"plain": values, "mask": values[::-1], "hardened": values}
        pictures = np.random.default_rng(0).random((3, 16, 16), np.float32)
        maps = dict.fromkeys(ARMS, pictures)
        return DimCurve(
            report.explanation.task, report.explanation.target_class, ratios, curves, curves, 0.2, pictures, maps
        )

    def draw_deletion(self, report) -> DeletionCurves:
        """Three points; plain VGG16 falls at once, the others as slowly as by chance."""
        shares, slow, fast = np.array([0.0, 0.5, 1.0]), np.array([0.9, 0.5, 0.1]), np.array([0.9, 0.1, 0.1])
        random = dict.fromkeys(ARMS, slow)
        back = dict.fromkeys(ARMS, slow[::-1])
        explanation = report.explanation
        question = explanation.task, explanation.target_class, explanation.method
        return DeletionCurves(*question, shares, random | {"plain": fast}, back, random, back)

    def replace_heart(self, report, heart_mask) -> Report:
        """The same report with this heart and its ratio; VGG+Mask's answer turns to TOF."""
        if not heart_mask.any():
            raise SegmentationError("The edited heart is empty. Draw a heart, or go back to the one that was found.")
        task, measured, (first, last) = report.explanation.task, report.cardiothoracic, columns_of(heart_mask)
        answers = dict(report.predictions[task])
        answers["mask"] = replace(answers["mask"], label="TOF")
        return replace(
            report,
            segmentation=replace(report.segmentation, heart_mask=heart_mask),
            cardiothoracic=replace(
                measured, ratio=(last - first + 1) / measured.thorax_width_px, heart_cols=(first, last)
            ),
            predictions={**report.predictions, task: answers},
        )

    def engine(self) -> Engine:
        """Itself as the pages want it."""
        cards = {
            "Segmenter (VGG-U-Net)": ModelCard("ab" * 32, "396 films of adults, made up for this test.", ("Dice 0.9",)),
            "Classifiers (VGG16)": ModelCard("cd" * 32, "Simulated signs on films of adults.", ("Accuracy 0.5",)),
        }
        return Engine(
            self.load,
            apply_correction,
            self.analyze,
            self.explain,
            self.add_controls,
            self.read_layers,
            self.experiment,
            self.take_donor,
            self.draw_dim_curve,
            self.replace_heart,
            self.draw_deletion,
            lambda: cards,
            lambda: self.tables,
            **{name: getattr(self, name, None) for name in ("try_cue", "turn_knobs", "draw_knob_curve")},
        )
