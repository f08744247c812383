"""A Report as JSON without identifiers, and a folder of its masks and maps."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from heartviz import __version__
from heartviz.errors import GateError, RadiographError
from heartviz.gate import judge_unreadable
from heartviz.plots import plot_model_maps
from heartviz.records import ARMS, CardiothoracicRatio, GateCheck, Report
from heartviz.words import METHOD_WORDS, TASK_NAMES

INTENDED_USE = "Research and teaching software, not a medical device: not for diagnosis, triage or treatment."
LABELS = {
    "congenital": "VSD, ASD and TOF signs were simulated on films of adults; no film of a patient with these diseases "
    "was learnt from.",
    "heart_size": "real films, labelled by the cardiothoracic ratio of hand-drawn masks (above 0.50).",
}
# What the labels are, for people by the tasks' names, and for programs by the keys of report.json.
LABELS_NOTE = " ".join(f"{TASK_NAMES[task]}: {words}" for task, words in LABELS.items())
LABELS_BY_KEY = " ".join(f"{task}: {words}" for task, words in LABELS.items())


def report_to_dict(report: Report, file: str | None) -> dict[str, Any]:
    """The numbers of a report, fit for JSON: unknown ones are null. `file` is the user's name of the film, or None."""
    explanation, cardiothoracic = report.explanation, report.cardiothoracic
    spacing = report.radiograph.spacing_mm
    numbers = {
        "file": file,
        "accepted": True,
        "messages": list(report.messages),
        "checks": _checks_to_list(report.checks),
        "offered_correction": report.offer or None,
        "description": report.radiograph.description,
        "size": {"height": report.radiograph.pixels.shape[0], "width": report.radiograph.pixels.shape[1]},
        "spacing_mm": None if spacing is None else {"row": spacing[0], "col": spacing[1]},
        "cardiothoracic_ratio": cardiothoracic.ratio,
        "cardiothoracic_widths_px": {"heart": cardiothoracic.heart_width_px, "thorax": cardiothoracic.thorax_width_px},
        "moved_by_hand": None if report.moved is None else _moved_to_dict(report.moved),
        "predictions": {
            task: {arm: dict(prediction.probabilities) for arm, prediction in by_arm.items()}
            for task, by_arm in report.predictions.items()
        },
        "answers": {
            task: {arm: prediction.label for arm, prediction in by_arm.items()}
            for task, by_arm in report.predictions.items()
        },
        "operating_points": {
            task: {arm: dict(prediction.operating_point) for arm, prediction in by_arm.items()}
            for task, by_arm in report.predictions.items()
        },
        "explanation": {
            "task": explanation.task,
            "target_class": explanation.target_class,
            "method": explanation.method,
            "gap": {arm: explanation.attributions[arm].gap for arm in ARMS},
            "gradient_for": explanation.gradient_for,
            "sentence": explanation.sentence,
        },
        "relevance_share": {
            arm: {
                **explanation.shares[arm].share,
                "chance": dict(explanation.shares[arm].chance),
                "interval": {region: list(ends) for region, ends in explanation.shares[arm].interval.items()},
            }
            for arm in ARMS
        },
        "positive_relevance_share": {arm: dict(shares.share) for arm, shares in explanation.positive_shares.items()},
        "models": dict(report.models),
        "seconds": dict(report.seconds),
    }
    return {**_nan_to_none(numbers), **_footer()}


def refusal_to_dict(error: Exception, reason: str, file: str) -> dict[str, Any]:
    """What stands in place of a report for a film that was not accepted: the same keys, the reason in `messages`.

    The checks are those of the gate where it refused; what could not be read failed the first.
    """
    empty = dict.fromkeys(("size", "cardiothoracic_ratio", "predictions", "relevance_share", "models", "seconds"))
    checks: tuple[GateCheck, ...] = ()
    if isinstance(error, GateError):
        checks = error.checks
    elif isinstance(error, RadiographError):
        checks = judge_unreadable(reason)
    gate = {"checks": _checks_to_list(checks), "offered_correction": getattr(error, "offer", "") or None}
    return {"file": file, "accepted": False, "messages": [reason], **gate, **empty, **_footer()}


def _moved_to_dict(moved: CardiothoracicRatio) -> dict[str, Any]:
    widths = {"heart": moved.heart_width_px, "thorax": moved.thorax_width_px}
    columns = {"heart": list(moved.heart_cols), "thorax": list(moved.thorax_cols)}
    return {"cardiothoracic_ratio": moved.ratio, "cardiothoracic_widths_px": widths, "columns": columns}


def _checks_to_list(checks: Sequence[GateCheck]) -> list[dict[str, str]]:
    return [{"name": check.name, "verdict": check.verdict, "sentence": check.sentence} for check in checks]


def encode_pictures(report: Report) -> dict[str, bytes]:
    """File name to PNG of the three masks (0/255) and all maps (METHOD_ARM.png), all of the film's own size."""
    masks = {
        "heart_mask": report.segmentation.heart_mask,
        "left_lung_mask": report.segmentation.left_lung_mask,
        "right_lung_mask": report.segmentation.right_lung_mask,
    }
    pair = plot_model_maps(report.explanation, report.segmentation, report.radiograph.pixels.shape)
    maps = {f"{report.explanation.method}_{arm}": picture[..., ::-1] for arm, picture in pair.pictures.items()}
    pictures = {name: mask.astype(np.uint8) * 255 for name, mask in masks.items()} | maps
    return {f"{name}.png": cv2.imencode(".png", picture)[1].tobytes() for name, picture in pictures.items()}


def write_report(report: Report, file: str, folder: Path, more: Mapping[str, bytes] | None = None) -> None:
    """Writes masks and maps as pictures, `more` files by their names, then report.json."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (encode_pictures(report) | dict(more or {})).items():
        write_whole(folder / name, content)
    write_json(report_to_dict(report, file), folder)


def clear_report(folder: Path, more: Sequence[str] = ()) -> None:
    """Removes what an earlier run wrote, report.json first, and `more` names: nothing old stands beside what is new."""
    masks, maps = ("heart", "left_lung", "right_lung"), [f"{method}_{arm}" for method in METHOD_WORDS for arm in ARMS]
    pictures = [*(f"{name}_mask.png" for name in masks), *(f"{name}.png" for name in maps)]
    for name in ("report.json", *pictures, *more):
        (folder / name).unlink(missing_ok=True)


def write_json(numbers: dict[str, Any], folder: Path) -> None:
    """Writes `numbers` to report.json in the folder; last of all, so that its presence means the rest is there."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "report.json", to_json(numbers).encode())


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that is there whole or not at all, whatever stops it: a full disk leaves what was there before."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def to_json(numbers: dict[str, Any]) -> str:
    """The text of report.json."""
    return json.dumps(numbers, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _footer() -> dict[str, str]:
    return {"heartviz": __version__, "intended_use": INTENDED_USE, "labels": LABELS_BY_KEY}


def _nan_to_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _nan_to_none(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_nan_to_none(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
