"""One drawn chest for tests: H != W, odd sizes, the heart off centre, so that a swap or a flip fails."""

from pathlib import Path

import cv2
import numpy as np

SIZE = (301, 257)


def ellipse(centre: tuple[float, float], radii: tuple[float, float], size: tuple[int, int] = SIZE) -> np.ndarray:
    rows, cols = np.mgrid[: size[0], : size[1]]
    return ((rows - centre[0]) / radii[0]) ** 2 + ((cols - centre[1]) / radii[1]) ** 2 <= 1


HEART = ellipse((190, 150), (48, 50))
LEFT_LUNG = ellipse((150, 190), (95, 38))  # the patient's left: on the right of the picture
RIGHT_LUNG = ellipse((150, 78), (95, 40))


def picture() -> np.ndarray:
    """Gray values in 0..1: air 0 to 0.08, body 0.6, lungs 0.2 with faint stripes like vessels, heart 0.85."""
    rows, cols = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    air = 0.08 * cols / SIZE[1]
    gray = np.where(ellipse((150, 130), (148, 126)), 0.6, air).astype(np.float32)
    lungs = (LEFT_LUNG | RIGHT_LUNG) & ~HEART
    stripes = 0.12 * np.exp(-0.5 * ((rows + cols) % 24 - 12) ** 2)
    gray[lungs] = 0.2 + stripes[lungs]
    gray[HEART] = 0.85
    return gray


def write_film(path: Path, brightness: float = 1.0) -> Path:
    """The path, with the drawn chest there as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", np.round(255 * brightness * picture()).astype(np.uint8))[1].tobytes())
    return path
