"""What a printed report says, in order: sentences, tables and pictures, before any format is given to them."""

import math
from dataclasses import dataclass
from datetime import date

import numpy as np

from heartviz import __version__, plots
from heartviz.gate import CHECKS
from heartviz.plots.canvas import RGB
from heartviz.records import ARMS, REGIONS, TASK_CLASSES, Explanation, Prediction, Report
from heartviz.report import INTENDED_USE, LABELS_NOTE
from heartviz.words import (
    CLASS_NAMES,
    METHOD_WORDS,
    SEEN_CAPTIONS,
    TASK_NAMES,
    VERDICT_NAMES,
    compare_with_limit,
    describe_moved,
    describe_thresholds,
    percent,
)

UNTITLED = "Analysis of a chest film"
LONGEST_TITLE = 120
_SCALE_BAR_PX = (12, 256)


@dataclass(frozen=True)
class Picture:
    """A picture (uint8 RGB) with the words under it, and words for those who don't see it."""

    pixels: RGB
    caption: str
    alt: str

    @property
    def is_bar(self) -> bool:
        """Whether it is a flat legend instead of a picture to look at."""
        return self.pixels.shape[1] > 8 * self.pixels.shape[0]


@dataclass(frozen=True)
class Table:
    """Rows of words under a row of headings; the first column names the row."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Part:
    """One part of the report: heading, sentences, pictures side by side, tables, small print."""

    title: str
    sentences: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    fine_print: tuple[str, ...] = ()


@dataclass(frozen=True)
class Paper:
    """The whole report: title, the day it was made, what the software is not, the finding, and its parts."""

    title: str
    made: str
    intended_use: str
    finding: str
    parts: tuple[Part, ...]


def write_paper(report: Report, title: str = "", day: date | None = None) -> Paper:
    """The report of one film in words and pictures; `title` is the user's, and may be empty."""
    day = day or date.today()
    return Paper(
        title=clean_title(title) or UNTITLED,
        made=f"Made on {day.isoformat()} by heartviz {__version__}.",
        intended_use=INTENDED_USE,
        finding=report.explanation.sentence,
        parts=(
            _gate_part(report),
            _film_part(report),
            _answers_part(report),
            _maps_part(report),
            _shares_part(report.explanation),
            *([_controls_part(report)] if report.explanation.controls else []),
            _models_part(report),
        ),
    )


def clean_title(title: str) -> str:
    """The title on one line, without what can't be printed, cut to 120 letters."""
    return "".join(letter for letter in " ".join(title.split()) if letter.isprintable())[:LONGEST_TITLE].strip()


def _gate_part(report: Report) -> Part:
    warnings = tuple(dict.fromkeys((*report.radiograph.messages, *report.messages)))
    through = "The film was accepted: it looks like a frontal chest film with a heart between two lungs."
    checks = tuple((CHECKS[check.name], VERDICT_NAMES[check.verdict], check.sentence) for check in report.checks)
    table = (Table(("Check", "Verdict", "What was seen"), checks),) if checks else ()
    return Part("The film at the gate", (through, *(warnings or ("There was nothing to warn of.",))), tables=table)


def _film_part(report: Report) -> Part:
    found = report.shown_ratio
    height, width = report.radiograph.pixels.shape
    widths = f"Heart {_width(report, found.heart_width_px)} wide, thorax {_width(report, found.thorax_width_px)} wide"
    return Part(
        "The film, measured",
        (
            f"Cardiothoracic ratio {found.ratio:.3f}. {widths}.",
            *describe_moved(report),
            f"{compare_with_limit(found.ratio, 3)}, the usual limit for an adult's heart on an upright film taken from "
            "behind (posteroanterior).",
        ),
        (
            Picture(
                plots.plot_overlay(report),
                "The film with the outlines that a network drew, and the two widths.",
                f"Chest film with heart and lungs outlined, cardiothoracic ratio {found.ratio:.2f}.",
            ),
        ),
        fine_print=(
            f"Film read: {report.radiograph.description}, shown at {width} x {height} px or less. Check the outlines "
            "by eye: a wrong outline makes a wrong number.",
        ),
    )


def _width(report: Report, width_px: int) -> str:
    spacing = report.radiograph.spacing_mm
    return f"{width_px} px" if spacing is None else f"{width_px * spacing[1]:.0f} mm ({width_px} px)"


def _answers_part(report: Report) -> Part:
    heart_mask = report.segmentation.heart_mask
    return Part(
        "What each model says, and what it was shown",
        (
            "Each number is a model's calibrated probability among films like its test films, not the chance that "
            "this person is ill.",
        ),
        tuple(
            Picture(
                plots.plot_picture_seen(report.pictures_seen[arm], heart_mask),
                f"{plots.ARM_NAMES[arm]}. {SEEN_CAPTIONS[arm]}",
                f"Picture shown to {plots.ARM_NAMES[arm]}.",
            )
            for arm in ARMS
        ),
        tuple(_answer_table(task, report.predictions[task]) for task in TASK_CLASSES),
        tuple(filter(None, (*map(describe_thresholds, report.predictions.values()), LABELS_NOTE))),
    )


def _answer_table(task: str, answers: dict[str, Prediction]) -> Table:
    rows = []
    for arm in ARMS:
        answer = answers[arm]
        rows.append(
            (plots.ARM_NAMES[arm], answer.label, *(percent(answer.probabilities[n]) for n in TASK_CLASSES[task]))
        )
    return Table((TASK_NAMES[task], "Answer", *TASK_CLASSES[task]), tuple(rows))


def _maps_part(report: Report) -> Part:
    explanation = report.explanation
    drawn, method = plots.plot_model_maps(explanation, report.segmentation), METHOD_WORDS[explanation.method]
    target = CLASS_NAMES.get(explanation.target_class, explanation.target_class)
    basis = "the picture the model sees" if explanation.gradient_for == "picture_seen" else "the original film"
    by_gray = f", by the gray values of {basis}" if method.by_gray else ""
    pictures = [
        Picture(drawn.pictures[arm], f"{plots.ARM_NAMES[arm]}", f"{method.label} map of {plots.ARM_NAMES[arm]}.")
        for arm in ARMS
    ]
    sentences = [f"{method.label}. {method.says} All maps are for {target}{by_gray}."]
    sentences.append(
        "The heart is outlined in turquoise, the lungs in gray. Stripes: the model was shown nothing there."
    )
    sentences += [f"{plots.ARM_NAMES[arm]}: {words}" for arm, words in drawn.flat.items()]
    if math.isfinite(drawn.scale_max):
        low = f"{-drawn.scale_max:.2g} (against the class)" if drawn.signed else "0"
        scale = f"{low} to {drawn.scale_max:.2g} {method.unit}"
        pictures.append(Picture(_scale_bar(drawn.signed), f"One scale for all maps: {scale}.", f"Colours: {scale}."))
    return Part("Which pixels the answers hang on", tuple(sentences), tuple(pictures))


def _scale_bar(signed: bool) -> RGB:
    height, width = _SCALE_BAR_PX
    colours = [bytes.fromhex(colour[1:]) for colour in plots.colour_stops(signed, width)]
    return np.broadcast_to(np.frombuffer(b"".join(colours), np.uint8).reshape(1, width, 3), (height, width, 3)).copy()


def _shares_part(explanation: Explanation) -> Part:
    quantity = METHOD_WORDS[explanation.method].quantity
    rows = []
    for arm in ARMS:
        of = explanation.shares[arm]
        for region in REGIONS:
            share, chance = of.share[region], of.chance[region]
            times = share / chance if chance > 0 and math.isfinite(share) else math.nan
            low, high = of.interval.get(region, (math.nan, math.nan))
            interval = f"{100 * low:.0f} to {100 * high:.0f} %" if math.isfinite(low) else "-"
            told = f"{times:.1f} x" if math.isfinite(times) else "not defined"
            name = f"{plots.ARM_NAMES[arm]}: {plots.REGION_NAMES[region]}"
            rows.append((name, percent(share), interval, percent(chance), told))
    return Part(
        "Does the model look at the heart?",
        tables=(
            Table(
                ("Model and region", f"Share of {quantity}", "95 % interval", "Chance", "Share / chance"), tuple(rows)
            ),
        ),
        fine_print=(
            "Shares count absolute values. Chance is the share of the picture that the region covers: what a map "
            "without any preference would score. The interval is over resampled blocks of pixels of this one map.",
        ),
    )


def _controls_part(report: Report) -> Part:
    explanation = report.explanation
    rows, alike = [], []
    for arm, controls in explanation.controls.items():
        numbers = [controls[name].likeness for name in ("random_weights", "edges")]
        told = (f"{number:.2f}" if math.isfinite(number) else "not defined" for number in numbers)
        rows.append((plots.ARM_NAMES[arm], *told))
        if any(control.alike for control in controls.values()):
            alike.append(
                f"{plots.ARM_NAMES[arm]}'s map looks like a control: it may show the film, not what was learnt."
            )
    return Part(
        "Controls of the maps",
        ("Rank correlation of each map with the same method on random weights, and with the film's edges.", *alike),
        tables=(Table(("Model", "Random weights", "Edges"), tuple(rows)),),
    )


def _models_part(report: Report) -> Part:
    return Part(
        "Models",
        ("These files made the numbers above: the same files and the same film give the same numbers again.",),
        tables=(Table(("Model", "sha256 of its file, or of the limits"), tuple(report.models.items())),),
    )
