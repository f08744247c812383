"""The log: one JSON line an event, and never what a person gave."""

import asyncio
import copy
import io
import json
import logging.config
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from uvicorn.config import LOGGING_CONFIG

from heartviz.errors import RadiographError
from heartviz.logbook import log_calls, start_logging, tell

SECRET = "Mustermann_Erika"


@pytest.fixture
def lines(monkeypatch):
    """The log's lines so far, as records."""
    hooks = ((warnings, "showwarning"), (traceback, "print_exc"), (sys, "excepthook"), (sys, "unraisablehook"))
    for place, name in (*hooks, (threading, "excepthook")):
        monkeypatch.setattr(place, name, getattr(place, name))
    monkeypatch.setitem(LOGGING_CONFIG, "loggers", copy.deepcopy(LOGGING_CONFIG["loggers"]))
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


def test_what_uvicorn_asyncio_and_threads_say_is_in_the_log_alone(lines, capfd):
    logging.config.dictConfig(LOGGING_CONFIG)  # As uvicorn does when it starts.
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received from %s.", SECRET)
    logging.getLogger("uvicorn.access").warning("GET /%s", SECRET)
    try:
        raise TypeError(f"Parameter `{SECRET}`")
    except TypeError as error:
        logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=error)
        sys.unraisablehook(SimpleNamespace(exc_value=error))

    async def forget_a_fault():
        asyncio.get_running_loop().call_exception_handler({"message": SECRET, "exception": ValueError(SECRET)})

    asyncio.run(forget_a_fault())
    thread = threading.Thread(target=lambda: {}[SECRET])
    thread.start()
    thread.join()
    told = lines()
    assert SECRET not in json.dumps(told)
    assert [line["outcome"] for line in told] == ["warning"] * 2 + ["TypeError"] * 2 + ["ValueError", "KeyError"]
    assert capfd.readouterr().err == ""


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
