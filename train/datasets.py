"""Pictures and trunk features of films for the classifiers, computed once and kept in the run folder."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from heartviz.classify import pictures_seen
from heartviz.errors import DataError
from heartviz.masks import keep_largest_part
from heartviz.measure import measure_cardiothoracic_ratio
from heartviz.models import VGGTrunk, VGGUNet
from heartviz.preprocess import stretch_contrast, thorax_frame, to_model_input
from heartviz.records import ARMS, TASK_CLASSES, Arm
from heartviz.segment import segment_film
from train.arithmetic import mixed_precision
from train.augment import apply_affine, apply_gray, draw_affine, draw_gray
from train.loop import get_accelerator
from train.outline_reader import outline_features
from train.signs import SIGN_GROUPS, draw_film, draw_severity
from train.simulate import move_masks, simulate_film
from train.sources import Film

ENLARGED_ABOVE_RATIO = 0.50
GRAY_CHANGE_PROBABILITY = 0.6
FINE_CHANGE_RATIO = 0.4
SOURCE_NUMBERS = {"jsrt": 0, "drawn": 2}

Masks = Sequence[NDArray[np.bool_]]
Segment = Callable[[NDArray[np.float32]], Masks]
NumberedFilm = tuple[int, Film]


@dataclass(frozen=True)
class Sample:
    """One film for a classifier, before the networks: picture (H, W) in 0..1, label, where it comes from.

    `true_masks` and `found_masks` are heart, left and right lung as drawn by hand and as the segmenter found them;
    `severity` is that of the signs as applied, after what kept the film from folding, or for heart size the true
    cardiothoracic ratio; `group` the signs' place in SIGN_GROUPS (0 for heart size).
    """

    picture: NDArray[np.float32]
    true_masks: Masks
    found_masks: Masks
    label: int
    severity: float
    film: Film
    group: int = 0


def simulated_samples(
    films: Sequence[NumberedFilm], segment: Segment, groups: Sequence[str], seed: int, training: bool
) -> Iterator[Sample]:
    """Every film with the signs of each class, once for each of `groups` (of SIGN_GROUPS, may repeat).

    Same seed, number and place in `groups`, same film.
    For training the base film is segmented once and what was found is moved with the film, which costs a tenth, and
    gray levels are changed at random; otherwise each simulated film is segmented itself, as in use.
    """
    for number, film in films:
        picture, masks = film.read_pixels(), film.read_masks()
        base_found = segment(stretch_contrast(picture)) if training else None
        for index, label in enumerate(TASK_CLASSES["congenital"]):
            for repeat, group in enumerate(groups):
                rng = np.random.default_rng([seed, number, index, repeat])
                severity = draw_severity(rng, label)
                group_index = SIGN_GROUPS.index(group)
                params = draw_film(rng, label, severity, group)
                made = simulate_film(picture, *masks, params)
                true_masks = (made.heart_mask, made.left_lung_mask, made.right_lung_mask)
                seen, strength = as_loaded(made.picture), severity * made.sign_factor
                if base_found is None:
                    yield Sample(seen, true_masks, segment(seen), index, strength, film, group_index)
                else:
                    found = [roughen(mask, rng) for mask in move_masks(masks, params, carried=base_found)]
                    yield Sample(_change_gray(seen, rng), true_masks, found, index, strength, film, group_index)


def heart_size_samples(
    films: Sequence[NumberedFilm], segment: Segment, repeats: int, seed: int, training: bool
) -> Iterator[Sample]:
    """Real films labelled by the masks' cardiothoracic ratio (above 0.50: 1).

    As they are, or for training each with `repeats` copies rotated, shifted, stretched and changed in gray level,
    never mirrored; the label is the film's own.
    """
    for number, film in films:
        picture, masks = stretch_contrast(film.read_pixels()), film.read_masks()
        ratio = measure_cardiothoracic_ratio(masks[0], masks[1] | masks[2]).ratio
        label = int(ratio > ENLARGED_ABOVE_RATIO)
        if not training:
            yield Sample(picture, masks, segment(picture), label, ratio, film)
            continue
        base_found = np.stack(segment(picture))
        for repeat in range(repeats):
            rng = np.random.default_rng([seed, number, repeat])
            affine = draw_affine(rng, mirror_probability=0.0)
            moved, moved_masks = apply_affine(affine, picture, masks)
            found = [roughen(mask, rng) for mask in apply_affine(affine, picture, base_found)[1]]
            yield Sample(_change_gray(moved, rng), moved_masks, found, label, ratio, film)


def drawn_samples(films: Sequence[NumberedFilm], segment: Segment, task: str, seed: int) -> Iterator[Sample]:
    """Drawn films (`heartviz phantom`) for training, gray levels changed at random.

    The congenital class is the drawn one, films of others are left out; heart size is labelled as on real films.
    """
    for number, film in films:
        picture, masks = as_loaded(film.read_pixels()), film.read_masks()
        ratio = measure_cardiothoracic_ratio(masks[0], masks[1] | masks[2]).ratio
        label = int(ratio > ENLARGED_ABOVE_RATIO)
        if task == "congenital":
            if film.label not in TASK_CLASSES[task]:
                continue
            label = TASK_CLASSES[task].index(film.label)
        rng = np.random.default_rng([seed, number])
        found = [roughen(mask, rng) for mask in segment(picture)]
        yield Sample(_change_gray(picture, rng), masks, found, label, ratio, film, SIGN_GROUPS.index("both"))


def as_loaded(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """A picture as it comes back from an 8 bit file through the app: rounded, contrast stretched."""
    return stretch_contrast((np.rint(picture * 255) / 255).astype(np.float32))


def roughen(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """The mask (H, W) with its outline moved in and out smoothly, by a few hundredths of its size.

    A segmenter's masks of its own training films are better than those it gives in use; this takes that away.
    """
    height, width = mask.shape
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.012 * max(mask.shape))
    level = cv2.resize(
        rng.uniform(-0.4, 0.4, (6, 6)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    return keep_largest_part(soft > np.clip(0.5 + level, 0.05, 0.95))


def _change_gray(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Gray-level changes as for the segmenter, with fine structure changed less: other hospitals' films are sharper,
    smoother or noisier, which must not be taken for more or fewer vessels."""
    if rng.random() > GRAY_CHANGE_PROBABILITY:
        return picture
    params = draw_gray(rng)
    fine = {name: FINE_CHANGE_RATIO * getattr(params, name) for name in ("blur_sigma_px", "sharpen", "noise")}
    return stretch_contrast(apply_gray(replace(params, **fine), picture))


def segment_masks(trunk: VGGTrunk, segmenter: VGGUNet, picture: NDArray[np.float32]) -> Masks:
    """Heart, left and right lung mask as the segmenter finds them, in training's arithmetic."""
    with mixed_precision():
        found = segment_film(picture, trunk, segmenter)
    return found.heart_mask, found.left_lung_mask, found.right_lung_mask


def compute_features(
    films: Sequence[Film],
    make_samples: Callable[[Sequence[NumberedFilm], Segment], Iterator[Sample]],
    trunk: VGGTrunk,
    segmenter: VGGUNet,
    processes: int = 2,
    blank_band_w: float = 0.0,
    arms: Sequence[Arm] = ARMS,
) -> dict[str, Tensor]:
    """What training needs of each sample: by arm its trunk features after pooling (N, 256, h, w), in bfloat16.

    A film on which no heart or lungs are found is left out. Also `label`, `severity`, `source` (0 JSRT, 1 other real
    ones, 2 drawn), `film` (place in `films`), `group` (place in SIGN_GROUPS), and `outline`, the outline reader's
    features of the true masks. With `blank_band_w` gray values nearer than this, in thorax widths, to the outline that
    the film had before it was simulated are 0: what carries contour signs is gone, and where the band lies tells
    nothing of them.
    """
    numbered = list(enumerate(films))
    groups = [numbered[start : start + 4] for start in range(0, len(numbered), 4)]
    work = partial(
        _features_of_group,
        make_samples=make_samples,
        trunk=trunk,
        segmenter=segmenter,
        blank_band_w=blank_band_w,
        arms=arms,
    )
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=use_one_thread) as pool:
        parts = [part for part in tqdm(pool.map(work, groups), total=len(groups), mininterval=30) if part]
    return {name: torch.cat([torch.from_numpy(part[name]) for part in parts]).squeeze() for name in parts[0]} | {
        arm: torch.cat([torch.from_numpy(part[arm]).view(torch.bfloat16) for part in parts]) for arm in arms
    }


def use_one_thread() -> None:
    """For workers of a pool that has one process a core."""
    torch.set_num_threads(1)


def _features_of_group(
    films: Sequence[NumberedFilm],
    make_samples: Callable,
    trunk: VGGTrunk,
    segmenter: VGGUNet,
    blank_band_w: float,
    arms: Sequence[Arm],
) -> dict[str, NDArray]:
    rows: dict[str, list] = {name: [] for name in (*arms, "label", "severity", "source", "film", "group", "outline")}
    numbers = {film.film_id: number for number, film in films}
    for sample in make_samples(films, partial(segment_masks, trunk, segmenter)):
        heart_mask, lungs_mask = sample.found_masks[0], sample.found_masks[1] | sample.found_masks[2]
        if not (heart_mask.any() and lungs_mask.any()):
            continue
        picture = blank_band(sample.picture, sample.film, blank_band_w) if blank_band_w else sample.picture
        pictures = pictures_seen(picture, heart_mask, lungs_mask, thorax_frame(lungs_mask))
        with torch.inference_mode(), mixed_precision():
            stride4 = trunk(to_model_input(np.stack([pictures[arm] for arm in arms])))[2]
        pooled = torch.nn.functional.max_pool2d(stride4.float(), 2).bfloat16().contiguous()
        for arm, features in zip(arms, pooled.view(torch.int16).numpy(), strict=True):
            rows[arm].append(features)
        rows["label"].append(sample.label)
        rows["severity"].append(sample.severity)
        rows["source"].append(SOURCE_NUMBERS.get(sample.film.source, 1))
        rows["film"].append(numbers[sample.film.film_id])
        rows["group"].append(sample.group)
        rows["outline"].append(outline_features(sample.true_masks[0], sample.true_masks[1] | sample.true_masks[2]))
    return {
        name: np.stack(values) if name in arms else np.array(values, np.float32)
        for name, values in rows.items()
        if values
    }


def blank_band(picture: NDArray[np.float32], film: Film, width_w: float) -> NDArray[np.float32]:
    """The picture (H, W) with 0 nearer than `width_w` thorax widths to the film's own hand-drawn heart outline."""
    heart_mask, left_lung_mask, right_lung_mask = film.read_masks()
    cols = np.flatnonzero((left_lung_mask | right_lung_mask).any(axis=0))
    inside, outside = (
        cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for mask in (heart_mask, ~heart_mask)
    )
    return np.where(np.maximum(inside, outside) < width_w * (cols[-1] - cols[0] + 1), np.float32(0), picture)


def cached(path: Path, key: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of a file, made and written first when it is missing, by the first of several processes.

    They stay in the file until they are used (memory-mapped). Raises DataError when the file was made under another
    key, that is from other films, settings or weights.
    """
    with get_accelerator().main_process_first():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save({"key": key, "tensors": make()}, path.with_suffix(".partial"))
            path.with_suffix(".partial").replace(path)
    saved = torch.load(path, weights_only=True, mmap=True)
    if saved["key"] != key:
        raise DataError(f"{path} was made with other films, settings or weights: remove it, or give another --out.")
    return saved["tensors"]
