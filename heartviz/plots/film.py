"""Pictures (uint8 RGB) of the film with its outlines and widths, and of what the networks were shown."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from heartviz.plots.canvas import RGB, RGBA, Colour, display_size, draw_outline, paint_gray
from heartviz.records import CardiothoracicRatio, FloatImage, Report, Segmentation

HEART_COLOUR: Colour = (64, 224, 208)
RIGHT_LUNG_COLOUR: Colour = (196, 166, 255)
LEFT_LUNG_COLOUR: Colour = (255, 209, 102)
WIDTH_COLOUR: Colour = (255, 255, 255)


def plot_film(pixels: FloatImage) -> RGB:
    """The film alone at display size; gray values that are not a number are hatched."""
    return paint_gray(pixels, display_size(pixels.shape))


def plot_overlay(report: Report) -> RGB:
    """The film with heart and lungs outlined and named, and the two widths of the cardiothoracic ratio drawn."""
    return _plot_outlined(report.radiograph.pixels, report.segmentation, report.shown_ratio)


def plot_outlines(report: Report) -> RGBA:
    """The outlines and names that `plot_overlay` draws, alone: transparent elsewhere, and without the two widths."""
    size = report.radiograph.pixels.shape
    # Drawn on black and on white: where the two differ, the film would show through by that much.
    on_black, on_white = (_plot_outlined(np.full(size, gray, np.float32), report.segmentation, None) for gray in (0, 1))
    alpha = 255 - np.clip(on_white.astype(np.int16) - on_black, 0, 255).max(axis=2, keepdims=True)
    colour = np.minimum(255, on_black * 255.0 / np.maximum(alpha, 1))
    return np.concatenate([np.round(colour), alpha], axis=2).astype(np.uint8)


def plot_found(pixels: FloatImage, segmentation: Segmentation | None) -> RGB:
    """A refused film with what was taken for heart and lungs outlined and named so, where anything was."""
    if segmentation is None:
        return plot_film(pixels)
    # Whose left is which is not known of a film that may be turned.
    return _plot_outlined(pixels, segmentation, None, ("Lung?", "Lung?", "Heart?"))


def _plot_outlined(
    pixels: FloatImage,
    segmentation: Segmentation,
    cardiothoracic: CardiothoracicRatio | None,
    names: tuple[str, str, str] = ("Patient's right lung", "Patient's left lung", "Heart"),
) -> RGB:
    size = display_size(pixels.shape)
    picture, scale = paint_gray(pixels, size), size[0] / pixels.shape[0]
    outlines = (
        (names[0], segmentation.right_lung_mask, RIGHT_LUNG_COLOUR),
        (names[1], segmentation.left_lung_mask, LEFT_LUNG_COLOUR),
        (names[2], segmentation.heart_mask, HEART_COLOUR),
    )
    for _, mask, colour in outlines:
        draw_outline(picture, mask, colour)
    if cardiothoracic is not None:
        _draw_widths(picture, cardiothoracic, scale)
    labels = [(name, _label_place(mask, scale), colour) for name, mask, colour in outlines if mask.any()]
    return _write(picture, labels)


def plot_thumbnail(report: Report, side_px: int) -> RGB:
    """A small picture of the film, its longer side this long, with heart and lungs outlined."""
    height, width = report.radiograph.pixels.shape
    scale = side_px / max(height, width)
    picture = paint_gray(report.radiograph.pixels, (max(1, round(height * scale)), max(1, round(width * scale))))
    found = report.segmentation
    outlines = ((found.right_lung_mask, RIGHT_LUNG_COLOUR), (found.left_lung_mask, LEFT_LUNG_COLOUR))
    for mask, colour in (*outlines, (found.heart_mask, HEART_COLOUR)):
        draw_outline(picture, mask, colour, thin=True)
    return picture


def plot_picture_seen(picture_seen: FloatImage, heart_mask: NDArray[np.bool_], cut: bool = False) -> RGB:
    """What a network was shown, laid back on the film, the heart outlined; hatched where nothing was shown.

    With `cut` only the box of the film that the network was shown.
    """
    if cut:
        seen = np.isfinite(picture_seen)
        rows, cols = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
        box = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
        picture_seen, heart_mask = picture_seen[box], heart_mask[box]
    picture = paint_gray(picture_seen, display_size(picture_seen.shape))
    draw_outline(picture, heart_mask, HEART_COLOUR, thin=True)
    return picture


def _draw_widths(picture: RGB, cardiothoracic: CardiothoracicRatio, scale: float) -> None:
    """Draws the heart's and the thorax's width as measured lines with end ticks."""
    width_px, tick_px = max(2, round(max(picture.shape) / 300)), max(6, round(max(picture.shape) / 60))
    lines = (
        (cardiothoracic.heart_cols, cardiothoracic.heart_row, HEART_COLOUR),
        (cardiothoracic.thorax_cols, cardiothoracic.thorax_row, WIDTH_COLOUR),
    )
    for cols, row, colour in lines:
        left, right = round(cols[0] * scale), round((cols[1] + 1) * scale) - 1
        y = round((row + 0.5) * scale)
        for stroke_colour, extra in (((0, 0, 0), 2), (colour, 0)):
            cv2.line(picture, (left, y), (right, y), stroke_colour, width_px + extra, cv2.LINE_AA)
            for x in (left, right):
                cv2.line(picture, (x, y - tick_px), (x, y + tick_px), stroke_colour, width_px + extra, cv2.LINE_AA)


def _label_place(mask: NDArray[np.bool_], scale: float) -> tuple[float, float]:
    """(x, y) in display pixels of a region's name: a third of the way down the region, in its middle there."""
    rows = np.flatnonzero(mask.any(axis=1))
    row = int(rows[0] + 0.36 * (rows[-1] - rows[0]))
    cols = np.flatnonzero(mask[row])
    middle = 0.5 * (cols[0] + cols[-1]) if cols.size else 0.5 * mask.shape[1]
    return middle * scale, row * scale


def _write(picture: RGB, labels: list[tuple[str, tuple[float, float], Colour]]) -> RGB:
    """The picture with names written on it, each with a dark rim."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=max(picture.shape) / 32)
    for words, place_xy, colour in labels:
        draw.text(
            place_xy, words.replace(" ", "\n"), fill=colour, font=font, anchor="mm", align="center",
            stroke_width=max(1, round(max(picture.shape) / 500)), stroke_fill=(0, 0, 0),
        )  # fmt: skip
    return np.asarray(image)
