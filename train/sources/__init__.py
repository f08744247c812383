"""Readers of public data sets: one data set a file, its folder to Films."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from heartviz.errors import DataError
from heartviz.radiograph import load_radiograph


def load_pixels(path: Path) -> NDArray[np.float32]:
    """Gray values of a film file that the app reads too, float32 (H, W) in 0..1, air dark."""
    return load_radiograph(path).pixels


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
        """Heart, patient's left lung and patient's right lung, bool (3, H, W)."""
        paths = (self.heart_path, self.left_lung_path, self.right_lung_path)
        if None in paths:
            raise DataError(f"Film {self.film_id} of {self.source} has no masks.")
        return np.stack([read_mask(path) for path in paths])


def read_mask(path: Path) -> NDArray[np.bool_]:
    """A mask file as bool (H, W): True above half of its brightest value, so 0/1 and 0/255 both work."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise DataError(f"Cannot read {path} as a mask. Unpack the data set again, or remove the film from it.")
    return image > 0.5 * max(int(image.max()), 1)
