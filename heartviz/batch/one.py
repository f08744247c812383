"""One film in, one row of numbers out: the same function for the page, the command line and Ray."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import cv2

from heartviz import plots
from heartviz.audit.files import make_key
from heartviz.batch.sources import Source
from heartviz.decoder import Decoder
from heartviz.errors import HeartvizError
from heartviz.records import ARMS, TASK_CLASSES, GradientFor, Report
from heartviz.report import encode_pictures, report_to_dict, to_json
from heartviz.take_home import make_files
from heartviz.words import DEFAULT_METHOD

if TYPE_CHECKING:
    from heartviz.weights import Models

THUMBNAIL_PX = 176
FAULT = "An unforeseen fault ({}) stopped this film; the others went on. Please report it with how the film was made."


@dataclass(frozen=True)
class Settings:
    """What is asked of every film of a batch. `each` are kinds of files (words.FILE_KINDS) to make of every film."""

    task: str = "congenital"
    target_class: str | None = None
    gradient_for: GradientFor = "picture_seen"
    method: str = DEFAULT_METHOD
    correct: str = ""
    each: tuple[str, ...] = ()

    def key_of(self, sha256: str, models: Mapping[str, str]) -> str:
        """A short text that is another one for another film, model, setting or version of the program."""
        return make_key(sha256, dict(models), asdict(self))


@dataclass(frozen=True)
class Outcome:
    """What came of one film: its numbers by column (table.COLUMNS), a small picture (JPEG), and files by name.

    A refused film has its reason in `numbers["messages"]`. `lasting` is False where trying again may give another,
    as after a read error: what is kept is kept under a hash, and no byte was judged.
    """

    numbers: Mapping[str, Any]
    thumbnail: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)
    lasting: bool = True

    @property
    def accepted(self) -> bool:
        """Whether the film was analysed."""
        return bool(self.numbers["accepted"])


def make_analyst(settings: Settings, models: "Models") -> Callable[[bytes], Report]:
    """What `analyze_one` takes: the report of a film's bytes, which another process decodes, as the settings ask."""
    # Here, not above: the table of what was done before is read without it.
    from heartviz.pipeline import analyze

    decoder, asked = Decoder(), asdict(settings)
    del asked["each"]
    return lambda content: analyze(decoder.load(content), models, **asked)


def analyze_one(source: Source, analyze_film: Callable[[bytes], Report], each: Sequence[str] = ()) -> Outcome:
    """A film's numbers, or the reason why there are none; never raises for a film, whatever it is."""
    started = time.perf_counter()
    sha256 = None
    try:
        try:
            content = source.read()
        except HeartvizError as error:
            return refuse(error, lasting=False)
        sha256 = hash_content(content)
        report = analyze_film(content)
        files = encode_pictures(report) | make_files(report, each) if each else {}
        if each:
            files["report.json"] = to_json(report_to_dict(report, source.name)).encode()
        seconds = round(time.perf_counter() - started, 3)
        numbers = {"accepted": True, "film_sha256": sha256, **describe(report), "seconds": seconds}
        return Outcome(numbers, make_thumbnail(report), files)
    except HeartvizError as error:
        return refuse(error, sha256)
    except Exception as error:
        return refuse(FAULT.format(type(error).__name__), sha256, lasting=False)


def refuse(reason: Exception | str, sha256: str | None = None, lasting: bool = True) -> Outcome:
    """The outcome of a film that is not analysed, with the correction that would help where `reason` has one."""
    numbers = {"accepted": False, "film_sha256": sha256, "messages": str(reason)}
    return Outcome(numbers | {"offered_correction": getattr(reason, "offer", "") or None}, lasting=lasting)


def hash_content(content: bytes) -> str:
    """By what the same film is known again, whatever it is called."""
    return hashlib.sha256(content).hexdigest()


def describe(report: Report) -> dict[str, Any]:
    """A report's numbers by column; None where a number is not known."""
    numbers = report_to_dict(report, None)
    spacing = numbers["spacing_mm"] or {}
    row = {
        "messages": " ".join(dict.fromkeys((*report.radiograph.messages, *report.messages))),
        "offered_correction": report.offer or None,
        "height_px": numbers["size"]["height"],
        "width_px": numbers["size"]["width"],
        "row_mm": spacing.get("row"),
        "col_mm": spacing.get("col"),
        "cardiothoracic_ratio": numbers["cardiothoracic_ratio"],
        "heart_width_px": numbers["cardiothoracic_widths_px"]["heart"],
        "thorax_width_px": numbers["cardiothoracic_widths_px"]["thorax"],
    }
    for task, class_names in TASK_CLASSES.items():
        for arm in ARMS:
            row[f"{task}_{arm}"] = numbers["answers"][task][arm]
            row |= {f"{task}_{arm}_{name}": numbers["predictions"][task][arm][name] for name in class_names}
    explained = numbers["explanation"]
    row |= {f"maps_{name}": explained[name] for name in ("task", "target_class", "method")}
    for arm in ARMS:
        row[f"heart_share_{arm}"] = numbers["relevance_share"][arm]["heart"]
        row[f"heart_chance_{arm}"] = numbers["relevance_share"][arm]["chance"]["heart"]
    return row


def make_thumbnail(report: Report) -> bytes:
    """A small JPEG of the film with its outlines."""
    picture = plots.plot_thumbnail(report, THUMBNAIL_PX)
    return cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()
