"""The log: one JSON line an event, and never what a person gave."""

import io
import json
import logging
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from heartviz.errors import RadiographError
from heartviz.logbook import log_calls, start_logging, tell

SECRET = "Mustermann_Erika"


@pytest.fixture
def lines(monkeypatch):
    """The log's lines so far, as records."""
    for place, name in ((warnings, "showwarning"), (traceback, "print_exc"), (sys, "excepthook")):
        monkeypatch.setattr(place, name, getattr(place, name))
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    for handler in before:  # pytest's own, which start_logging would close
        root.removeHandler(handler)
    stream = io.StringIO()
    start_logging(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = before
    root.setLevel(level)


def test_an_event_is_one_line_with_its_time_length_and_outcome(lines):
    tell("upload", 1.23456, "turned away (413)")
    (line,) = lines()
    assert line.pop("time").endswith("+00:00")
    assert line == {"event": "upload", "outcome": "turned away (413)", "seconds": 1.235}


def test_nothing_that_another_library_says_is_kept(lines):
    logging.getLogger("another").warning("Invalid value for PN: %s", SECRET)
    warnings.showwarning(UserWarning(SECRET), UserWarning, "dicom.py", 1)
    try:
        raise FileNotFoundError(SECRET)
    except FileNotFoundError as error:
        logging.getLogger("uvicorn.error").error("Exception in %s", SECRET, exc_info=error)
        traceback.print_exc()
        sys.excepthook(type(error), error, error.__traceback__)
    told = lines()
    assert SECRET not in json.dumps(told)
    assert [line["outcome"] for line in told] == ["warning", "UserWarning", *["FileNotFoundError"] * 3]
    assert all(line["at"].startswith("test_logbook.py:") for line in told[2:])


@dataclass(frozen=True)
class Calls:
    """Two functions and a name."""

    read: Callable[[str], str]
    ask: Callable[[str], str]
    name: str = "x"


def test_calls_are_logged_with_how_they_ended(lines):
    def read(text: str) -> str:
        if text == "refused":
            raise RadiographError(SECRET)
        if text == "fault":
            raise KeyError(SECRET)
        return text.upper()

    calls = log_calls(Calls(read, read), but=("ask",))
    assert calls.read("film") == "FILM"
    assert calls.ask("film") == "FILM"
    assert calls.name == "x"
    for text, kind in (("refused", RadiographError), ("fault", KeyError)):
        with pytest.raises(kind, match=SECRET):
            calls.read(text)
    assert [(line["event"], line["outcome"]) for line in lines()] == [
        ("read", "ok"), ("read", "refused (RadiographError)"), ("read", "fault (KeyError)"),
    ]  # fmt: skip
    assert SECRET not in json.dumps(lines())
