"""Who is here, and what of the disk is theirs: when a page or client has left, its film goes from memory and disk."""

import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from heartviz.logbook import tell_fault
from heartviz.ui.upload import note_parts

FORGET_AFTER_S = 60.0  # After a page has closed: a connection that breaks for less than this keeps its film.
UNOWNED_TIMES = 5  # A file that no open page or client has named goes after so many times that.
LONGEST_S = 900.0  # No file is kept longer, whoever has it, but for one that a question names which waits or runs.
LONGEST_UPLOAD_S = 3600.0  # An upload that takes longer loses its files.


class Guests:
    """The open pages and clients by their session, the files of each, and when the last connection of each ended.

    Args:
        folder: where Gradio keeps uploads and pictures; nothing else lies in it.
        forget: called with the session of a page or client that has left.
        forget_after_s: how long after its last connection ended.
        list_asked: the sessions whose question waits or runs, each with the files that it names: both are kept.
    """

    def __init__(
        self,
        folder: Path,
        forget: Callable[[str], None],
        forget_after_s: float = FORGET_AFTER_S,
        list_asked: Callable[[], Mapping[str, set[Path]]] = dict,
    ) -> None:
        self.forget_after_s = forget_after_s
        self._folder, self._forget, self._list_asked = folder, forget, list_asked
        self._uploads: dict[int, tuple[float, set[Path]]] = {}
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

    def dismiss(self, session: str) -> None:
        """Nothing more will be asked in this session: it goes at once, unless a connection of it is open."""
        with self._lock:
            if session not in self._here:
                self._left[session] = -math.inf

    def note_files(self, session: str, message: bytes) -> None:
        """The files that a message of this session names are the session's."""
        named = (tuple(part.decode(errors="replace") for part in match) for match in self._a_file.findall(message))
        found = {self._folder / hashed / name for hashed, name in named if not {".", ".."} & {hashed, name}}
        if found:
            with self._lock:
                self._files.setdefault(session, set()).update(found)
                if session not in self._here:
                    self._left.setdefault(session, time.monotonic())

    @contextmanager
    def uploading(self) -> Iterator[None]:
        """While this runs an upload is read: its files, which may be many, are as new; what it leaves undone goes."""
        parts: set[Path] = set()
        self._uploads[id(parts)] = time.monotonic(), parts
        try:
            with note_parts(parts):
                yield
        finally:
            del self._uploads[id(parts)]

    def sweep(self) -> None:
        """Forgets who has left, and deletes their files, files that nobody named, and old ones."""
        self._refresh_uploads()
        asked = self._list_asked()
        kept = {path for paths in asked.values() for path in paths}
        now = time.monotonic()
        with self._lock:
            late = [session for session, left in self._left.items() if now - left > self.forget_after_s]
            gone = [session for session in late if session not in asked]
            theirs = {path for session in gone for path in self._files.pop(session, ())}
            owned = {path for paths in self._files.values() for path in paths}
            for session in gone:
                del self._left[session]
        _delete(theirs - owned - kept)
        for session in gone:
            try:
                self._forget(session)
            except Exception as error:  # One that can't be forgotten must not keep the others.
                tell_fault(error)
        self._sweep_folder(owned, kept)

    def _refresh_uploads(self) -> None:
        # A film that came first in a slow upload must not be old when the last has come.
        for started, parts in list(self._uploads.values()):
            if time.monotonic() - started < LONGEST_UPLOAD_S:
                for part in list(parts):
                    with suppress(OSError):
                        os.utime(part)

    def _sweep_folder(self, owned: set[Path], kept: set[Path]) -> None:
        for path in sorted(_list_all(self._folder) - self._kept - kept, reverse=True):
            age_s = _age_s(path)
            if path.is_dir():
                # Its name is the hash of the film that lay in it. A new one is about to be filled.
                if age_s > self.forget_after_s:
                    _remove_empty(path)
            elif age_s > (LONGEST_S if path in owned else UNOWNED_TIMES * self.forget_after_s):
                _delete([path])


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
