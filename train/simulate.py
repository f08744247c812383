"""Put the radiographic signs of VSD, ASD and TOF on real films: `python -m train.simulate --films DIR ... --out DIR`.

Every film of every class, Normal too, passes the same warp, resampling and vessel step; only the parameters differ.
These are simulated signs on films of adults, not patients with heart disease.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from heartviz.errors import DataError, HeartvizError
from heartviz.masks import mask_contour
from heartviz.preprocess import stretch_contrast
from heartviz.radiograph import load_radiograph
from train.config import run_script, write_config
from train.signs import CLASSES, CONTOUR_GAIN, SIGN_GROUPS, ContourBump, FilmParams, PlaceBump, draw_film, draw_severity
from train.sources import read_mask

FIELD_SIZE_PX = 128  # displacement fields are drawn on a grid this wide and enlarged: they are smooth
LEAST_JACOBIAN = 0.3
LEAST_CHANCE_JACOBIAN = 0.5  # of jitter and controls alone, so that they leave room for the signs
FILM_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm")
CAUSE_THRESHOLD = 0.02  # of the stretched gray range: a smaller change is no cause


@dataclass(frozen=True)
class SimulatedFilm:
    """A film with signs: picture float32 (H, W) in 0..1, masks and cause bool (H, W), and how it was drawn.

    `sign_factor` is what was left of the outline signs' strength so that nothing folds; 1 in most films.
    """

    picture: NDArray[np.float32]
    heart_mask: NDArray[np.bool_]
    left_lung_mask: NDArray[np.bool_]
    right_lung_mask: NDArray[np.bool_]
    cause_mask: NDArray[np.bool_]
    params: FilmParams
    sign_factor: float


@dataclass(frozen=True)
class _Anatomy:
    """What the displacements need to know of a film, on the small grid: outline points and angles, thorax, walls."""

    scale: NDArray[np.float64]  # grid pixels per film pixel, (row, col)
    outline: NDArray[np.float64]  # (points, 2) grid rows and cols
    angle_deg: NDArray[np.float64]
    normal: NDArray[np.float64]  # (points, 2) outward, row and col
    thorax: tuple[float, float, float, float]  # top, left, height, width in grid pixels
    outline_distance: NDArray[np.float32]
    wall_fade: NDArray[np.float32]


def simulate_film(
    picture: NDArray[np.float32],
    heart_mask: NDArray[np.bool_],
    left_lung_mask: NDArray[np.bool_],
    right_lung_mask: NDArray[np.bool_],
    params: FilmParams,
) -> SimulatedFilm:
    """The film with the parameters' signs, jitter and controls; masks moved with it, and the pixels the signs changed.

    The cause is where the film differs by more than 0.02 of its gray range from the same film drawn without signs.
    Raises DataError when a mask is empty.
    """
    if not (heart_mask.any() and left_lung_mask.any() and right_lung_mask.any()):
        raise DataError("The heart mask or a lung mask is empty: give masks of the heart and of both lungs.")
    picture = stretch_contrast(picture)
    anatomy = _measure_anatomy(heart_mask, left_lung_mask | right_lung_mask)
    vessels = _extract_vessels(picture, anatomy)
    masks = (heart_mask, left_lung_mask, right_lung_mask)
    factor = _displacement_field(anatomy, params)[1]
    made, moved = _render(picture, vessels, masks, anatomy, params)
    without, _ = _render(picture, vessels, masks, anatomy, params.without_signs())
    return SimulatedFilm(made, *moved, np.abs(made - without) > CAUSE_THRESHOLD, params, factor)


def _measure_anatomy(heart_mask: NDArray[np.bool_], lungs_mask: NDArray[np.bool_]) -> _Anatomy:
    height, width = heart_mask.shape
    grid_wh = (FIELD_SIZE_PX, max(16, round(FIELD_SIZE_PX * height / width)))
    scale = np.array([grid_wh[1] / height, grid_wh[0] / width])
    small_heart = cv2.resize(heart_mask.astype(np.float32), grid_wh, interpolation=cv2.INTER_AREA) > 0.5
    small_lungs = cv2.resize(lungs_mask.astype(np.float32), grid_wh, interpolation=cv2.INTER_AREA) > 0.5
    rows, cols = np.flatnonzero(small_lungs.any(axis=1)), np.flatnonzero(small_lungs.any(axis=0))
    if rows.size < 8 or cols.size < 8:
        raise DataError("The lung masks are too small to carry a sign: give both whole lungs.")
    top, left = float(rows[0]), float(cols[0])
    thorax_height, thorax_width = float(rows[-1] - rows[0] + 1), float(cols[-1] - cols[0] + 1)
    outline = mask_contour(small_heart).astype(np.float64)
    if len(outline) < 8:
        raise DataError("The heart mask is too small to carry a sign: give the whole heart.")
    centre = np.argwhere(small_heart).mean(axis=0)
    away = (outline - centre) / (thorax_height, thorax_width)
    smooth = np.stack([_smooth_ring(outline[:, axis], 3) for axis in (0, 1)], axis=1)
    tangent = np.roll(smooth, -2, axis=0) - np.roll(smooth, 2, axis=0)
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    normal *= np.sign((normal * (outline - centre)).sum(axis=1, keepdims=True).mean()) or 1.0
    on_outline = np.ones(small_heart.shape, np.uint8)
    on_outline[outline[:, 0].astype(int), outline[:, 1].astype(int)] = 0
    distance = cv2.distanceTransform(on_outline, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return _Anatomy(
        scale=scale,
        outline=outline,
        angle_deg=np.rad2deg(np.arctan2(-away[:, 0], away[:, 1])),
        normal=normal,
        thorax=(top, left, thorax_height, thorax_width),
        outline_distance=distance,
        wall_fade=_fade_to_walls(small_lungs, thorax_width),
    )


def _fade_to_walls(lungs: NDArray[np.bool_], thorax_width: float) -> NDArray[np.float32]:
    """1 inside the chest, 0 at the ribs' inner wall and beyond, so that ribs and arms stay where they are."""
    cols = np.arange(lungs.shape[1], dtype=np.float32)
    filled = np.flatnonzero(lungs.any(axis=1))
    nearest = filled[np.abs(np.arange(lungs.shape[0])[:, None] - filled[None, :]).argmin(axis=1)]
    first = lungs.argmax(axis=1)[nearest].astype(np.float32)
    last = (lungs.shape[1] - 1 - lungs[:, ::-1].argmax(axis=1))[nearest].astype(np.float32)
    first, last = (cv2.GaussianBlur(edge[:, None], (1, 9), 0)[:, 0] for edge in (first, last))
    inside = np.minimum(cols[None, :] - first[:, None], last[:, None] - cols[None, :]) / (0.07 * thorax_width)
    return np.clip(inside, 0.0, 1.0).astype(np.float32)


def _smooth_ring(values: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    padded = np.concatenate([values[-radius:], values, values[:radius]])
    return np.convolve(padded, np.ones(2 * radius + 1) / (2 * radius + 1), mode="valid")


def _displacement_field(anatomy: _Anatomy, params: FilmParams) -> tuple[NDArray[np.float32], float]:
    """Displacement on the grid (rows, cols, 2) in grid pixels, and the factor left of the signs' strength.

    Jitter and controls come first and are the same with and without signs; then the signs are made weaker as a whole
    until the mapping's Jacobian is at least 0.3.
    """
    # Controls keep off the outline: they mark places that carry no sign.
    off_outline = np.clip(anatomy.outline_distance / (0.07 * anatomy.thorax[3]) - 0.7, 0.0, 1.0)[..., None]
    chance = _outline_field(anatomy, params.jitter) + off_outline * _place_field(anatomy, params.controls)
    signs = _outline_field(anatomy, params.sign_bumps) + _place_field(anatomy, params.vessel_bumps)
    fade = anatomy.wall_fade[..., None]
    base, _ = _limit_stretching(chance * fade, np.zeros_like(chance), LEAST_CHANCE_JACOBIAN)
    return _limit_stretching(signs * fade, base, LEAST_JACOBIAN)


def _outline_field(anatomy: _Anatomy, bumps: Sequence[ContourBump]) -> NDArray[np.float32]:
    field = np.zeros((*anatomy.outline_distance.shape, 2), np.float32)
    for bump in bumps:
        nearest = int(np.abs((anatomy.angle_deg - bump.angle_deg + 180.0) % 360.0 - 180.0).argmin())
        right, down = bump.shift_w
        moved = anatomy.thorax[3] * (bump.outward_w * anatomy.normal[nearest] + np.array([down, right]))
        field += _weight_about(anatomy, anatomy.outline[nearest], bump.sigma_w)[1] * moved.astype(np.float32)
    return field


def _place_field(anatomy: _Anatomy, bumps: Sequence[PlaceBump]) -> NDArray[np.float32]:
    top, left, height, width = anatomy.thorax
    field = np.zeros((*anatomy.outline_distance.shape, 2), np.float32)
    for bump in bumps:
        place = np.array([top + bump.place_xy[1] * height, left + bump.place_xy[0] * width])
        away, weight = _weight_about(anatomy, place, bump.sigma_w)
        right, down = bump.shift_w
        field += weight * (bump.swell * away + np.array([down, right], np.float32) * width)
    return field


def _weight_about(
    anatomy: _Anatomy, place: NDArray[np.float64], sigma_w: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Offsets from a place in grid pixels (rows, cols, 2), and a Gaussian of them (rows, cols, 1)."""
    shape = anatomy.outline_distance.shape
    away = np.stack(np.mgrid[: shape[0], : shape[1]], axis=-1).astype(np.float32) - place.astype(np.float32)
    return away, np.exp(-0.5 * (away**2).sum(axis=-1, keepdims=True) / (sigma_w * anatomy.thorax[3]) ** 2)


def _limit_stretching(
    field: NDArray[np.float32], base: NDArray[np.float32], least_jacobian: float
) -> tuple[NDArray[np.float32], float]:
    """base + factor * field, and the factor: the largest 0.94 ** n with which the Jacobian is at least the limit."""
    factor = 1.0
    while factor > 0.02 and _least_jacobian(base + factor * field) < least_jacobian:
        factor *= 0.94
    return (base + factor * field).astype(np.float32), factor


def _least_jacobian(field: NDArray[np.float32]) -> float:
    """Smallest determinant of the backward mapping x - D(x)."""
    row_by_row, row_by_col = np.gradient(field[..., 0])
    col_by_row, col_by_col = np.gradient(field[..., 1])
    return float(((1 - row_by_row) * (1 - col_by_col) - row_by_col * col_by_row).min())


def _extract_vessels(picture: NDArray[np.float32], anatomy: _Anatomy) -> NDArray[np.float32]:
    """Bright thin structures of the film (H, W): white top-hat of the slightly smoothed film, vessels' widths."""
    width_px = anatomy.thorax[3] / anatomy.scale[1]
    smooth = cv2.GaussianBlur(picture, (0, 0), 0.0025 * width_px)
    size = 2 * max(2, round(0.012 * width_px)) + 1
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.morphologyEx(smooth, cv2.MORPH_TOPHAT, element)


def move_masks(
    masks: Sequence[NDArray[np.bool_]], params: FilmParams, carried: Sequence[NDArray[np.bool_]] | None = None
) -> list[NDArray[np.bool_]]:
    """Heart, left and right lung mask (H, W) as `simulate_film` moves them, without drawing the film.

    With `carried`, other masks of the same film (a segmenter's) are moved the same way and returned instead.
    """
    heart_mask, left_lung_mask, right_lung_mask = masks
    sampling = _sampling_maps(_measure_anatomy(heart_mask, left_lung_mask | right_lung_mask), params, heart_mask.shape)
    return [_move_mask(mask, sampling) for mask in (masks if carried is None else carried)]


def _sampling_maps(
    anatomy: _Anatomy, params: FilmParams, shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Columns and rows of the film that each pixel of the simulated film is taken from, as cv2.remap wants them."""
    height, width = shape
    field = cv2.resize(_displacement_field(anatomy, params)[0], (width, height), interpolation=cv2.INTER_CUBIC)
    row_grid, col_grid = np.mgrid[:height, :width].astype(np.float32)
    return col_grid - field[..., 1] / np.float32(anatomy.scale[1]), row_grid - field[..., 0] / np.float32(
        anatomy.scale[0]
    )


def _move_mask(mask: NDArray[np.bool_], sampling: tuple[NDArray[np.float32], NDArray[np.float32]]) -> NDArray[np.bool_]:
    return cv2.remap(mask.astype(np.float32), *sampling, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) > 0.5


def _render(
    picture: NDArray[np.float32],
    vessels: NDArray[np.float32],
    masks: tuple[NDArray[np.bool_], ...],
    anatomy: _Anatomy,
    params: FilmParams,
) -> tuple[NDArray[np.float32], list[NDArray[np.bool_]]]:
    gained = _change_vessels(picture, vessels, masks, anatomy, params)
    sampling = _sampling_maps(anatomy, params, picture.shape)
    made = cv2.remap(gained, *sampling, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(made, 0.0, 1.0), [_move_mask(mask, sampling) for mask in masks]


def _change_vessels(
    picture: NDArray[np.float32],
    vessels: NDArray[np.float32],
    masks: tuple[NDArray[np.bool_], ...],
    anatomy: _Anatomy,
    params: FilmParams,
) -> NDArray[np.float32]:
    """The film with vessels of each lung made stronger or weaker, most at the hila, local mean gray kept."""
    width_px = anatomy.thorax[3] / anatomy.scale[1]
    heart_mask, *lung_masks = masks
    top, left, height, width = anatomy.thorax
    row_grid, col_grid = np.ogrid[: picture.shape[0], : picture.shape[1]]
    x = (col_grid * anatomy.scale[1] - left) / width
    y = (row_grid * anatomy.scale[0] - top) / height
    hila = sum(
        np.exp(-0.5 * (((x - hx) / 0.09) ** 2 + ((y - hy) / 0.13) ** 2)) for hx, hy in ((0.35, 0.5), (0.68, 0.48))
    )
    excess, lungs = np.zeros_like(picture), np.zeros_like(picture)
    gains = zip(lung_masks, params.vessel_gain, params.chance_vessel_gain, strict=True)
    for lung_mask, gain, chance_gain in gains:
        soft = cv2.GaussianBlur((lung_mask & ~heart_mask).astype(np.float32), (0, 0), 0.012 * width_px)
        lungs = np.maximum(lungs, soft)
        excess += soft * (gain * chance_gain * (1 + (params.hilar_gain - 1) * hila) - 1).astype(np.float32)
    change = excess * vessels
    sigma_px = 0.04 * width_px
    local_mean = cv2.GaussianBlur(change, (0, 0), sigma_px) / (cv2.GaussianBlur(lungs, (0, 0), sigma_px) + 1e-3)
    return (picture + change - lungs * local_mean).astype(np.float32)


@dataclass(frozen=True)
class Config:
    """Put simulated signs of VSD, ASD and TOF on a folder of films with heart and lung masks of the same file names."""

    films: Path = field(metadata={"help": "folder of films (PNG)"})
    heart: Path = field(metadata={"help": "folder of heart masks, same names"})
    left_lung: Path = field(metadata={"help": "folder of masks of the patient's left lung"})
    right_lung: Path = field(metadata={"help": "folder of masks of the patient's right lung"})
    out: Path = field(metadata={"help": "gets png/, heart/, left_lung/, right_lung/, cause/ and labels.csv"})
    seed: int = field(default=0, metadata={"help": "same seed and films, same bytes"})
    per_class: int = field(default=1, metadata={"help": "simulated films of each class from each film"})
    signs: str = field(default="both", metadata={"help": "signs that diseased films carry", "choices": SIGN_GROUPS})
    contour_gain: float = field(default=CONTOUR_GAIN, metadata={"help": "factor on the outline signs' amplitude"})


def find_mask(folder: Path, film_path: Path) -> Path:
    """The mask of a film in a folder: the same name, or the same stem as .png. Raises DataError when there is none."""
    for path in (folder / film_path.name, folder / f"{film_path.stem}.png"):
        if path.exists():
            return path
    raise DataError(f"no mask {film_path.stem}.png in {folder.name}/: every film needs one of the same name there")


def main(config: Config) -> None:
    """Writes the simulated films; a film without readable masks is listed with its reason and left out."""
    paths = sorted(path for path in config.films.glob("*") if path.suffix.lower() in FILM_SUFFIXES)
    if not paths:
        raise DataError(f"No film ({', '.join(FILM_SUFFIXES)}) in {config.films}.")
    if len({path.stem for path in paths}) < len(paths):
        raise DataError("Two films differ in their ending only: rename one, the simulated films are named by the stem.")
    for folder in ("png", "heart", "left_lung", "right_lung", "cause"):
        (config.out / folder).mkdir(parents=True, exist_ok=True)
    write_config(config, config.out / "config.json")
    rows, refused = [], []
    for number, path in enumerate(tqdm(paths, unit="film")):
        try:
            picture = load_radiograph(path).pixels
            masks = [
                read_mask(find_mask(folder, path)) for folder in (config.heart, config.left_lung, config.right_lung)
            ]
            if any(mask.shape != picture.shape for mask in masks):
                raise DataError(f"Masks of {path.name} are not of the film's size {picture.shape}.")
            for label in CLASSES:
                for repeat in range(config.per_class):
                    rng = np.random.default_rng([config.seed, number, CLASSES.index(label), repeat])
                    params = draw_film(rng, label, draw_severity(rng, label), config.signs, config.contour_gain)
                    made = simulate_film(picture, *masks, params)
                    name = f"{path.stem}_{label}_{repeat}.png"
                    _write_film(made, config.out, name)
                    rows.append(
                        [
                            name,
                            path.name,
                            label,
                            f"{params.severity:.4f}",
                            "|".join(params.signs),
                            f"{made.sign_factor:.3f}",
                        ]
                    )
        except HeartvizError as error:
            refused.append([path.name, str(error)])
    with (config.out / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["file", "base_film", "class", "severity", "signs", "sign_factor"], *rows])
    for name, reason in refused:
        print(f"left out {name}: {reason}")
    if not rows:
        raise DataError("No film could be used; the reasons stand above.")
    print(f"{len(rows)} simulated films from {len(paths) - len(refused)} films in {config.out}")


def _write_film(made: SimulatedFilm, out: Path, name: str) -> None:
    cv2.imwrite(str(out / "png" / name), np.rint(made.picture * 255).astype(np.uint8))
    for folder in ("heart", "left_lung", "right_lung", "cause"):
        mask = getattr(made, f"{folder}_mask")
        cv2.imwrite(str(out / folder / name), mask.astype(np.uint8) * 255)


if __name__ == "__main__":
    run_script(main, Config)
