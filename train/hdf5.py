"""The HDF5 file of prepared films: its layout, and a reader for training.

`/films/<source>/<label or "unlabelled">/` holds `pictures` (n, s, s) and `masks` (n, 3, s, s), uint8, one chunk a film;
the table `rows` with all else that is known of each film; the `outline_points` of all hearts one after another; and the
table `bad` of films that could not be read. The group's attribute `committed` counts rows and bad films. The file's
attributes are `settings` (JSON) and `verified`. Texts have a fixed length, so that rows are quick to find.
"""

import hashlib
import operator
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Self

import h5py
import numpy as np
from numpy.typing import NDArray

from heartviz.errors import DataError
from heartviz.preprocess import Frame, square_frame
from train.journal import journal_path

MASKS = ("heart", "left_lung", "right_lung")
# Longest text in bytes of UTF-8.
TEXT_BYTES = MappingProxyType(
    {"film_id": 256, "patient_id": 256, "source": 64, "label": 256, "view": 16, "split": 16}
    | {"file_sha256": 64, "row_sha256": 64}
)
ROW = np.dtype(
    [(name, f"S{length}") for name, length in TEXT_BYTES.items()]
    + [("original_size", "<i4", 2), ("has_masks", "?", len(MASKS)), ("outline_span", "<i8", 2)]
)
BAD_ROW = np.dtype([("film_id", "S256"), ("reason", "S512")])


@dataclass(frozen=True)
class PreparedFilm:
    """One row: `picture` uint8 (s, s), `masks` uint8 0/1 (3, s, s) in the order of MASKS, `has_masks` bool (3,).

    `outline` is the heart's, float32 (points, 2) rows and cols of `picture`; `original_size` is (height, width).
    """

    picture: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    has_masks: NDArray[np.bool_]
    outline: NDArray[np.float32]
    original_size: tuple[int, int]
    film_id: str
    patient_id: str
    source: str
    label: str | None
    view: str | None
    split: str
    file_sha256: str
    row_sha256: str = ""

    @property
    def frame(self) -> Frame:
        """Where `picture` and `masks` lie on the film as it was."""
        return square_frame(self.original_size, self.picture.shape[0])


def hash_row(film: PreparedFilm) -> str:
    """sha256 over all of a row but `row_sha256` itself."""
    digest = hashlib.sha256()
    for name in (field.name for field in fields(film) if field.name != "row_sha256"):
        value = getattr(film, name)
        if isinstance(value, np.ndarray):
            digest.update(f"{name} {value.shape} {value.dtype}".encode() + np.ascontiguousarray(value).tobytes())
        else:
            digest.update(f"{name} {value!r}".encode())
    return digest.hexdigest()


def group_path(source: str, label: str | None) -> str:
    """The group of a source's films of one label."""
    parts = (part.replace("/", "%2F") for part in (source, label or "unlabelled"))
    return "/".join(["films", *("%2E" if part == "." else part for part in parts)])


class PreparedFilms(Sequence[PreparedFilm]):
    """The committed rows of a file, of one split or with all masks if asked for; opened anew in each process.

    A context manager; can be handed to worker processes. Raises DataError for a file that `train.prepare` did not
    finish, unless `unfinished`.
    """

    def __init__(
        self, path: Path, split: str | None = None, unfinished: bool = False, with_masks: bool = False
    ) -> None:
        self._path, self._file, self._process = Path(path), None, 0
        attributes = self._open().attrs
        finished = attributes.get("verified", False) and not journal_path(self._path).exists()
        if "settings" not in attributes or not (unfinished or finished):
            self.close()
            raise DataError(f"{path} is not a finished file of prepared films: run python -m train.prepare once more.")
        films = self._file["films"]
        self._groups = [f"films/{source}/{label}" for source in films for label in films[source]]
        counts = [int(self._file[path].attrs["committed"][0]) for path in self._groups]
        self._ends = np.cumsum(counts)
        self._rows = np.arange(sum(counts))
        if split is not None:
            self._rows = np.flatnonzero(self._column("split") == split.encode())
        if with_masks:
            self._rows = self._rows[self._column("has_masks").all(axis=1)[self._rows]]

    def _column(self, name: str) -> NDArray:
        """One field of all committed rows."""
        groups = [self._open()[path] for path in self._groups]
        return np.concatenate([group["rows"].fields(name)[: group.attrs["committed"][0]] for group in groups])

    def hash(self) -> str:
        """One sha256 over the chosen rows, by the hashes that were written with them."""
        return hashlib.sha256(self._column("row_sha256")[self._rows].tobytes()).hexdigest()

    def _open(self) -> h5py.File:
        if self._file is None or self._process != os.getpid():
            try:
                self._file, self._process = h5py.File(self._path, "r"), os.getpid()
            except OSError as cause:
                raise DataError(f"{self._path} can't be opened as a file of prepared films ({cause}).") from cause
        return self._file

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_file": None}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; reading opens it again."""
        if self._file is not None and self._process == os.getpid():
            self._file.close()
        self._file = None

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> PreparedFilm:
        place = self._rows[operator.index(index)]
        number = int(np.searchsorted(self._ends, place, side="right"))
        group, row = self._open()[self._groups[number]], int(place - (self._ends[number - 1] if number else 0))
        known = group["rows"][row]
        texts = {name: known[name].decode() for name in TEXT_BYTES}
        first, last = known["outline_span"].tolist()
        return PreparedFilm(
            picture=group["pictures"][row],
            masks=group["masks"][row],
            has_masks=known["has_masks"],
            outline=group["outline_points"][first:last],
            original_size=tuple(known["original_size"].tolist()),
            **texts | {name: texts[name] or None for name in ("label", "view")},
        )

    def bad_films(self) -> list[tuple[str, str]]:
        """Film id and reason of each film that could not be prepared."""
        groups = [self._open()[path] for path in self._groups]
        bad = [row for group in groups for row in group["bad"][: group.attrs["committed"][1]]]
        return [tuple(row[name].decode("utf-8", "ignore") for name in BAD_ROW.names) for row in bad]
