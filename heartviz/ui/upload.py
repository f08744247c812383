"""A file that a person gives: its bytes are taken, and nothing of it is left on the disk."""

import json
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

from heartviz.errors import RadiographError

# How many were told of each file: two people's uploads of one film are one file.
_expected: Counter[str] = Counter()
_lock = threading.Lock()


def expect_uploads(answer: bytes) -> None:
    """Counts the files that an upload's answer (a JSON list of paths) names: each will be taken once."""
    with suppress(ValueError), _lock:
        _expected.update(str(path) for path in json.loads(answer) if isinstance(path, str))


def take_upload(path: Path) -> bytes:
    """The uploaded file's bytes; the file is deleted when all who uploaded it have it: its name stays nowhere.

    Raises RadiographError where it is gone.
    """
    with _lock:
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise RadiographError("The upload is no longer there. Upload the film again.") from error
        _drop(path)
    return content


def drop_upload(path: Path) -> None:
    """As `take_upload`, for a file that was read already."""
    with _lock:
        _drop(path)


def _drop(path: Path) -> None:
    _expected[str(path)] -= 1
    if _expected[str(path)] <= 0:
        del _expected[str(path)]
        with suppress(OSError):
            path.unlink(missing_ok=True)
            path.parent.rmdir()  # Its name is the content's hash.
