"""An audit as JSON lines, a header and a line for each film: an audit under way goes on from it, results ship as it."""

import base64
import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

import heartviz
from heartviz.audit.anatomy import GRID
from heartviz.audit.records import Audit, AuditedFilm
from heartviz.errors import DataError
from heartviz.lock import lock_file
from heartviz.records import ARMS, TASK_CLASSES
from heartviz.words import METHOD_WORDS

SHIPPED = Path(heartviz.__file__).resolve().parents[1] / "weights"
_FORMAT = "heartviz_audit"
_START = f'{{"{_FORMAT}": 1, '.encode()
_STEPS = 255


def read_audit(path: Path) -> Audit:
    """The audit in a file. A last line that was cut off is left out, and a film's last line counts.

    Maps are within 1 % of their largest value. Raises DataError for a broken file or another one.
    """
    header, lines = _read_lines(path)
    films: dict[int, AuditedFilm] = {}
    refused: dict[int, str] = {}
    for number, line in enumerate(lines, start=2):
        try:
            of = json.loads(line)
            if "refused" in of:
                refused[int(of["line"])] = str(of["refused"])
            else:
                films[int(of["line"])] = _to_film(of)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"Line {number} of {path.name} is broken: remove the file and make it anew.") from error
    return Audit(
        header["task"],
        tuple(header["methods"]),
        tuple(films[line] for line in sorted(films)),
        {line: refused[line] for line in sorted(refused) if line not in films},
        header["models"],
        header["about"],
    )


def read_key(path: Path) -> str | None:
    """What the audit in a file depends on, as `make_key` told it; None where there is no file, or not even a header."""
    whole = path.read_bytes() if path.is_file() else b""
    if whole.startswith(_START) or _START.startswith(whole):
        return _read_lines(path)[0]["key"] if b"\n" in whole else None
    raise DataError(f"{path.name} holds no audit: move it away, or give another file.")


def read_shipped(task: str) -> Audit | None:
    """The audit of a task that lies beside the weights, as `train.audit` wrote it; None where there is none."""
    path = SHIPPED / file_name(task)
    return read_audit(path) if path.is_file() else None


def file_name(task: str) -> str:
    """Name of the file with the audit of a task."""
    return f"audit_{task}.jsonl"


def make_key(*parts: Any) -> str:
    """A short text that differs when any part or the program's version does; bytes count by their hash."""
    plain = [hashlib.sha256(part).hexdigest() if isinstance(part, bytes) else part for part in parts]
    text = json.dumps([heartviz.__version__, *plain], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class AuditFile:
    """An audit under way: each film is in the file as soon as it is kept, so that a later start goes on from there.

    `done` is line to the films that an earlier start audited, with the same key; another key starts the file anew.
    Refused films are tried again. Nobody else can have the file meanwhile.

    Raises DataError where the file that is there holds no audit, or another audit has it.
    """

    def __init__(
        self, path: Path, key: str, task: str, methods: Sequence[str], models: Mapping[str, str], about: str = ""
    ) -> None:
        self._path, self._file = path, _open_alone(path)
        try:
            same = read_key(path) == key
            self.done = {film.line: film for film in read_audit(path).films} if same else {}
        except BaseException:
            self._file.close()
            raise
        self._file.truncate(path.read_bytes().rindex(b"\n") + 1 if same else 0)
        if not same:
            self._write(
                {_FORMAT: 1, "key": key, "task": task, "methods": list(methods), "models": dict(models), "about": about}
            )

    def keep(self, line: int, found: AuditedFilm | str) -> None:
        """Writes a film, or the reason why it could not be audited."""
        self._write({"line": line, "refused": found} if isinstance(found, str) else _to_json(found))

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
        self._file.flush()

    def remove(self) -> None:
        """Deletes the file, before anybody else may have it."""
        try:
            self._path.unlink()
        except PermissionError:  # Windows deletes no open file.
            self._file.close()
            self._path.unlink()

    def __enter__(self) -> "AuditFile":
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()


def _open_alone(path: Path) -> IO[bytes]:
    """The file, which nobody else has while it is open. Raises DataError where somebody has it."""
    while True:
        file = path.open("a+b")
        try:
            if not lock_file(file):
                raise DataError(f"Another audit is writing to {path}: wait for its end, or give another --out.")
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # Who had it removed it since.


def _read_lines(path: Path) -> tuple[dict[str, Any], list[bytes]]:
    """Header and whole lines of a file."""
    try:
        first, *lines = path.read_bytes().split(b"\n")[:-1]
        header = json.loads(first)
        known = header[_FORMAT] == 1 and header["task"] in TASK_CLASSES and set(header["methods"]) <= set(METHOD_WORDS)
        if not (known and {"key", "models", "about"} <= set(header)):
            raise ValueError
    except OSError as error:
        raise DataError(f"{path.name} can't be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path.name} holds no audit that this version can read: make it anew.") from error
    return header, lines


def _to_json(film: AuditedFilm) -> dict[str, Any]:
    shares = {
        method: {arm: share if math.isfinite(share) else None for arm, share in of.items()}
        for method, of in film.heart_shares.items()
    }
    maps = {arm: _pack(values) for arm, values in film.maps.items()}
    return vars(film) | {
        "heart_shares": shares, "maps": maps, "heart": _pack(film.heart), "lungs": _pack(film.lungs)
    }  # fmt: skip


def _to_film(of: Mapping[str, Any]) -> AuditedFilm:
    shares = {
        method: {arm: math.nan if found[arm] is None else float(found[arm]) for arm in ARMS}
        for method, found in of["heart_shares"].items()
    }
    maps = {arm: _unpack(of["maps"][arm]) for arm in ARMS}
    maps = {arm: values / values.sum() if values.any() else values for arm, values in maps.items()}
    laid = {name: _unpack(of[name]) for name in ("heart", "lungs")}
    return AuditedFilm(**{**of, "heart_shares": shares, "maps": maps, **laid})


def _pack(values: NDArray[np.float32]) -> list[float | str]:
    """Largest value of (GRID, GRID) from 0 up, and base64 of the square root in 255 steps of that one's root."""
    top = float(f"{float(values.max()):.6g}")
    steps = np.rint(_STEPS * np.sqrt(values / top)) if top > 0 else np.zeros(values.shape)
    return [top, base64.b64encode(steps.clip(0, _STEPS).astype(np.uint8).tobytes()).decode()]


def _unpack(packed: Sequence[float | str]) -> NDArray[np.float32]:
    top, steps = packed
    roots = np.frombuffer(base64.b64decode(steps, validate=True), np.uint8).reshape(GRID, GRID) / _STEPS
    return (float(top) * roots**2).astype(np.float32)
