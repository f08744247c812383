"""A disk without room, as far as a program may have it made: the system itself refuses to let files grow further."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

resource = pytest.importorskip("resource", reason="This system has no limits for a process.")


@contextmanager
def full_disk(most_bytes: int, pid: int = 0) -> Iterator[None]:
    """Meanwhile no file that this process, or `pid`, writes grows past so many bytes: EFBIG, at the real write."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("Only Linux sets a limit of a running process.")
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
