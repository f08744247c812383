"""What this process keeps of memory that it no longer needs."""

import ctypes
from contextlib import suppress

# Of malloc.h, and for all threads together: the main one and another.
M_ARENA_MAX, ARENAS = -8, 2


def share_arenas() -> None:
    """Has all threads of this process share two pools of freed memory; call it before they start.

    By default glibc gives each new thread its own, and each that has run the models keeps 180 MB in it. Other C
    libraries know no such setting, and stay as they are.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)
