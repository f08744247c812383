"""Every model's maps as pictures on one colour scale; a map without contrast is never stretched."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from heartviz.live_head import CueTrial
from heartviz.plots.canvas import (
    DISPLAY_SIDES_PX,
    RGB,
    RGBA,
    Colour,
    display_size,
    draw_outline,
    hatch_unseen,
    paint_gray,
    resize_seen,
)
from heartviz.plots.film import HEART_COLOUR
from heartviz.records import ARMS, Arm, Attribution, DimCurve, Explanation, FloatImage, Segmentation

# The brightest colour stands for this percentile over all maps, so that single pixels do not set the scale.
SCALE_PERCENTILE = 99.5
LUNGS_COLOUR: Colour = (150, 150, 160)
LAYER_TILE_PX, TRIAL_TILE_PX = 176, 240
# Diverging scale for signed maps: blue speaks against the class, black is zero, orange speaks for it.
_DIVERGING_STOPS = ((120, 190, 255), (28, 92, 168), (8, 10, 14), (190, 88, 16), (255, 190, 110))


@dataclass(frozen=True)
class ModelMaps:
    """Every model's maps as pictures on one colour scale.

    `scale_max` is the raw value of the brightest colour, NaN when no map can be scaled. `flat` holds a sentence for
    each map that is constant or nowhere a number; its picture is hatched. `peak_ratio` is each map's own 99.5
    percentile over `scale_max`: how bright it can look beside the other. `signed` tells a diverging scale.
    """

    pictures: Mapping[Arm, RGB]
    scale_max: float
    flat: Mapping[Arm, str]
    peak_ratio: Mapping[Arm, float]
    signed: bool


def plot_model_maps(
    explanation: Explanation, segmentation: Segmentation, size: tuple[int, int] | None = None
) -> ModelMaps:
    """All maps on one colour scale with the heart outlined; a map without any contrast is never stretched.

    The pictures are of `size` (height, width), or of a size to look at.

    Maps without negative values (the paper's absolute gradient) run from black to yellow; if any map is signed,
    all are drawn on a diverging scale symmetric about 0.
    """
    maps = {arm: explanation.attributions[arm].values for arm in ARMS}
    scale_max, signed, flat, strengths = _common_scale(explanation)
    pictures, peak_ratio = {}, {}
    for arm in ARMS:
        values = np.full_like(maps[arm], np.nan) if arm in flat else maps[arm]
        picture = _paint_map(values, scale_max, signed, size or display_size(values.shape))
        draw_outline(picture, segmentation.lungs_mask, LUNGS_COLOUR, thin=True)
        draw_outline(picture, segmentation.heart_mask, HEART_COLOUR)
        pictures[arm] = picture
        if arm in strengths:
            peak_ratio[arm] = float(np.percentile(strengths[arm], SCALE_PERCENTILE)) / scale_max
    return ModelMaps(pictures, scale_max, flat, peak_ratio, signed)


def plot_map_overlays(explanation: Explanation) -> dict[Arm, RGBA]:
    """Every model's map to lay over the film, half as large as the film is shown, on `plot_model_maps`' scale.

    A pixel is as opaque as its number is strong: clear at 0, where nothing was seen, and all over a flat map.
    """
    scale_max, signed, flat, _ = _common_scale(explanation)
    pictures = {}
    for arm in ARMS:
        values = explanation.attributions[arm].values
        height, width = display_size(values.shape)
        size = (height // 2, width // 2)
        shown, seen = resize_seen(values, size)
        strong = np.zeros(size) if arm in flat else np.clip(np.abs(shown) / scale_max, 0.0, 1.0) * seen
        alpha = np.round(strong * 255.0).astype(np.uint8)[..., None]
        pictures[arm] = np.concatenate([_paint_map(values, scale_max, signed, size), alpha], axis=2)
    return pictures


def plot_controls(explanation: Explanation, arm: Arm, segmentation: Segmentation) -> dict[str, RGB]:
    """The controls of one model's map by name, each on its own scale, half as large as the map itself."""
    pictures = {}
    for name, control in explanation.controls[arm].items():
        strengths = _strengths(control.values)
        top = float(np.percentile(strengths, SCALE_PERCENTILE)) if strengths.size else float("nan")
        height, width = display_size(control.values.shape)
        size = (height // 2, width // 2)
        pictures[name] = _paint_map(control.values, top, bool((control.values < 0).any()), size)
        draw_outline(pictures[name], segmentation.heart_mask, HEART_COLOUR, thin=True)
    return pictures


def plot_layers(activations: Mapping[Arm, NDArray[np.float32]], count: int = 16) -> dict[Arm, RGB]:
    """What a layer's strongest channels put out, (channels, h, w) a model, as one square of squares a model.

    All models show the same channels, those with the highest sum over all, on one gray scale a channel.
    """
    strongest = np.argsort(-sum(values.sum(axis=(1, 2)) for values in activations.values()), kind="stable")[:count]
    top = np.maximum(1e-9, np.max([values[strongest].max(axis=(1, 2)) for values in activations.values()], axis=0))
    across = math.ceil(math.sqrt(len(strongest)))
    pictures = {}
    for arm, values in activations.items():
        sheet = np.full((across * (LAYER_TILE_PX + 4), across * (LAYER_TILE_PX + 4)), 24, np.uint8)
        for place, channel in enumerate(strongest):
            gray = np.round(values[channel] / top[place] * 255).astype(np.uint8)
            row, col = (LAYER_TILE_PX + 4) * (place // across), (LAYER_TILE_PX + 4) * (place % across)
            tile = cv2.resize(gray, 2 * (LAYER_TILE_PX,), interpolation=cv2.INTER_NEAREST)
            sheet[row : row + LAYER_TILE_PX, col : col + LAYER_TILE_PX] = tile
        pictures[arm] = np.repeat(sheet[..., None], 3, axis=2)
    return pictures


def plot_strip(curve: DimCurve) -> RGB:
    """What all networks saw at each ratio, and each model's map of it under it, all maps on one colour scale."""
    together = np.concatenate([curve.maps[arm].ravel() for arm in ARMS])
    top = float(np.percentile(together, SCALE_PERCENTILE)) or float(together.max())
    size = (LAYER_TILE_PX, LAYER_TILE_PX)
    rows = [[_paint_map(values, top, False, size) for values in curve.maps[arm]] for arm in ARMS]
    pictures = [paint_gray(picture, size) for picture in curve.pictures]
    for picture, ratio in zip(pictures, curve.ratios, strict=True):
        for colour, width in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            cv2.putText(picture, f"x {ratio:g}", (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, colour, width, cv2.LINE_AA)
    gap = [(4, 4), (4, 4), (0, 0)]
    return np.vstack([np.hstack([np.pad(tile, gap, constant_values=24) for tile in row]) for row in (pictures, *rows)])


def plot_cue_trial(trial: CueTrial) -> RGB:
    """A row a model: what it sees without the cue, with it, and its map of that, all maps on one colour scale."""
    top = float(np.percentile(np.concatenate([trial.maps[arm].ravel() for arm in ARMS]), SCALE_PERCENTILE))
    size = (TRIAL_TILE_PX, TRIAL_TILE_PX)
    rows = []
    for arm in ARMS:
        tiles = [paint_gray(pictures[arm], size) for pictures in (trial.pictures, trial.cued_pictures)]
        tiles.append(_paint_map(trial.maps[arm], top, False, size))
        draw_outline(tiles[-1], trial.heart_mask, HEART_COLOUR, thin=True)
        rows.append(np.hstack([np.pad(tile, [(4, 4), (4, 4), (0, 0)], constant_values=24) for tile in tiles]))
    return np.vstack(rows)


def colour_stops(signed: bool = False, count: int = 9) -> list[str]:
    """Evenly spaced colours of the sensitivity scale as #rrggbb, lowest first, for a legend."""
    table = _diverging_table() if signed else _sequential_table()
    return ["#{:02x}{:02x}{:02x}".format(*table[round(step)]) for step in np.linspace(0, 255, count)]


def describe_flat(attribution: Attribution) -> str:
    """A sentence for a map that can't be shown, being constant or nowhere a number; empty for all others."""
    seen = attribution.values[np.isfinite(attribution.values)]
    if attribution.message:
        return attribution.message
    if seen.size == 0:
        return "This map holds no number anywhere: nothing can be shown."
    if float(seen.max()) == float(seen.min()):
        return f"This map is flat (every pixel is {float(seen.max()):g}): no pixel matters more than another."
    return ""


def _common_scale(explanation: Explanation) -> tuple[float, bool, dict[Arm, str], dict[Arm, FloatImage]]:
    """The number of the brightest colour, whether any map is signed, why a map is flat, the others' strengths."""
    maps = {arm: explanation.attributions[arm].values for arm in ARMS}
    flat = {arm: words for arm in ARMS if (words := describe_flat(explanation.attributions[arm]))}
    strengths = {arm: _strengths(maps[arm]) for arm in ARMS if arm not in flat}
    signed = any((maps[arm] < 0).any() for arm in strengths)
    scale_max = float("nan")
    if strengths:
        together = np.concatenate(list(strengths.values()))
        scale_max = float(np.percentile(together, SCALE_PERCENTILE)) or float(together.max())
    return scale_max, signed, flat, strengths


def _strengths(values: FloatImage) -> FloatImage:
    """The map's absolute numbers, (n,); of a film larger than the display every second, third, ... row and column."""
    step = max(1, max(values.shape) // DISPLAY_SIDES_PX[1])
    thinned = np.abs(values[::step, ::step])
    return thinned[np.isfinite(thinned)]


def _paint_map(image: FloatImage, scale_max: float, signed: bool, size: tuple[int, int]) -> RGB:
    values, seen = resize_seen(image, size)
    unit = values / scale_max if np.isfinite(scale_max) and scale_max > 0 else np.zeros_like(values)
    unit = np.clip(0.5 + 0.5 * unit if signed else unit, 0.0, 1.0)
    table = _diverging_table() if signed else _sequential_table()
    return hatch_unseen(table[np.round(unit * 255.0).astype(np.uint8)], seen)


def _sequential_table() -> RGB:
    ramp = np.arange(256, dtype=np.uint8)[None]
    return cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO)[0, :, ::-1].copy()


def _diverging_table() -> RGB:
    stops = np.array(_DIVERGING_STOPS, float)
    places = np.linspace(0, 255, len(stops))
    return np.stack([np.interp(np.arange(256), places, channel) for channel in stops.T], 1).round().astype(np.uint8)
