"""Gray films and outlines as uint8 RGB pictures at the size they are shown in; no result is computed here."""

import cv2
import numpy as np
from numpy.typing import NDArray

from heartviz.masks import mask_contour
from heartviz.records import FloatImage

RGB = NDArray[np.uint8]
RGBA = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Pictures are shown with their longest side between these, whatever the film's size.
DISPLAY_SIDES_PX = (768, 1024)
_HATCH_COLOURS: tuple[Colour, Colour] = ((26, 32, 38), (40, 48, 56))
_HATCH_PERIOD_PX = 14


def hex_colour(colour: Colour) -> str:
    """#rrggbb of an outline's colour, for a legend beside the picture."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def display_size(film_size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the picture for a film of this (height, width)."""
    smallest, largest = DISPLAY_SIDES_PX
    scale = float(np.clip(max(film_size), smallest, largest)) / max(film_size)
    return max(1, round(film_size[0] * scale)), max(1, round(film_size[1] * scale))


def _resize(image: FloatImage, size: tuple[int, int]) -> FloatImage:
    shrinks = image.shape[0] > size[0]
    return cv2.resize(image, dsize=size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def resize_seen(image: FloatImage, size: tuple[int, int]) -> tuple[FloatImage, NDArray[np.bool_]]:
    """The picture at the display's size, 0 where unseen, and where it was seen; unseen pixels do not bleed."""
    seen = np.isfinite(image)
    if seen.all():
        return _resize(image, size), np.ones(size, bool)
    weight = _resize(seen.astype(np.float32), size)
    total = _resize(np.where(seen, image, np.float32(0.0)), size)
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 1e-6), weight > 0.5


def paint_gray(image: FloatImage, size: tuple[int, int]) -> RGB:
    values, seen = resize_seen(image, size)
    gray = np.round(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)
    return hatch_unseen(np.repeat(gray[..., None], 3, axis=2), seen)


def hatch_unseen(picture: RGB, seen: NDArray[np.bool_]) -> RGB:
    if seen.all():
        return picture
    rows, cols = np.indices(seen.shape)
    stripe = ((rows + cols) // (_HATCH_PERIOD_PX // 2)) % 2
    hatch = np.array(_HATCH_COLOURS, np.uint8)[stripe]
    return np.where(seen[..., None], picture, hatch)


def draw_outline(picture: RGB, mask: NDArray[np.bool_], colour: Colour, thin: bool = False) -> None:
    """Draws the outlines of every part of the mask into the picture, with a dark rim so that they show on white."""
    scale = picture.shape[0] / mask.shape[0]
    parts, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    width_px = max(2, round(max(picture.shape) / (480 if thin else 300)))
    for part in range(1, parts):
        outline_xy = mask_contour(labels == part)[:, ::-1]
        if len(outline_xy) < 8:
            continue
        points = _smooth_closed((outline_xy + 0.5) * scale - 0.5, sigma=max(1.0, 1.5 / scale))
        points = np.round(points * 16).astype(np.int32)
        cv2.polylines(picture, [points], True, (0, 0, 0), width_px + 2, cv2.LINE_AA, 4)
        cv2.polylines(picture, [points], True, colour, width_px, cv2.LINE_AA, 4)


def _smooth_closed(points: NDArray, sigma: float) -> NDArray:
    """The closed line without its pixel staircase."""
    radius = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.concatenate([points[-radius:], points, points[:radius]]) if len(points) > radius else points
    if padded is points:
        return points
    return np.stack([np.convolve(axis, kernel / kernel.sum(), mode="valid") for axis in padded.T], 1)
