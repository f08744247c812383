"""A file that a person gives: its bytes are taken, and nothing of it is left on the disk."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from gradio.route_utils import GradioUploadFile
from gradio_client.utils import decode_base64_to_binary

from heartviz.errors import RadiographError

# The files that the upload which is being read has begun; Gradio gives them their names when it has them all.
_parts: ContextVar[set[Path]] = ContextVar("parts")


class OwnFile(GradioUploadFile):
    """An upload in a folder of its own: Gradio's is named by the content, so that two people's same film is one file.

    One would delete it while the other still needs it, and who has a film could ask whether it was uploaded.
    """

    def __init__(self, file: Any, **described: Any) -> None:
        super().__init__(file, **described)
        self.sha.update(secrets.token_bytes(16))
        _parts.get(set()).add(Path(file.name))


def save_own_base64(encoding: str, cache_dir: str, file_name: str | None = None) -> str:
    """Path of the file that MCP sends within its question, in a folder of its own, as `OwnFile`'s."""
    content, _ = decode_base64_to_binary(encoding)
    folder = Path(cache_dir) / secrets.token_hex(32)
    folder.mkdir(parents=True)
    path = folder / "film"
    path.write_bytes(content)
    return str(path)


@contextmanager
def note_parts(parts: set[Path]) -> Iterator[None]:
    """Adds each file that is begun meanwhile; those that have no name of their own at the end are deleted."""
    token = _parts.set(parts)
    try:
        yield
    finally:
        _parts.reset(token)
        for part in parts:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def take_upload(path: Path) -> bytes:
    """The uploaded file's bytes; the file is deleted: its name stays nowhere.

    Raises RadiographError where it is gone.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise RadiographError("The upload is no longer there. Upload the film again.") from error
    drop_upload(path)
    return content


def drop_upload(path: Path) -> None:
    """As `take_upload`, for a file that was read already."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
        path.parent.rmdir()  # No other file lies in it.
