"""Who is here, and what of the disk is theirs: when a page or client has left, its film goes from memory and disk."""

import atexit
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from heartviz.logbook import tell_fault

FORGET_AFTER_S = 60.0  # After a page has closed: a connection that breaks for less than this keeps its film.
UNOWNED_TIMES = 5  # A file that no open page or client has named goes after so many times that.
LONGEST_S = 900.0  # No file is kept longer, whoever has it.


class Guests:
    """The open pages and clients by their session, the files of each, and when the last connection of each ended.

    Args:
        folder: where Gradio keeps uploads and pictures; nothing else lies in it.
        forget: called with the session of a page or client that has left.
        forget_after_s: how long after its last connection ended.
    """

    def __init__(self, folder: Path, forget: Callable[[str], None], forget_after_s: float = FORGET_AFTER_S) -> None:
        self.forget_after_s = forget_after_s
        self._folder, self._forget = folder, forget
        self._here: dict[str, int] = {}
        self._left: dict[str, float] = {}
        self._files: dict[str, set[Path]] = {}
        self._lock = threading.Lock()
        self._kept = _list_all(folder)
        # A film lies at HASH/NAME, nowhere else: what a person sends must not name another file.
        self._a_file = re.compile(re.escape(str(folder)).encode() + rb'/([^/"\\\r\n\0]+)/([^/"\\\r\n\0]+)')

    def __len__(self) -> int:
        return len(self._here)

    def arrive(self, session: str) -> None:
        """A connection of this session has opened."""
        with self._lock:
            self._here[session] = self._here.get(session, 0) + 1
            self._left.pop(session, None)

    def is_here(self, session: str) -> bool:
        """Whether a connection of this session is open."""
        return session in self._here

    def leave(self, session: str) -> None:
        """A connection of this session has ended; the last one starts the clock."""
        with self._lock:
            self._here[session] = self._here.get(session, 1) - 1
            if self._here[session] <= 0:
                del self._here[session]
                self._left[session] = time.monotonic()

    def note_files(self, session: str, message: bytes) -> None:
        """The files that a message of this session names are the session's."""
        named = (tuple(part.decode(errors="replace") for part in match) for match in self._a_file.findall(message))
        found = {self._folder / hashed / name for hashed, name in named if not {".", ".."} & {hashed, name}}
        if found:
            with self._lock:
                self._files.setdefault(session, set()).update(found)
                if session not in self._here:
                    self._left.setdefault(session, time.monotonic())

    def sweep(self) -> None:
        """Forgets who has left, and deletes their files, files that nobody named, and old ones."""
        now = time.monotonic()
        with self._lock:
            gone = [session for session, left in self._left.items() if now - left > self.forget_after_s]
            theirs = {path for session in gone for path in self._files.pop(session, ())}
            owned = {path for paths in self._files.values() for path in paths}
            for session in gone:
                del self._left[session]
        _delete(theirs - owned)
        for session in gone:
            try:
                self._forget(session)
            except Exception as error:  # One that can't be forgotten must not keep the others.
                tell_fault(error)
        self._sweep_folder(owned)

    def _sweep_folder(self, owned: set[Path]) -> None:
        for path in sorted(_list_all(self._folder) - self._kept, reverse=True):
            age_s = _age_s(path)
            if path.is_dir():
                # Its name is the hash of the film that lay in it. A new one is about to be filled.
                if age_s > self.forget_after_s:
                    _remove_empty(path)
            elif age_s > (LONGEST_S if path in owned else UNOWNED_TIMES * self.forget_after_s):
                _delete([path])


def leave_nothing(folder: str) -> None:
    """From here on the process removes this folder when it ends, by itself or by being told to."""

    def stop(*_: object) -> None:
        # At once: threads that talk to open pages would hold the process.
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)

    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    signal.signal(signal.SIGTERM, stop)


def _list_all(folder: Path) -> set[Path]:
    """Files and folders under the folder; what goes while it is looked through is left out."""
    return {Path(root, name) for root, folders, files in os.walk(folder) for name in (*folders, *files)}


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _delete(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(OSError, ValueError):
            path.unlink(missing_ok=True)
        _remove_empty(path.parent)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError, ValueError):
        folder.rmdir()
