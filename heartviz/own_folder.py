"""A folder for what one process needs on the disk: it goes with the process, or when the next one starts."""

import atexit
import os
import shutil
import signal
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from heartviz.lock import lock_file

_PREFIX, _LOCK = "heartviz-", "lock"


def make_own_folder(parent: str | None = None) -> Path:
    """A new folder in `parent`, or where the system has such; from here on all temporary files lie in it.

    Folders there of processes that have gone, killed perhaps, are removed: a lock tells them.
    """
    parent = parent or tempfile.gettempdir()
    for path in Path(parent).glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError):
            _remove_if_left(path)
    lock = None
    while lock is None:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = _take(folder)
    atexit.register(_remove, folder, lock)
    tempfile.tempdir = str(folder)
    return folder


def leave_nothing(folder: Path) -> None:
    """From here on the process removes this folder also when it is told to end."""

    def stop(*_: object) -> None:
        # At once: threads that talk to open pages would hold the process.
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    # Where nohup has it left out, a terminal that closes ends nothing. Windows has no such signal.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, stop)


def _take(folder: Path) -> BinaryIO | None:
    """The folder's lock, or None where another process that starts has taken the folder for one that was left."""
    lock = (folder / _LOCK).open("wb")
    if lock_file(lock) and (folder / _LOCK).exists():
        return lock
    lock.close()
    return None


def _remove_if_left(path: Path) -> None:
    """None; removes the folder of this lock where it is ours and no process has it."""
    of, me = path.parent.lstat(), getattr(os, "getuid", lambda: 0)()
    if stat.S_ISDIR(of.st_mode) and of.st_uid == me and path.is_file() and not path.is_symlink():
        with path.open("r+b") as lock:
            if lock_file(lock):
                shutil.rmtree(path.parent, ignore_errors=True)


def _remove(folder: Path, lock: BinaryIO) -> None:
    lock.close()  # Windows removes no open file.
    shutil.rmtree(folder, ignore_errors=True)
