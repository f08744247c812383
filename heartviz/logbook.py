"""One JSON line for each thing that happens: when, what, how long, how it ended. Never a name, a pixel or a message."""

import functools
import json
import logging
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Collection
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, TypeVar

from uvicorn.config import LOGGING_CONFIG

from heartviz.errors import HeartvizError

Record = TypeVar("Record")
_log = logging.getLogger("heartviz")


class JsonLines(logging.Formatter):
    """A record as one JSON line; of another library's words, which may name a file, only who spoke and where."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {"time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")}
        told = getattr(record, "told", None)
        if told is not None:
            return json.dumps(line | told)
        line |= {"event": "log", "from": record.name, "outcome": record.levelname.lower()}
        if record.exc_info and record.exc_info[1] is not None:
            line |= {"outcome": type(record.exc_info[1]).__name__, "at": places_of(record.exc_info[1])}
        return json.dumps(line)


def start_logging(stream: TextIO = sys.stderr) -> None:
    """From here on everything that is logged, warned of, or traced after a fault is one JSON line without content."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    _log.setLevel(logging.INFO)
    for own in LOGGING_CONFIG["loggers"].values():  # Uvicorn would write for itself when it starts, whole traces.
        own.update(handlers=[], propagate=True)
    warnings.showwarning = lambda message, category, *_, **__: tell("log", outcome=category.__name__)
    # Gradio prints the trace of a handler's fault, whose last line can name a file.
    traceback.print_exc = lambda *_, **__: tell_fault(sys.exception())
    sys.excepthook = lambda kind, error, trace: tell_fault(error)
    threading.excepthook = sys.unraisablehook = lambda fault: tell_fault(fault.exc_value)


def tell(event: str, seconds: float | None = None, outcome: str = "ok", **numbers: int | str) -> None:
    """Logs an event; `numbers` are counts, status codes and names of our own, never what a person gave."""
    told = {"event": event, "outcome": outcome, **numbers}
    if seconds is not None:
        told["seconds"] = round(seconds, 3)
    _log.info(event, extra={"told": told})


def tell_fault(error: BaseException | None) -> None:
    """Logs an unforeseen error by its kind and place; its own words could name a file or a tag."""
    kind, places = type(error).__name__, "" if error is None else places_of(error)
    _log.error("%s at %s", kind, places, extra={"told": {"event": "fault", "outcome": kind, "at": places}})


def places_of(error: BaseException) -> str:
    """Where the error came from, innermost first: "gray.py:41 < radiograph.py:210"."""
    places = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{Path(at.filename).name}:{at.lineno}" for at in reversed(places))


def log_calls(record: Record, but: Collection[str] = ()) -> Record:
    """The same frozen record of functions, each of which, but those named, logs its calls."""
    asked = {item.name: getattr(record, item.name) for item in fields(record) if item.name not in but}
    return replace(record, **{name: _logged(name, call) for name, call in asked.items() if callable(call)})


def _logged(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def log_call(*arguments: Any, **named: Any) -> Any:
        start, outcome = time.perf_counter(), "ok"
        try:
            return call(*arguments, **named)
        except Exception as error:
            outcome = f"{'refused' if isinstance(error, HeartvizError) else 'fault'} ({type(error).__name__})"
            raise
        finally:
            tell(name, time.perf_counter() - start, outcome)

    return log_call
