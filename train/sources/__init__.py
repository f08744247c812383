"""Readers of public data sets: one data set a file, its folder to Films."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from heartviz.errors import DataError


@dataclass(frozen=True)
class Film:
    """One frontal film of a data set with its mask files; nothing is read until asked for."""

    film_id: str
    source: str
    patient_id: str
    image_path: Path
    heart_path: Path | None = None
    left_lung_path: Path | None = None
    right_lung_path: Path | None = None

    def read_pixels(self) -> NDArray[np.float32]:
        """Gray values in 0..1, float32 (H, W)."""
        return _read_gray(self.image_path).astype(np.float32) / 255.0

    def read_masks(self) -> NDArray[np.bool_]:
        """Heart, patient's left lung and patient's right lung, bool (3, H, W)."""
        paths = (self.heart_path, self.left_lung_path, self.right_lung_path)
        if None in paths:
            raise DataError(f"Film {self.film_id} of {self.source} has no masks.")
        return np.stack([_read_gray(path) > 127 for path in paths])


def _read_gray(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise DataError(f"Cannot read {path} as a picture. Unpack the data set again, or remove the file from it.")
    return image
