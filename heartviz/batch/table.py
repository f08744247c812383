"""The table of a batch: CSV with the user's names of the films, and an HTML page that has their numbers only."""

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from heartviz import __version__
from heartviz.batch.one import Outcome
from heartviz.plots.figures import ARM_NAMES
from heartviz.records import ARMS, TASK_CLASSES
from heartviz.report import INTENDED_USE, LABELS_NOTE
from heartviz.take_home.html import page_html
from heartviz.words import TASK_NAMES, percent

COLUMNS = (
    *("number", "file", "accepted", "messages", "offered_correction", "height_px", "width_px", "row_mm", "col_mm"),
    *("cardiothoracic_ratio", "heart_width_px", "thorax_width_px"),
    *(
        column
        for task, class_names in TASK_CLASSES.items()
        for arm in ARMS
        for column in (f"{task}_{arm}", *(f"{task}_{arm}_{name}" for name in class_names))
    ),
    *("maps_task", "maps_target_class", "maps_method"),
    *(f"heart_{what}_{arm}" for arm in ARMS for what in ("share", "chance")),
    *("film_sha256", "seconds"),
)
_STYLE = "td img{width:88px;border-radius:4px}td.bad{color:#ffb4b4}@media print{td.bad{color:#900}td img{width:60px}}"


def write_csv(names: Sequence[str], outcomes: Mapping[int, Outcome]) -> str:
    """The table as CSV: a line for each film that has an outcome, numbered from 1 in the order given."""
    stream = io.StringIO()
    table = csv.DictWriter(stream, COLUMNS, restval="")
    table.writeheader()
    for place in sorted(outcomes):
        row = {name: "" if value is None else value for name, value in outcomes[place].numbers.items()}
        table.writerow({"number": place + 1, "file": _harmless(names[place]), **row})
    return stream.getvalue()


def make_index(outcomes: Mapping[int, Outcome], models: Mapping[str, str], count: int) -> str:
    """One HTML page with a row and a small picture a film, named by its line's number in the CSV; it loads nothing."""
    good = sum(outcome.accepted for outcome in outcomes.values())
    waiting = f" {count - len(outcomes)} still to be analysed." if len(outcomes) < count else ""
    hashes = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{escape(sha)}</td></tr>" for name, sha in models.items()
    )
    body = (
        f"<h1>heartviz: {count} chest films</h1><p class='device' role='note'>{escape(INTENDED_USE)}</p>"
        f"<p>{good} of {count} films analysed, {len(outcomes) - good} not accepted.{waiting} Films are named "
        f"by their number in the CSV.</p><section>{table_of(outcomes)}<p class='fine'>{escape(LABELS_NOTE)}</p>"
        f"</section><section><h2>Models</h2><div class='wide'><table><tbody>{hashes}</tbody></table></div></section>"
        f"<p class='fine'>heartviz {__version__}.</p>"
    )
    return page_html("heartviz batch", body, _STYLE)


def table_of(outcomes: Mapping[int, Outcome], names: Sequence[str] | None = None, put_right: str = "") -> str:
    """The table of what is there so far, as HTML; with names where they are given.

    `put_right` says what to do with a film that would pass when corrected.
    """
    answers = "".join(
        f"<th scope='col'>{escape(TASK_NAMES[task])}: {', '.join(ARM_NAMES.values())}</th>" for task in TASK_CLASSES
    )
    named = "<th scope='col'>File</th>" if names is not None else ""
    rows = "".join(_row(place, outcomes[place], names, put_right) for place in sorted(outcomes))
    return (
        "<div class='wide'><table><thead><tr><th scope='col'>No.</th><th scope='col'>Film</th>"
        f"{named}<th scope='col'>Cardiothoracic ratio</th>{answers}<th scope='col'>Map in the heart: "
        f"{', '.join(ARM_NAMES.values())}</th><th scope='col'>Notes</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(place: int, outcome: Outcome, names: Sequence[str] | None, put_right: str) -> str:
    numbers = outcome.numbers
    named = f"<td class='file'>{escape(names[place])}</td>" if names is not None else ""
    start = f"<tr><th scope='row'>{place + 1}</th>"
    if not outcome.accepted:
        told = f"{_notes(numbers)} {put_right if numbers.get('offered_correction') else ''}".strip()
        bad = f"<td class='bad' colspan='{3 + len(TASK_CLASSES)}'>Not accepted: {escape(told)}</td>"
        return f"{start}<td></td>{named}{bad}</tr>"
    picture = base64.b64encode(outcome.thumbnail).decode()
    answers = "".join(
        f"<td>{escape(', '.join(str(numbers[f'{task}_{arm}']) for arm in ARMS))}</td>" for task in TASK_CLASSES
    )
    shares = ", ".join("not defined" if (of := numbers[f"heart_share_{arm}"]) is None else percent(of) for arm in ARMS)
    return (
        f"{start}<td><img src='data:image/jpeg;base64,{picture}' alt='Film {place + 1} with outlines'></td>{named}"
        f"<td>{numbers['cardiothoracic_ratio']:.3f}</td>{answers}<td>{shares}</td><td>{escape(_notes(numbers))}</td></tr>"
    )


def _notes(numbers: Mapping[str, Any]) -> str:
    return str(numbers["messages"])


def _harmless(name: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name
