"""Pictures (uint8 RGB) and plotly figures of what the records hold; no result is computed here."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from heartviz.masks import mask_contour
from heartviz.records import ARMS, REGIONS, Arm, CardiothoracicRatio, Explanation, FloatImage, Report, Segmentation

RGB = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Pictures are shown with their longest side between these, whatever the film's size.
DISPLAY_SIDES_PX = (768, 1024)
HEART_COLOUR: Colour = (64, 224, 208)
RIGHT_LUNG_COLOUR: Colour = (196, 166, 255)
LEFT_LUNG_COLOUR: Colour = (255, 209, 102)
WIDTH_COLOUR: Colour = (255, 255, 255)
ARM_COLOURS: Mapping[Arm, str] = {"plain": "#8fa9c4", "mask": "#f2a65a"}
ARM_NAMES: Mapping[Arm, str] = {"plain": "Plain VGG16", "mask": "VGG+Mask"}
REGION_NAMES = {"heart": "Heart", "lungs": "Lungs", "elsewhere": "Elsewhere"}
TEXT_COLOUR, GRID_COLOUR = "#dfe8ee", "#2c3943"
# The brightest colour stands for this percentile over both maps, so that single pixels do not set the scale.
SCALE_PERCENTILE = 99.5
_HATCH_COLOURS: tuple[Colour, Colour] = ((26, 32, 38), (40, 48, 56))
_HATCH_PERIOD_PX = 14
_STILL = {"fixedrange": True, "zeroline": False}
_PERCENT_TICKS = {"tickvals": [0, 25, 50, 75, 100], "ticktext": ["0 %", "25 %", "50 %", "75 %", "100 %"]}
# Diverging scale for signed maps: blue speaks against the class, black is zero, orange speaks for it.
_DIVERGING_STOPS = ((120, 190, 255), (28, 92, 168), (8, 10, 14), (190, 88, 16), (255, 190, 110))


@dataclass(frozen=True)
class SensitivityPair:
    """Both models' maps as pictures on one colour scale.

    `scale_max` is the raw value of the brightest colour, NaN when no map can be scaled. `flat` holds a sentence for
    each map that is constant or nowhere a number; its picture is hatched. `peak_ratio` is each map's own 99.5
    percentile over `scale_max`: how bright it can look beside the other. `signed` tells a diverging scale.
    """

    pictures: Mapping[Arm, RGB]
    scale_max: float
    flat: Mapping[Arm, str]
    peak_ratio: Mapping[Arm, float]
    signed: bool


def plot_film(pixels: FloatImage) -> RGB:
    """The film alone at display size; gray values that are not a number are hatched."""
    return _paint_gray(pixels, _display_size(pixels.shape))


def plot_overlay(report: Report) -> RGB:
    """The film with heart and lungs outlined and named, and the two widths of the cardiothoracic ratio drawn."""
    size = _display_size(report.radiograph.pixels.shape)
    picture = _paint_gray(report.radiograph.pixels, size)
    segmentation, scale = report.segmentation, size[0] / report.radiograph.pixels.shape[0]
    outlines = (
        ("Patient's right lung", segmentation.right_lung_mask, RIGHT_LUNG_COLOUR),
        ("Patient's left lung", segmentation.left_lung_mask, LEFT_LUNG_COLOUR),
        ("Heart", segmentation.heart_mask, HEART_COLOUR),
    )
    for _, mask, colour in outlines:
        _draw_outline(picture, mask, colour)
    _draw_widths(picture, report.cardiothoracic, scale)
    labels = [(name, _label_place(mask, scale), colour) for name, mask, colour in outlines if mask.any()]
    return _write(picture, labels)


def plot_picture_seen(picture_seen: FloatImage, heart_mask: NDArray[np.bool_]) -> RGB:
    """What a network was shown, laid back on the film, the heart outlined; hatched where nothing was shown."""
    picture = _paint_gray(picture_seen, _display_size(picture_seen.shape))
    _draw_outline(picture, heart_mask, HEART_COLOUR, thin=True)
    return picture


def plot_sensitivity_pair(
    explanation: Explanation, segmentation: Segmentation, size: tuple[int, int] | None = None
) -> SensitivityPair:
    """Both maps on one colour scale with the heart outlined; a map without any contrast is never stretched.

    The pictures are of `size` (height, width), or of a size to look at.

    Maps without negative values (the paper's absolute gradient) run from black to yellow; if either map is signed,
    both are drawn on a diverging scale symmetric about 0.
    """
    maps = {arm: explanation.attributions[arm].values for arm in ARMS}
    flat = {arm: words for arm in ARMS if (words := _describe_flat(maps[arm]))}
    strengths = {arm: _strengths(maps[arm]) for arm in ARMS if arm not in flat}
    signed = any((maps[arm] < 0).any() for arm in strengths)
    scale_max = float("nan")
    if strengths:
        together = np.concatenate(list(strengths.values()))
        scale_max = float(np.percentile(together, SCALE_PERCENTILE)) or float(together.max())
    pictures, peak_ratio = {}, {}
    for arm in ARMS:
        values = np.full_like(maps[arm], np.nan) if arm in flat else maps[arm]
        picture = _paint_map(values, scale_max, signed, size or _display_size(values.shape))
        _draw_outline(picture, segmentation.lungs_mask, (150, 150, 160), thin=True)
        _draw_outline(picture, segmentation.heart_mask, HEART_COLOUR)
        pictures[arm] = picture
        if arm in strengths:
            peak_ratio[arm] = float(np.percentile(strengths[arm], SCALE_PERCENTILE)) / scale_max
    return SensitivityPair(pictures, scale_max, flat, peak_ratio, signed)


def colour_stops(signed: bool = False, count: int = 9) -> list[str]:
    """Evenly spaced colours of the sensitivity scale as #rrggbb, lowest first, for a legend."""
    table = _diverging_table() if signed else _sequential_table()
    return ["#{:02x}{:02x}{:02x}".format(*table[round(step)]) for step in np.linspace(0, 255, count)]


# Right of the last tick, where no bar and no chance line can cover the numbers.
NUMBERS_AT = 112


def plot_shares(explanation: Explanation) -> go.Figure:
    """Bars of each region's share of the sensitivity for both models, with a tick at its chance line."""
    names = [REGION_NAMES[region] for region in REGIONS]
    figure = go.Figure()
    for arm in ARMS:
        shares = explanation.shares[arm]
        percent = [_percent(shares.share[region]) for region in REGIONS]
        chance = [_percent(shares.chance[region]) for region in REGIONS]
        shift = -0.19 if arm == "plain" else 0.19
        rows = [row + shift for row in range(len(REGIONS))]
        figure.add_bar(
            name=ARM_NAMES[arm], orientation="h", x=percent, y=rows, width=0.34, marker={"color": ARM_COLOURS[arm]},
            customdata=names, hovertemplate="%{customdata}: %{x:.1f} % of the sensitivity<extra></extra>",
        )  # fmt: skip
        figure.add_scatter(
            name="Chance: share of the picture covered", showlegend=arm == ARMS[-1], x=chance, y=rows, mode="markers",
            marker={"symbol": "line-ns", "size": 26, "line": {"width": 3, "color": "#ffffff"}},
            customdata=names, hovertemplate="%{customdata} covers %{x:.1f} % of the picture<extra></extra>",
        )  # fmt: skip
        words = ["not defined" if value is None else f"{value:.0f} %" for value in percent]
        figure.add_scatter(
            x=[NUMBERS_AT] * len(rows), y=rows, mode="text", text=words, textposition="middle left",
            textfont={"color": ARM_COLOURS[arm]}, showlegend=False, hoverinfo="skip",
        )  # fmt: skip
    figure.update_layout(
        barmode="overlay", height=330, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 4, "r": 24, "t": 8, "b": 4},
        font={"color": TEXT_COLOUR, "family": "IBM Plex Sans, system-ui, sans-serif", "size": 14},
        legend={"orientation": "h", "x": 0, "y": -0.24, "xanchor": "left", "yanchor": "top", "itemclick": False},
        xaxis={"range": [0, 112], "gridcolor": GRID_COLOUR} | _PERCENT_TICKS,
        yaxis={"tickvals": list(range(len(names))), "ticktext": names, "autorange": "reversed", "automargin": True},
    )  # fmt: skip
    figure.update_xaxes(title={"text": "Share of the sensitivity", "font": {"size": 13}}, **_STILL)
    figure.update_yaxes(showgrid=False, **_STILL)
    return figure


def hex_colour(colour: Colour) -> str:
    """#rrggbb of an outline's colour, for a legend beside the picture."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _percent(ratio: float) -> float | None:
    return 100.0 * ratio if np.isfinite(ratio) else None


def _strengths(values: FloatImage) -> FloatImage:
    """The map's absolute numbers, (n,); of a film larger than the display every second, third, ... row and column."""
    step = max(1, max(values.shape) // DISPLAY_SIDES_PX[1])
    thinned = np.abs(values[::step, ::step])
    return thinned[np.isfinite(thinned)]


def _describe_flat(values: FloatImage) -> str:
    seen = values[np.isfinite(values)]
    if seen.size == 0:
        return "This map holds no number anywhere: nothing can be shown."
    if float(seen.max()) == float(seen.min()):
        return f"This map is flat (every pixel is {float(seen.max()):g}): no pixel matters more than another."
    return ""


def _display_size(film_size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the picture for a film of this (height, width)."""
    smallest, largest = DISPLAY_SIDES_PX
    scale = float(np.clip(max(film_size), smallest, largest)) / max(film_size)
    return max(1, round(film_size[0] * scale)), max(1, round(film_size[1] * scale))


def _resize(image: FloatImage, size: tuple[int, int]) -> FloatImage:
    shrinks = image.shape[0] > size[0]
    return cv2.resize(image, dsize=size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _resize_seen(image: FloatImage, size: tuple[int, int]) -> tuple[FloatImage, NDArray[np.bool_]]:
    """The picture at the display's size, 0 where unseen, and where it was seen; unseen pixels do not bleed."""
    seen = np.isfinite(image)
    if seen.all():
        return _resize(image, size), np.ones(size, bool)
    weight = _resize(seen.astype(np.float32), size)
    total = _resize(np.where(seen, image, np.float32(0.0)), size)
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 1e-6), weight > 0.5


def _paint_gray(image: FloatImage, size: tuple[int, int]) -> RGB:
    values, seen = _resize_seen(image, size)
    gray = np.round(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)
    return _hatch_unseen(np.repeat(gray[..., None], 3, axis=2), seen)


def _paint_map(image: FloatImage, scale_max: float, signed: bool, size: tuple[int, int]) -> RGB:
    values, seen = _resize_seen(image, size)
    unit = values / scale_max if np.isfinite(scale_max) and scale_max > 0 else np.zeros_like(values)
    unit = np.clip(0.5 + 0.5 * unit if signed else unit, 0.0, 1.0)
    table = _diverging_table() if signed else _sequential_table()
    return _hatch_unseen(table[np.round(unit * 255.0).astype(np.uint8)], seen)


def _hatch_unseen(picture: RGB, seen: NDArray[np.bool_]) -> RGB:
    if seen.all():
        return picture
    rows, cols = np.indices(seen.shape)
    stripe = ((rows + cols) // (_HATCH_PERIOD_PX // 2)) % 2
    hatch = np.array(_HATCH_COLOURS, np.uint8)[stripe]
    return np.where(seen[..., None], picture, hatch)


def _sequential_table() -> RGB:
    ramp = np.arange(256, dtype=np.uint8)[None]
    return cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO)[0, :, ::-1].copy()


def _diverging_table() -> RGB:
    stops = np.array(_DIVERGING_STOPS, float)
    places = np.linspace(0, 255, len(stops))
    return np.stack([np.interp(np.arange(256), places, channel) for channel in stops.T], 1).round().astype(np.uint8)


def _draw_outline(picture: RGB, mask: NDArray[np.bool_], colour: Colour, thin: bool = False) -> None:
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
