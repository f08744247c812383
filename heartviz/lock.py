"""A lock on an open file that only one process has, and that goes with the process however it ends."""

from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
    import msvcrt

# Windows lets nobody else read what is locked, so that is a byte where nothing is written.
_FAR = 2**30


def lock_file(file: IO[bytes]) -> bool:
    """Whether the file is now locked until it is closed; False where another has it.

    Raises OSError where it lies on a disk that knows no locks.
    """
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            file.seek(_FAR)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    return True
