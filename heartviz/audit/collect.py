"""A list of labelled films read and analysed one by one; a film that can't be is set aside with its reason."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from heartviz.asking import silent
from heartviz.audit.anatomy import CommonAnatomy
from heartviz.audit.records import HEALTHY, Audit, AuditedFilm
from heartviz.decoder import Decoder
from heartviz.errors import DataError, HeartvizError
from heartviz.pipeline import analyze, explain
from heartviz.records import ARMS, TASK_CLASSES, Radiograph, Report
from heartviz.weights import Models
from heartviz.words import DEFAULT_METHOD

UNFORESEEN = "an unforeseen fault ({}) stopped this film"
ALL = "all films"


@dataclass(frozen=True)
class ListedFilm:
    """One line of a list: its number, where the film is (or what makes it), its label, the group it belongs to."""

    line: int
    source: Path | NDArray[np.float32] | Radiograph | Callable[[], NDArray[np.float32]]
    label: str
    group: str = ALL


def read_labels(path: Path, folder: Path) -> tuple[str, tuple[ListedFilm, ...]]:
    """Task and films of a CSV with the columns `file`, `label` and, if wished, `group`; files lie in `folder`.

    The task is the one that has all the labels. Raises DataError for a list that can't be read so.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: give the one that the films lie in.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path.name} can't be read as CSV in UTF-8 ({error}).") from error
    if not lines or not {"file", "label"} <= set(lines[0]):
        raise DataError(f"{path.name} needs a first line with the columns file,label (and group, if wished) and films.")
    task = _find_task({(line["label"] or "").strip() for line in lines}, path.name)
    names = {name.lower(): name for name in TASK_CLASSES[task]}
    films = []
    for number, line in enumerate(lines, start=2):
        source = (folder / (line["file"] or "").strip()).resolve()
        if not source.is_relative_to(folder.resolve()):
            raise DataError(f"Line {number} of {path.name} names a file outside of the folder.")
        group = (line.get("group") or "").strip() or ALL
        films.append(ListedFilm(number, source, names[line["label"].strip().lower()], group))
    return task, tuple(films)


def _find_task(labels: set[str], name: str) -> str:
    found = {label.lower() for label in labels}
    fitting = [task for task, names in TASK_CLASSES.items() if found <= {each.lower() for each in names}]
    if not fitting:
        known = "; ".join(f"{task}: {', '.join(names)}" for task, names in TASK_CLASSES.items())
        raise DataError(
            f"{name} has labels that no task has together ({', '.join(sorted(labels))}). Known are {known}."
        )
    if HEALTHY.lower() not in found or len(found) == 1:
        raise DataError(f"{name} has films labelled {', '.join(sorted(labels))} only: give Normal ones and ill ones.")
    return fitting[0]


def audit_films(
    films: Sequence[ListedFilm],
    models: Models,
    task: str,
    methods: Sequence[str] = (DEFAULT_METHOD,),
    tell: Callable[[float, str], None] = silent,
    about: str = "",
    done: Mapping[int, AuditedFilm] = MappingProxyType({}),
    keep: Callable[[int, AuditedFilm | str], None] = lambda line, found: None,
) -> Audit:
    """Every film analysed as the app does it, and each method's maps of its own label; the first method's are kept.

    `tell` is called with the share of films done. A film that is refused is kept as a reason, and the rest go on. Films
    in `done` (by line) are taken as they are; `keep` is called with the line and outcome of each other as it is made.
    """
    audited, refused, decoder = [], {}, Decoder()
    for place, film in enumerate(films):
        tell(place / len(films), f"Film {place + 1} of {len(films)}")
        found = done.get(film.line)
        if found is None:
            found = _audit_or_refuse(film, models, task, methods, decoder)
            keep(film.line, found)
        if isinstance(found, AuditedFilm):
            audited.append(found)
        else:
            refused[film.line] = found
    tell(1.0, "Done")
    return Audit(task, tuple(methods), tuple(audited), refused, dict(models.sha256), about)


def _audit_or_refuse(
    film: ListedFilm, models: Models, task: str, methods: Sequence[str], decoder: Decoder
) -> AuditedFilm | str:
    """The film audited, or the reason why it can't be."""
    if isinstance(film.source, Path) and not film.source.is_file():
        return "The file is not there."
    try:
        source = decoder.load(film.source) if isinstance(film.source, Path) else film.source
        source = source() if callable(source) else source
        report = analyze(source, models, task=task, target_class=film.label, method=methods[0])
        return _audit_film(film, report, models, task, methods)
    except HeartvizError as error:
        return _without_name(str(error), film)
    except Exception as error:
        return UNFORESEEN.format(type(error).__name__)


def _without_name(reason: str, film: ListedFilm) -> str:
    """A reason without the film's name, which may be a person's."""
    return reason.replace(str(film.source), "this file").replace(getattr(film.source, "name", "\0"), "this file")


def _audit_film(film: ListedFilm, report: Report, models: Models, task: str, methods: Sequence[str]) -> AuditedFilm:
    anatomy = CommonAnatomy(report.segmentation.heart_mask, report.segmentation.lungs_mask)
    explained = {methods[0]: report.explanation}
    for method in methods[1:]:
        explained[method] = explain(report, models, task, film.label, method=method)
    answers: Mapping = report.predictions[task]
    return AuditedFilm(
        line=film.line,
        label=film.label,
        group=film.group,
        ratio=round(report.cardiothoracic.ratio, 4),
        heart_chance=round(report.explanation.shares["plain"].chance["heart"], 4),
        probabilities={
            arm: {name: round(value, 5) for name, value in answers[arm].probabilities.items()} for arm in ARMS
        },
        answers={arm: answers[arm].label for arm in ARMS},
        heart_shares={
            method: {arm: round(found.shares[arm].share["heart"], 4) for arm in ARMS}
            for method, found in explained.items()
        },
        maps={arm: anatomy.lay_share(report.explanation.attributions[arm].values) for arm in ARMS},
        heart=anatomy.lay(report.segmentation.heart_mask),
        lungs=anatomy.lay(report.segmentation.lungs_mask),
    )
