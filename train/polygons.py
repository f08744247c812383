"""Outlines as polygons: filled to masks, and kept in text files beside their films."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from heartviz.errors import DataError

Polygon = NDArray[np.float32]
SUBPIXEL_BITS = 4


def polygon_to_mask(polygon: Polygon, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The polygon (points, 2) of rows and cols filled on a film of `size`, its outline included, bool (H, W).

    Raises DataError for a polygon that leaves the film.
    """
    polygon = np.asarray(polygon)
    if (polygon < -0.5).any() or (polygon > np.array(size) - 0.5).any():
        raise DataError(
            f"The outline goes from row and column {polygon.min(axis=0).round()} to {polygon.max(axis=0).round()}; the "
            f"film is {size[0]} x {size[1]} px. Give the outline of this film, drawn at its size."
        )
    corners_xy = np.round(polygon[:, ::-1] * 2**SUBPIXEL_BITS).astype(np.int32)
    return cv2.fillPoly(np.zeros(size, np.uint8), [corners_xy], 1, shift=SUBPIXEL_BITS).astype(bool)


def write_polygon(path: Path, polygon: Polygon) -> None:
    """Writes one vertex a line, "x y": column then row in the film's pixels, the first pixel's middle at 0 0."""
    lines = [f"{x:.2f} {y:.2f}" for x, y in polygon[:, ::-1]]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_polygon(path: Path) -> Polygon:
    """The polygon (points, 2) of rows and cols in a file as `write_polygon` writes it; DataError for any other."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} cannot be read as text. Give an outline as train.contours writes it.") from error
    vertices_xy = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            x, y = (float(word) for word in line.split())
        except ValueError:
            x = y = np.nan
        if not np.isfinite([x, y]).all():
            raise DataError(
                f'{path.name}, line {number} is "{line[:40]}"; a line must be two numbers, "x y" in pixels.'
            )
        vertices_xy.append((x, y))
    if len(vertices_xy) < 3:
        raise DataError(f"{path.name} has {len(vertices_xy)} vertices; an outline has at least 3, one a line.")
    return np.array(vertices_xy, np.float32)[:, ::-1]
