"""Pictures and trunk features of films for the classifiers, computed once and kept in the run folder."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from heartviz.classify import pictures_seen
from heartviz.measure import measure_cardiothoracic_ratio
from heartviz.models import VGGTrunk, VGGUNet
from heartviz.preprocess import stretch_contrast, thorax_frame, to_model_input
from heartviz.records import ARMS, TASK_CLASSES
from heartviz.segment import segment_film
from train.augment import apply_affine, apply_gray, draw_affine, draw_gray
from train.outline_reader import outline_features
from train.signs import draw_film, draw_severity
from train.simulate import simulate_film
from train.sources import Film

ENLARGED_ABOVE_RATIO = 0.50
# Films whose measured cardiothoracic ratio lies this close to the limit are learnt from with less weight.
GRAY_CHANGE_PROBABILITY = 0.6


@dataclass(frozen=True)
class Sample:
    """One film for a classifier, before the networks: picture (H, W) in 0..1, label, where it comes from."""

    picture: NDArray[np.float32]
    heart_mask: NDArray[np.bool_]
    lungs_mask: NDArray[np.bool_]
    label: int
    severity: float
    film: Film


def simulated_samples(
    films: Sequence[Film], per_class: int, seed: int, group: str = "both", gray_changes: bool = False
) -> Iterator[Sample]:
    """Every film with the signs of each class, `per_class` times, masks moved; same seed, same films."""
    for number, film in enumerate(films):
        picture, masks = film.read_pixels(), film.read_masks()
        for index, label in enumerate(TASK_CLASSES["congenital"]):
            for repeat in range(per_class):
                rng = np.random.default_rng([seed, number, index, repeat])
                severity = draw_severity(rng, label)
                made = simulate_film(picture, *masks, draw_film(rng, label, severity, group))
                changed = _change_gray(made.picture, rng) if gray_changes else made.picture
                lungs_mask = made.left_lung_mask | made.right_lung_mask
                yield Sample(changed, made.heart_mask, lungs_mask, index, severity, film)


def heart_size_samples(films: Sequence[Film], repeats: int, seed: int) -> Iterator[Sample]:
    """Real films labelled by the masks' cardiothoracic ratio (above 0.50: 1), each with `repeats` changed copies.

    With `repeats` 0 the films come once, as they are. Copies are rotated, shifted, stretched and changed in gray level,
    never mirrored; the label is the film's own.
    """
    for number, film in enumerate(films):
        picture, masks = stretch_contrast(film.read_pixels()), film.read_masks()
        ratio = measure_cardiothoracic_ratio(masks[0], masks[1] | masks[2]).ratio
        label = int(ratio > ENLARGED_ABOVE_RATIO)
        if repeats == 0:
            yield Sample(picture, masks[0], masks[1] | masks[2], label, ratio, film)
        for repeat in range(repeats):
            rng = np.random.default_rng([seed, number, repeat])
            moved, moved_masks = apply_affine(draw_affine(rng, mirror_probability=0.0), picture, masks)
            yield Sample(_change_gray(moved, rng), moved_masks[0], moved_masks[1] | moved_masks[2], label, ratio, film)


def _change_gray(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Gray-level changes that leave fine structure alone, so that they do not undo or fake vessel signs."""
    if rng.random() > GRAY_CHANGE_PROBABILITY:
        return picture
    params = draw_gray(rng)
    return stretch_contrast(apply_gray(replace(params, blur_sigma_px=0.0, sharpen=0.0, noise=0.0), picture))


def compute_features(samples: Iterator[Sample], total: int, trunk: VGGTrunk, segmenter: VGGUNet) -> dict[str, Tensor]:
    """What training needs of each film, in bfloat16: `plain` and `mask` trunk features after pooling (N, 256, h, w).

    The heart and lungs are the segmenter's, as in use; a film on which it finds none is left out. Also `label`,
    `severity`, `source` (0 JSRT, 1 Wingspan), `film` (index by film id order), and `outline`, the outline reader's
    features of the true masks.
    """
    rows: dict[str, list] = {name: [] for name in (*ARMS, "label", "severity", "source", "film", "outline")}
    film_ids: dict[str, int] = {}
    for sample in tqdm(samples, total=total, unit="film", mininterval=30):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            segmentation = segment_film(sample.picture, trunk, segmenter)
            if not (segmentation.heart_mask.any() and segmentation.lungs_mask.any()):
                continue
            pictures = pictures_seen(sample.picture, segmentation.heart_mask, thorax_frame(segmentation.lungs_mask))
            with torch.inference_mode():
                stride4 = trunk(to_model_input(np.stack([pictures[arm] for arm in ARMS])))[2]
        pooled = torch.nn.functional.max_pool2d(stride4.float(), 2).bfloat16()
        for arm, features in zip(ARMS, pooled, strict=True):
            rows[arm].append(features.contiguous())
        rows["label"].append(sample.label)
        rows["severity"].append(sample.severity)
        rows["source"].append(int(sample.film.source != "jsrt"))
        rows["film"].append(film_ids.setdefault(sample.film.film_id, len(film_ids)))
        rows["outline"].append(outline_features(sample.heart_mask, sample.lungs_mask))
    return {
        name: torch.stack(values) if name in ARMS else torch.from_numpy(np.array(values, dtype=np.float32))
        for name, values in rows.items()
    }


def cached(path: Path, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of a file, made and written first when it is missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(make(), path.with_suffix(".partial"))
        path.with_suffix(".partial").replace(path)
    return torch.load(path, weights_only=True)
