"""A file whose changes reach the disk all together or not at all, whenever the program is killed."""

import io
import os
from pathlib import Path
from types import ModuleType

import numpy as np

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows: two programs that write one file are not kept apart there
    fcntl = None

PAGE_BYTES = 4096


def journal_path(path: Path) -> Path:
    """Where the changes of a file stand while they are being made; it exists only then, or after a kill just then."""
    return path.with_name(path.name + ".journal")


class JournalledFile(io.RawIOBase):
    """An existing file to read and change; changes stay in memory until `commit`, and are lost without it.

    `commit` writes them to a journal, gives that its name, changes the file and removes the journal: opening a file
    that has a journal first makes its changes again. Raises OSError when another program has the file open so.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._journal = journal_path(path)
        self._disk = path.open("r+b")
        try:
            if fcntl is not None:
                fcntl.flock(self._disk, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._journal.exists():
                self._apply()
        except BaseException:
            self._disk.close()
            raise
        self._pages: dict[int, bytearray] = {}
        self._size = self._disk.seek(0, os.SEEK_END)
        self._position = 0

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def truncate(self, size: int | None = None) -> int:
        self._size = self._position if size is None else size
        return self._size

    def readinto(self, buffer: bytearray | memoryview) -> int:
        view = memoryview(buffer).cast("B")
        length = min(len(view), max(self._size - self._position, 0))
        done = 0
        while done < length:
            number, start = divmod(self._position, PAGE_BYTES)
            part = self._read_page(number)[start : start + length - done]
            view[done : done + len(part)] = part
            done += len(part)
            self._position += len(part)
        return length

    def write(self, content: bytes | memoryview) -> int:
        view = memoryview(content).cast("B")
        done = 0
        while done < len(view):
            number, start = divmod(self._position, PAGE_BYTES)
            part = view[done : done + PAGE_BYTES - start]
            if number not in self._pages:
                self._pages[number] = bytearray(self._read_page(number))
            self._pages[number][start : start + len(part)] = part
            done += len(part)
            self._position += len(part)
        self._size = max(self._size, self._position)
        return len(view)

    def commit(self) -> None:
        """Brings all changes since the last commit to the disk."""
        if not self._pages:
            return
        partial = self._journal.with_name(self._journal.name + ".partial")
        with partial.open("wb") as file:
            pages = np.frombuffer(b"".join(self._pages.values()), np.uint8).reshape(-1, PAGE_BYTES)
            np.savez(file, size=self._size, numbers=np.array(list(self._pages)), pages=pages)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._journal)
        self._apply()
        self._pages.clear()

    def close(self) -> None:
        if not self.closed:
            self._disk.close()
        super().close()

    def _read_page(self, number: int) -> bytes | bytearray:
        if number in self._pages:
            return self._pages[number]
        self._disk.seek(number * PAGE_BYTES)
        return self._disk.read(PAGE_BYTES).ljust(PAGE_BYTES, b"\0")

    def _apply(self) -> None:
        with np.load(self._journal) as saved:
            for number, page in zip(saved["numbers"].tolist(), saved["pages"], strict=True):
                self._disk.seek(number * PAGE_BYTES)
                self._disk.write(page)
            self._disk.truncate(int(saved["size"]))
        self._disk.flush()
        os.fsync(self._disk.fileno())
        self._journal.unlink()
