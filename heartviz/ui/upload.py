"""A file that a person gives: its bytes are taken, and nothing of it is left on the disk."""

from contextlib import suppress
from pathlib import Path


def take_upload(path: Path) -> bytes:
    """The uploaded file's bytes; the file itself is deleted, so that its content and its name stay nowhere."""
    content = path.read_bytes()
    path.unlink(missing_ok=True)
    with suppress(OSError):
        path.parent.rmdir()  # Its name is the content's hash.
    return content
