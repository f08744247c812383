"""The films of a batch that are done, a JSON line each: whatever stops the batch, it goes on from there."""

import base64
import json
from pathlib import Path

from heartviz.batch.one import Outcome
from heartviz.errors import DataError
from heartviz.lock import lock_file

_HEADER = b'{"heartviz_batch": 1}\n'


class Ledger:
    """A film is in the file as soon as it is kept. `done` is key to the outcomes kept before, without their files.

    A last line that was cut off is left out. Nobody else can have the file meanwhile.

    Raises DataError where the file that is there is another one, or another batch has it.
    """

    def __init__(self, path: Path) -> None:
        self.done: dict[str, Outcome] = {}
        self._file = path.open("a+b")
        if not lock_file(self._file):
            self._file.close()
            raise DataError(f"Another batch is writing to {path.parent}: wait for its end, or give another --out.")
        self._file.seek(0)
        whole = self._file.read()
        if not whole.startswith(_HEADER) and not _HEADER.startswith(whole):
            self._file.close()
            raise DataError(f"{path} holds no batch: give another --out.")
        end = whole.rfind(b"\n") + 1
        for number, line in enumerate(whole[:end].splitlines()[1:], start=2):
            try:
                of = json.loads(line)
                self.done[of["key"]] = Outcome(of["numbers"], base64.b64decode(of["thumbnail"], validate=True))
            except (ValueError, KeyError, TypeError) as error:
                self._file.close()
                raise DataError(f"Line {number} of {path} is broken: remove the line, or the file.") from error
        self._file.truncate(end)
        if not end:
            self._write(_HEADER)

    def keep(self, key: str, outcome: Outcome) -> None:
        """Writes an outcome that will be the same another time; others are tried again then."""
        if outcome.lasting and key not in self.done:
            thumbnail = base64.b64encode(outcome.thumbnail).decode()
            line = {"key": key, "numbers": dict(outcome.numbers), "thumbnail": thumbnail}
            self._write(json.dumps(line, allow_nan=False).encode() + b"\n")
            self.done[key] = Outcome(outcome.numbers, outcome.thumbnail)

    def _write(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()
