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
from heartviz.preprocess import stretch_contrast
from heartviz.radiograph import load_radiograph
from train.config import run_script, write_config
from train.signs import CLASSES, CONTOUR_GAIN, SIGN_GROUPS, FilmParams, draw_film, draw_severity
from train.sources import read_mask
from train.warp import Anatomy, displacement_field, measure_anatomy, move_mask, sampling_maps

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
    anatomy = measure_anatomy(heart_mask, left_lung_mask | right_lung_mask)
    vessels = _extract_vessels(picture, anatomy)
    masks = (heart_mask, left_lung_mask, right_lung_mask)
    factor = displacement_field(anatomy, params)[1]
    made, moved = _render(picture, vessels, masks, anatomy, params)
    without, _ = _render(picture, vessels, masks, anatomy, params.without_signs())
    return SimulatedFilm(made, *moved, np.abs(made - without) > CAUSE_THRESHOLD, params, factor)


def _extract_vessels(picture: NDArray[np.float32], anatomy: Anatomy) -> NDArray[np.float32]:
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
    sampling = sampling_maps(measure_anatomy(heart_mask, left_lung_mask | right_lung_mask), params, heart_mask.shape)
    return [move_mask(mask, sampling) for mask in (masks if carried is None else carried)]


def _render(
    picture: NDArray[np.float32],
    vessels: NDArray[np.float32],
    masks: tuple[NDArray[np.bool_], ...],
    anatomy: Anatomy,
    params: FilmParams,
) -> tuple[NDArray[np.float32], list[NDArray[np.bool_]]]:
    gained = _change_vessels(picture, vessels, masks, anatomy, params)
    sampling = sampling_maps(anatomy, params, picture.shape)
    made = cv2.remap(gained, *sampling, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(made, 0.0, 1.0), [move_mask(mask, sampling) for mask in masks]


def _change_vessels(
    picture: NDArray[np.float32],
    vessels: NDArray[np.float32],
    masks: tuple[NDArray[np.bool_], ...],
    anatomy: Anatomy,
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
