"""Writes the HDF5 file of prepared films, block by block, so that a run killed at any moment can go on."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from heartviz.errors import DataError
from train.hdf5 import BAD_ROW, MASKS, ROW, TEXT_BYTES, PreparedFilm
from train.journal import JournalledFile, journal_path

LAYOUT = 1
# Later versions mark a file that is open for writing and refuse it after a kill, though the journal keeps it sound.
HDF5_VERSION = ("v108", "v108")
# Rows of a chunk in the tables, and points of a chunk of outlines: small, since there may be a thousand labels.
ROWS_A_CHUNK = 32
POINTS_A_CHUNK = 512
VERSIONS = MappingProxyType({"h5py": h5py.__version__, "hdf5": h5py.version.hdf5_version})


@dataclass(frozen=True)
class BadFilm:
    """A film that could not be prepared."""

    film_id: str
    reason: str


class FilmWriter:
    """The file of prepared films open for writing: new with these groups, or as an earlier run left it.

    A context manager; what was not committed is lost on leaving it. Raises DataError for a file that was made with
    other settings, that isn't HDF5, or that another run has open.
    """

    def __init__(self, path: Path, groups: Iterable[str], settings: Mapping[str, Any]) -> None:
        if not path.exists():
            _create_file(path, groups, settings)
        try:
            self._disk = JournalledFile(path)
        except OSError as cause:
            raise DataError(f"{path} can't be opened for writing ({cause}): is another run writing it?") from cause
        try:
            self._file = h5py.File(self._disk, "r+", libver=HDF5_VERSION)
            made = json.loads(self._file.attrs.get("settings", "{}"))
        except OSError as cause:
            self._disk.close()
            raise DataError(f"{path} is no HDF5 file ({cause}): remove it, or give another --out.") from cause
        differing = [name for name, value in settings.items() if made.get(name) != value]
        if differing:
            self.__exit__()
            raise DataError(f"{path} was made with other {', '.join(differing)}: remove it, or give another --out.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
        self._disk.close()

    def count_done(self, group: str) -> int:
        """How many of the group's films are written or known to be bad."""
        return int(self._file[group].attrs["committed"].sum())

    def commit(self, block: Sequence[tuple[str, PreparedFilm | BadFilm]]) -> None:
        """Writes films to their groups and counts them, all or none."""
        for path in dict.fromkeys(path for path, _ in block):
            films = [film for group, film in block if group == path]
            rows = [film for film in films if isinstance(film, PreparedFilm)]
            bad = [film for film in films if isinstance(film, BadFilm)]
            self._append(f"{path}/bad", [(_encode(film.film_id), _encode(film.reason)) for film in bad])
            for film in rows:
                first_point = len(self._file[f"{path}/outline_points"])
                self._append(f"{path}/outline_points", film.outline)
                self._append(f"{path}/pictures", film.picture[None])
                self._append(f"{path}/masks", film.masks[None])
                self._append(f"{path}/rows", [_table_row(film, first_point)])
            attributes = self._file[path].attrs
            attributes.modify("committed", attributes["committed"] + (len(rows), len(bad)))
        self._file.flush()
        self._disk.commit()

    def mark_verified(self, verified: bool) -> None:
        """Says in the file whether all of it was read again and found as it was made."""
        self._file.attrs.modify("verified", verified)
        self._file.flush()
        self._disk.commit()

    def _append(self, name: str, values: Sequence | NDArray) -> None:
        if len(values):
            dataset = self._file[name]
            first = len(dataset)
            dataset.resize(first + len(values), axis=0)
            dataset[first:] = np.asarray(values, dataset.dtype)


def _create_file(path: Path, groups: Iterable[str], settings: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    journal_path(path).unlink(missing_ok=True)
    partial = path.with_name(path.name + ".partial")
    square = (settings["size_px"], settings["size_px"])
    with h5py.File(partial, "w", libver=HDF5_VERSION) as file:
        for group in (file.create_group(name) for name in groups):
            group.attrs["committed"] = np.zeros(2, np.int64)
            for name, shape in (("pictures", square), ("masks", (len(MASKS), *square))):
                by_film = {"maxshape": (None, *shape), "chunks": (1, *shape), "compression": settings["compression"]}
                group.create_dataset(name, (0, *shape), np.uint8, **by_film)
            for name, dtype in (("rows", ROW), ("bad", BAD_ROW)):
                group.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(ROWS_A_CHUNK,))
            group.create_dataset("outline_points", (0, 2), "f4", maxshape=(None, 2), chunks=(POINTS_A_CHUNK, 2))
        file.attrs["settings"], file.attrs["verified"] = json.dumps(settings), False
    partial.replace(path)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _table_row(film: PreparedFilm, first_point: int) -> tuple:
    texts = [_encode(getattr(film, name) or "") for name in TEXT_BYTES]
    return (*texts, film.original_size, film.has_masks, (first_point, first_point + len(film.outline)))
