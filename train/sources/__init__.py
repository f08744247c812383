"""Readers of public data sets: one data set a file, its folder to Films."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from heartviz.errors import DataError, RadiographError
from heartviz.radiograph import load_radiograph


def load_pixels(path: Path) -> NDArray[np.float32]:
    """Gray values of a film file that the app reads too, float32 (H, W) in 0..1, air dark."""
    try:
        return load_radiograph(path).pixels
    except RadiographError as cause:
        raise DataError(f"{path} of the data set can't be used. {cause}") from cause


@dataclass(frozen=True)
class Film:
    """One film of a data set with its mask files; nothing is read until asked for.

    `label` is the data set's own word for what the film shows; `view` is "frontal", "lateral" or None where it is not
    known; `read_fn` reads the film's file.
    """

    film_id: str
    source: str
    patient_id: str
    image_path: Path
    heart_path: Path | None = None
    left_lung_path: Path | None = None
    right_lung_path: Path | None = None
    label: str | None = None
    view: str | None = None
    read_fn: Callable[[Path], NDArray[np.float32]] = load_pixels

    def read_pixels(self) -> NDArray[np.float32]:
        """Gray values in 0..1, float32 (H, W)."""
        return self.read_fn(self.image_path)

    def read_masks(self) -> NDArray[np.bool_]:
        """Heart, patient's left lung and patient's right lung, bool (3, H, W), each brought to the film's size."""
        paths = (self.heart_path, self.left_lung_path, self.right_lung_path)
        if None in paths:
            raise DataError(
                f"Film {self.film_id} of {self.source} lacks masks: heart, left lung and right lung are needed. "
                "Name all three files, or leave the film out."
            )
        size_wh = self.read_pixels().shape[::-1]
        masks = [read_mask(path).astype(np.uint8) for path in paths]
        return np.stack([cv2.resize(mask, size_wh, interpolation=cv2.INTER_NEAREST_EXACT) for mask in masks]) > 0


def read_mask(path: Path) -> NDArray[np.bool_]:
    """A mask file as bool (H, W): True above half of its brightest value, so 0/1 and 0/255 both work.

    GIF is left to Pillow, since not every OpenCV reads it.
    """
    image = _read_gif(path) if path.suffix.lower() == ".gif" else cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise DataError(f"Cannot read {path} as a mask. Unpack the data set again, or remove the film from it.")
    return image > 0.5 * max(int(image.max()), 1)


def _read_gif(path: Path) -> NDArray[np.uint8] | None:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except OSError:
        return None


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The lines of a CSV file with a header, each by column name, cells stripped; it must have `columns`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = list(csv.DictReader(file, restval="", restkey=""))
    except (OSError, UnicodeDecodeError, csv.Error) as cause:
        raise DataError(f"{path} can't be read as a table. It must be a CSV file in UTF-8; write it again.") from cause
    if not lines:
        raise DataError(f"{path} has no lines below its header. Unpack or write it again.")
    missing = [name for name in columns if name not in lines[0]]
    if missing:
        raise DataError(f"{path} has no column {', '.join(missing)}; it has {', '.join(filter(None, lines[0]))}.")
    return [{name: cell.strip() for name, cell in line.items() if name} for line in lines]
