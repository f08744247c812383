"""Outlines of the heart from two marked rows of a film: thresholds, morphology, flood fill and a polygon.

`python -m train.contours --films DIR --bounds CSV --out DIR` traces every film of a table.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from heartviz.errors import DataError, HeartvizError
from heartviz.masks import keep_largest_part
from heartviz.preprocess import stretch_contrast
from train.config import run_script, write_config
from train.polygons import polygon_to_mask, write_polygon
from train.sources import load_pixels

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]
Polygon = NDArray[np.float32]

# A film is worked on at the scale where the marked rows are this far apart; every length below is in those pixels.
BAND_PX = 128
BLUR_PX, PROFILE_BLUR_PX = 2.0, 6.0
# The lungs are sought from this far above the upper row; a pixel's surroundings are of this breadth.
ABOVE_PX, SURROUNDINGS_PX = 40, 25.0
# Discs of erosion and dilation: ribs and vessels in the lungs, specks, and the hila on the heart.
RIB_RADIUS_PX, SPECK_RADIUS_PX, HILUM_RADIUS_PX = 8, 6, 14
# The lid sinks by this times the square of the distance from the middle.
LID_CURVATURE_PER_PX = 0.004
# The heart's lowest point, from the angle at the picture's left (0) to the one at its right (1).
LOWEST_POINT_RATIO = 0.6
POLYGON_TOLERANCE_PX = 0.7
BESIDE_PX = 10
# What the marked rows can take of a film's height.
BAND_OF_FILM_RANGE, LEAST_BAND_PX = (0.1, 0.7), 16
ADVICE = "Check the two rows and the film, or outline the heart by hand."


@dataclass(frozen=True)
class Trace:
    """A heart outlined on a film, all in the film's frame and read-only.

    `polygon` is (points, 2) rows and cols, `mask` bool (H, W); `steps` holds each step's picture by its name, in
    order, float32 (H, W) in 0..1.
    """

    polygon: Polygon
    mask: Mask
    steps: Mapping[str, Picture]


def trace_heart(picture: Picture, upper_row: int, lower_row: int) -> Trace:
    """The outline of the heart on an upright frontal film (H, W), given the heart's first and last row.

    The heart is the bright area between the lungs, closed off by an arc at the upper row and by an ellipse through the
    lower row and the two cardiophrenic angles. Raises DataError when the request or the outline found is implausible.
    Source: paper section 2.2.1; the arcs, and a threshold that follows the film, are ours.
    """
    _check_request(picture, upper_row, lower_row)
    stretched = stretch_contrast(picture)
    size = tuple(round(side * BAND_PX / (lower_row - upper_row)) for side in picture.shape)
    scale = np.divide(size, picture.shape)
    upper, lower = (int((row + 0.5) * scale[0]) for row in (upper_row, lower_row))
    interpolation = cv2.INTER_AREA if scale[0] < 1 else cv2.INTER_LINEAR
    gray = cv2.GaussianBlur(cv2.resize(stretched, size[::-1], interpolation=interpolation), (0, 0), BLUR_PX)

    left_wall, middle, right_wall = _find_middle(gray[upper : upper + BAND_PX // 2])
    dark = np.zeros(gray.shape, bool)
    for start, end in ((left_wall, middle), (middle, right_wall)):
        seen = slice(max(upper - ABOVE_PX, 0), lower + 1), slice(start, end)
        dark[seen] = _binarise(gray[seen])
    lungs = _choose_lungs(dark, middle)
    lung_ends = _find_lung_ends(lungs, middle, upper, lower)
    enclosed = _close_off(lungs, lung_ends, middle, upper, lower)
    enclosed[:, :left_wall] = enclosed[:, right_wall + 1 :] = False
    chosen = keep_largest_part(_morph(enclosed, cv2.MORPH_OPEN, HILUM_RADIUS_PX))
    if not chosen.any():
        raise DataError(f"Nothing bright and as wide as a heart lies between the lungs and the rows. {ADVICE}")
    outline = _fit_polygon(chosen)
    _refuse_implausible(gray, polygon_to_mask(outline, size), chosen, lungs, lung_ends, upper)

    polygon = ((outline + 0.5) / scale - 0.5).astype(np.float32)
    mask = polygon_to_mask(polygon, picture.shape)
    masks = {"binarised": dark, "lungs": lungs, "closed off": enclosed, "chosen area": chosen}
    steps = {"contrast": stretched}
    for name, step in masks.items():
        steps[name] = cv2.resize(step.astype(np.float32), picture.shape[::-1], interpolation=cv2.INTER_NEAREST)
    steps["polygon"] = np.where(mask, stretched, 0.4 * stretched).astype(np.float32)
    for array in (polygon, mask, *steps.values()):
        array.flags.writeable = False
    return Trace(polygon, mask, MappingProxyType(steps))


def _check_request(picture: Picture, upper_row: int, lower_row: int) -> None:
    if picture.ndim != 2 or not np.isfinite(picture).all():
        raise DataError(f"The film is an array of {picture.shape}; it must be (H, W) gray values, none of them NaN.")
    height = picture.shape[0]
    if not 0 <= upper_row < lower_row < height:
        raise DataError(
            f"The marked rows are {upper_row} and {lower_row}; on this film they must lie in 0..{height - 1}, the "
            "upper bound of the heart first."
        )
    least, most = (max(round(ratio * height), LEAST_BAND_PX) for ratio in BAND_OF_FILM_RANGE)
    if not least <= lower_row - upper_row <= most:
        raise DataError(
            f"The marked rows are {lower_row - upper_row} rows apart; on a chest film of {height} rows a heart takes "
            f"{least} to {most}. Mark the heart's first and last row on the whole film."
        )
    if np.ptp(picture) < 1e-6:
        raise DataError("The film has one gray value only: there is nothing to outline. Give another film.")


def _find_middle(band: Picture) -> tuple[int, int, int]:
    """Columns of the left chest wall, the bright middle and the right chest wall, by the mean gray of columns."""
    profile = cv2.GaussianBlur(band.mean(axis=0)[None], (0, 0), PROFILE_BLUR_PX)[0]
    beyond = [profile.min() - 1.0]
    peaks = find_peaks(np.concatenate([beyond, profile, beyond]), prominence=0.1 * np.ptp(profile))[0] - 1
    valleys = np.array([profile[start:end].min() for start, end in pairwise(peaks)])
    inner = [number for number in range(1, len(peaks) - 1) if 0.25 <= peaks[number] / len(profile) <= 0.75]
    if not inner:
        raise DataError(f"Between the marked rows no bright middle lies between two dark lungs. {ADVICE}")
    best = max(inner, key=lambda number: profile[peaks[number]] - valleys[number - 1 : number + 1].max())
    return int(peaks[best - 1]), int(peaks[best]), int(peaks[best + 1])


def _binarise(gray: Picture) -> Mask:
    """True where one side of the chest is dark: below the mean of Otsu's threshold and the pixel's surroundings."""
    otsu = cv2.threshold(np.round(gray * 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)[0] / 255
    return gray < (otsu + cv2.GaussianBlur(gray, (0, 0), SURROUNDINGS_PX)) / 2


def _choose_lungs(dark: Mask, middle: int) -> Mask:
    """The largest dark area on each side, bridged over ribs and vessels and without specks."""
    whole = _morph(_morph(dark, cv2.MORPH_CLOSE, RIB_RADIUS_PX), cv2.MORPH_OPEN, SPECK_RADIUS_PX)
    return np.hstack([keep_largest_part(whole[:, :middle]), keep_largest_part(whole[:, middle:])])


def _find_lung_ends(lungs: Mask, middle: int, upper: int, lower: int) -> NDArray[np.int_]:
    """Rows and cols (2, 2) of the cardiophrenic angles: where each lung, seen from the heart, reaches lowest.

    The heart slopes outwards on the picture's right, so there depth counts more than nearness to the middle.
    """
    ends = []
    for side, towards_heart in ((slice(0, middle), 1.0), (slice(middle, None), -0.2)):
        points = np.argwhere(lungs[upper + BAND_PX // 4 : lower + 1, side])
        if not len(points):
            raise DataError(f"On one side no dark lung lies beside the heart. {ADVICE}")
        row, col = points[np.argmax(points @ (1.0, towards_heart))]
        ends.append((row + upper + BAND_PX // 4, col + (side.start or 0)))
    return np.array(ends)


def _close_off(lungs: Mask, lung_ends: NDArray[np.int_], middle: int, upper: int, lower: int) -> Mask:
    """All that is not lung, under the lid at the upper row and over the ellipse through the lower row."""
    rows, cols = np.indices(lungs.shape)
    (left_row, left_col), (right_row, right_col) = lung_ends
    lowest_col = left_col + LOWEST_POINT_RATIO * (right_col - left_col)
    on_left = cols < lowest_col
    end_row = np.where(on_left, left_row, right_row)
    outwards = (cols - lowest_col) / np.maximum(np.where(on_left, lowest_col - left_col, right_col - lowest_col), 1)
    floor = end_row + (lower - end_row) * np.sqrt(np.clip(1.0 - outwards**2, 0.0, 1.0))
    lid = upper + LID_CURVATURE_PER_PX * (cols - middle) ** 2
    return ~lungs & (rows >= lid) & (rows <= floor)


def _fit_polygon(chosen: Mask) -> Polygon:
    """The convex hull of the chosen area with as few points as its outline needs, rows and cols."""
    outline_xy = cv2.findContours(chosen.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0][0]
    hull_xy = cv2.approxPolyDP(cv2.convexHull(outline_xy), POLYGON_TOLERANCE_PX, closed=True)[:, 0]
    return hull_xy[:, ::-1].astype(np.float32)


def _refuse_implausible(
    gray: Picture, heart: Mask, chosen: Mask, lungs: Mask, lung_ends: NDArray[np.int_], upper: int
) -> None:
    """Raises DataError for an outline unlike a heart's.

    The ranges are a little wider than those of the outlines found on 277 films of two sources, rows marked to 5 % of
    the heart's height. A depth is 0 at the upper row and 1 at the lower: where both lungs go on to the lower row, that
    row is too high.
    """
    lung_cols, heart_cols = (np.flatnonzero(mask.any(axis=0)) for mask in (lungs, heart))
    thorax = np.ptp(lung_cols) + 1.0
    centre_col = round(heart_cols.mean())
    beside = lungs & (cv2.dilate(heart.astype(np.uint8), np.ones((1, 2 * BESIDE_PX + 1), np.uint8)) > 0)
    flanks = np.split(beside[upper + BAND_PX // 4 : upper + 5 * BAND_PX // 8], [centre_col], axis=1)
    flank_share = np.mean([flank.any(axis=1) for flank in flanks])
    lung_areas = [int(side.sum()) for side in np.split(lungs[upper : upper + BAND_PX], [centre_col], axis=1)]
    abdomen = gray[upper + BAND_PX + SPECK_RADIUS_PX :, heart_cols[0] : heart_cols[-1]][: BAND_PX // 5]
    lungs_gray, heart_gray = (np.median(gray[mask]) if mask.any() else np.nan for mask in (beside, heart))
    abdomen_gray = np.median(abdomen) if abdomen.size else heart_gray
    judged = (
        ("width over the thorax's", np.ptp(heart_cols) / thorax, 0.30, 0.85),
        ("height over the thorax's width", BAND_PX / thorax, 0.28, 0.72),
        ("area over its height times the thorax's width", heart.sum() / (BAND_PX * thorax), 0.22, 0.62),
        ("place across the thorax", (centre_col - lung_cols[0]) / thorax, 0.40, 0.70),
        ("area before its hull was taken over that after", chosen.sum() / heart.sum(), 0.87, 1.05),
        ("share that lies on the lungs", (heart & lungs).sum() / heart.sum(), 0.0, 0.12),
        ("share of flanks with lung beside them", flank_share, 0.55, 1.0),
        ("depth at which the first lung beside it ends", (lung_ends[:, 0].min() - upper) / BAND_PX, 0.28, 0.92),
        ("smaller neighbouring lung's share of both", min(lung_areas) / max(sum(lung_areas), 1), 0.15, 0.5),
        ("gray over that of the lungs beside it", heart_gray - lungs_gray, 0.10, 1.0),
        ("gray below, over that of these lungs", abdomen_gray - lungs_gray, 0.10, 1.0),
        ("distance from the film's sides in px", min(heart_cols[0], heart.shape[1] - 1 - heart_cols[-1]), 1, np.inf),
    )
    wrong = [
        f"{name} is {value:.2f}, a heart's {low:.2f} to {high:.2f}"
        for name, value, low, high in judged
        if not low <= value <= high
    ]
    if wrong:
        raise DataError(f"The outline found is no heart's: its {'; its '.join(wrong)}. {ADVICE}")


def _morph(mask: Mask, operation: int, radius_px: int) -> Mask:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1, 2 * radius_px + 1))
    return cv2.morphologyEx(mask.astype(np.uint8), operation, disc).astype(bool)


@dataclass(frozen=True)
class Config:
    """Outlines the hearts of a folder's films from a table of their first and last rows."""

    films: Path = field(metadata={"help": "folder of the films"})
    bounds: Path = field(metadata={"help": "CSV with columns file,upper_row,lower_row"})
    out: Path = field(metadata={"help": "folder for STEM.txt, masks/STEM.png and failures.csv"})


def read_bounds(path: Path) -> list[dict[str, str]]:
    """The lines of a table with the columns file, upper_row and lower_row; raises DataError for another table."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {"file", "upper_row", "lower_row"} - set(reader.fieldnames or ())
            lines = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path.name} cannot be read as a CSV table: {error}.") from error
    if missing or not lines:
        raise DataError(f"{path.name} needs the columns file,upper_row,lower_row and a line for each film.")
    return lines


def trace_file(line: dict[str, str], films: Path, out: Path) -> None:
    """Writes the outline and mask of one line's film; raises HeartvizError where that fails."""
    film_path = films / line["file"]
    try:
        upper_row, lower_row = int(line["upper_row"]), int(line["lower_row"])
    except (TypeError, ValueError) as error:
        raise DataError(f'Rows are "{line["upper_row"]}" and "{line["lower_row"]}"; give two whole numbers.') from error
    trace = trace_heart(load_pixels(film_path), upper_row, lower_row)
    write_polygon(out / f"{film_path.stem}.txt", trace.polygon)
    cv2.imwrite(str(out / "masks" / f"{film_path.stem}.png"), trace.mask.astype(np.uint8) * 255)


def main(config: Config) -> None:
    """Traces every film of the table, goes on past failures and prints them with their reasons."""
    lines, failures, stems = read_bounds(config.bounds), [], set()
    (config.out / "masks").mkdir(parents=True, exist_ok=True)
    write_config(config, config.out / "config.json")
    for line in lines:
        stem = Path(line["file"]).stem
        try:
            if stem in stems:
                raise DataError(f"An earlier film is named {stem} too: its outline would be lost. Rename one.")
            stems.add(stem)
            trace_file(line, config.films, config.out)
        except HeartvizError as error:
            failures.append((line["file"], str(error)))
            print(f"{line['file']}: {error}")
    with (config.out / "failures.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "reason"), *failures])
    print(f"{len(lines) - len(failures)} of {len(lines)} films outlined, {len(failures)} failures.")


if __name__ == "__main__":
    run_script(main, Config)
