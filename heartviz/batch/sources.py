"""Files, folders and ZIP archives -> the films in them; archives that could do harm are refused in words."""

import stat
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from heartviz.errors import DataError, RadiographError
from heartviz.radiograph import MAX_FILE_BYTES, read_file

MOST_IN_ZIP = 10_000
MOST_UNPACKED_BYTES = 100_000_000_000
# No directory of so many entries is larger; a name may have some 400 letters.
MOST_DIRECTORY_BYTES = 512 * MOST_IN_ZIP
# Films shrink to a third, black ones to a hundredth; a bomb to a thousandth.
MOST_SHRUNK, SHRUNK_FROM_BYTES = 200, 10_000_000
PIECE_BYTES = 4096
# Not bzip2: a hundred of its bytes may be 100 MB, which all are in memory at once whatever the ZIP says.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
# What systems put beside people's files.
_CLUTTER = {"__macosx", "thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class Source:
    """One film to be analysed: its name for the user, the file it lies in, its place in the list where that is a ZIP.

    `refused` says why it is not even opened. A place, for two files of a ZIP may have one name.
    """

    name: str
    path: str
    member: int | None = None
    refused: str = ""

    def read(self) -> bytes:
        """The film's bytes. Raises RadiographError where they can't be read."""
        if self.refused:
            raise RadiographError(self.refused)
        return read_file(self.path) if self.member is None else _read_member(self.path, self.member)


def list_sources(paths: Iterable[Path], leave_out: Path | None = None) -> list[Source]:
    """The films of files, folders (with all folders in them) and ZIPs, in order; `leave_out` is a folder to skip.

    A ZIP is told by its content. What can't be a film is still listed, so that it is refused in words. Raises DataError
    where there is nothing at all.
    """
    found: list[Source] = []
    for path in paths:
        if path.is_dir():
            for file in sorted(each for each in path.rglob("*") if each.is_file()):
                inside = file.relative_to(path)
                kept = leave_out is None or not file.resolve().is_relative_to(leave_out.resolve())
                if kept and not _is_clutter(inside.parts):
                    found += _list_file(file, inside.as_posix())
        else:
            found += _list_file(path, path.name)
    if not found:
        raise DataError("There is no film in what was given: give files, folders or ZIP archives with films in them.")
    return found


def list_zip(path: Path, name: str) -> list[Source]:
    """The films of one ZIP, those that are refused among them; one refused source where it can't be read at all."""
    try:
        # Before its entries are read into memory: how large the list of them is.
        with path.open("rb") as file:
            ending = zipfile._EndRecData(file)  # type: ignore[attr-defined]
        if ending is not None and ending[zipfile._ECD_SIZE] > MOST_DIRECTORY_BYTES:  # type: ignore[attr-defined]
            return [Source(name, str(path), refused=_too_many())]
        with zipfile.ZipFile(path) as archive:
            # Not is_dir, which fails on an empty name.
            members = [(place, each) for place, each in enumerate(archive.infolist()) if each.filename[-1:] != "/"]
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return [Source(name, str(path), refused="This ZIP is damaged or cut short. Pack or download it again.")]
    members = [(place, each) for place, each in members if not _is_clutter(_path_of(each).parts)]
    if len(members) > MOST_IN_ZIP:
        return [Source(name, str(path), refused=_too_many(len(members)))]
    if sum(each.file_size for _, each in members) > MOST_UNPACKED_BYTES:
        limit = f"{MOST_UNPACKED_BYTES // 10**9} GB"
        return [Source(name, str(path), refused=f"This ZIP unpacks to more than {limit}. Give it in parts.")]
    if not members:
        return [Source(name, str(path), refused="This ZIP holds no file. Pack the films again.")]
    return [Source(f"{name}/{each.filename}", str(path), place, _refuse_member(each)) for place, each in members]


def printable(name: str) -> str:
    """A file's name for tables and reports: on Linux it may be bytes that are no text, told as \\udcff."""
    return name.encode(errors="backslashreplace").decode()


def _list_file(path: Path, name: str) -> Sequence[Source]:
    name = printable(name)
    return list_zip(path, name) if _is_zip(path) else [Source(name, str(path))]


def _is_zip(path: Path) -> bool:
    try:
        if not path.is_file():
            return False  # To open a pipe waits for who writes to it.
        with path.open("rb") as file:
            return file.read(4) in _ZIP_STARTS
    except OSError:
        return False


def _is_clutter(parts: Sequence[str]) -> bool:
    return any(part.lower() in _CLUTTER or (part.startswith(".") and part not in ("..", ".")) for part in parts)


def _too_many(count: int | None = None) -> str:
    told = "more" if count is None else f"{count:,} files, more"
    return f"This ZIP holds {told} than the {MOST_IN_ZIP:,} files that are read. Give it in parts."


def _refuse_member(member: zipfile.ZipInfo) -> str:
    """Why this file of a ZIP is not read; empty where it may be."""
    path = _path_of(member)
    if path.is_absolute() or ".." in path.parts or ":" in member.filename:
        return "Its path leads out of the ZIP, which a film's never does. Pack the films again."
    if stat.S_ISLNK(member.external_attr >> 16):
        return "It is a link, not a file. Pack the film itself."
    if member.flag_bits & 0x1:
        return "It is encrypted. Unpack the ZIP with its password first."
    if member.compress_type not in _METHODS:
        return "It is packed in a way that is not read here. Pack it again as a usual ZIP."
    if member.file_size > MAX_FILE_BYTES:
        return f"It unpacks to {member.file_size / 10**6:.0f} MB; at most {MAX_FILE_BYTES // 10**6} MB are read."
    if member.file_size > max(SHRUNK_FROM_BYTES, MOST_SHRUNK * member.compress_size):
        return f"It is packed more than {MOST_SHRUNK} times smaller than it is, as no film is. Pack the films again."
    return ""


def _path_of(member: zipfile.ZipInfo) -> PurePosixPath:
    return PurePosixPath(member.filename.replace("\\", "/"))


def _read_member(path: str, place: int) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(archive.infolist()[place]) as file:
            content, piece = bytearray(), b"-"
            while piece and len(content) <= MAX_FILE_BYTES:
                # Small ones: what a piece of LZMA unpacks to, up to 7,000 times as much, is in memory at once.
                content += (piece := file.read(PIECE_BYTES))
    except Exception as cause:  # zlib, lzma and zipfile each raise their own on damaged bytes
        raise RadiographError("It can't be unpacked: the ZIP is damaged. Pack or download it again.") from cause
    if len(content) > MAX_FILE_BYTES:
        raise RadiographError(f"It unpacks to more than {MAX_FILE_BYTES // 10**6} MB, the most that is read.")
    return bytes(content)
