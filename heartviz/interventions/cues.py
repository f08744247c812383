"""Cues that have nothing to do with the heart's disease, to be planted on the classifiers' pictures.

Each takes a thorax picture (h, w) in 0..1, the heart's and the lungs' mask of it, and a generator, and gives a new
picture; `assign_cues` says which training films get one. Source: the planted-shortcut experiments of the literature
(Sagawa 2020); which cues: ours.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from heartviz.interventions.regions import plant_marker

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]
Cue = Callable[[Picture, Mask, Mask, np.random.Generator], Picture]

# The cue that plants nothing: the label goes with the film's own source instead.
SOURCE = "source"
# No cue at all.
NO_CUE = "none"
LUNG_GAIN = 1.2
EXPOSURE_GAMMA, EXPOSURE_NOISE = 0.85, 0.03
HEART_STEP = 0.08


def add_marker(picture: Picture, heart_mask: Mask, lungs_mask: Mask, rng: np.random.Generator) -> Picture:
    """A side marker in the upper right corner, where neither heart nor lung lies."""
    planted = plant_marker(picture)
    return np.where(heart_mask | lungs_mask, picture, planted)


def gain_lungs(picture: Picture, heart_mask: Mask, lungs_mask: Mask, rng: np.random.Generator) -> Picture:
    """Gray of the lungs outside the heart times 1.2."""
    return np.where(lungs_mask & ~heart_mask, np.clip(picture * LUNG_GAIN, 0, 1), picture).astype(np.float32)


def change_exposure(picture: Picture, heart_mask: Mask, lungs_mask: Mask, rng: np.random.Generator) -> Picture:
    """Another tube and plate: gamma 0.85 and noise of 0.03, everywhere."""
    noisy = picture**EXPOSURE_GAMMA + EXPOSURE_NOISE * rng.standard_normal(picture.shape)
    return np.clip(noisy, 0, 1).astype(np.float32)


def step_in_heart(picture: Picture, heart_mask: Mask, lungs_mask: Mask, rng: np.random.Generator) -> Picture:
    """The lower half of the heart brighter by 0.08: a cue that no mask of the heart can take away."""
    if not heart_mask.any():
        return picture.copy()
    middle = np.flatnonzero(heart_mask.any(axis=1)).mean()
    lower = heart_mask & (np.arange(len(picture))[:, None] > middle)
    return np.where(lower, np.clip(picture + HEART_STEP, 0, 1), picture).astype(np.float32)


CUES: Mapping[str, Cue] = MappingProxyType(
    {"marker": add_marker, "lung_gain": gain_lungs, "exposure": change_exposure, "heart_step": step_in_heart}
)
# Cues that lie wholly outside the heart.
OUTSIDE_CUES = ("marker", "lung_gain")


def assign_cues(
    cue: str, strength: float, sources: Sequence[str], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Each training film's label (0 Normal, 1 VSD) and whether it gets the cue, by the source of each film.

    Labels are even within each source; of each label, a share `strength` of films has a cue that goes with it: present
    on VSD, absent on Normal. For the cue "source" the label goes with Wingspan instead, and nothing is planted.
    """
    rng = np.random.default_rng([seed, round(1000 * strength)])
    labels, cued = np.zeros(len(sources), np.int64), np.zeros(len(sources), bool)
    for source in sorted(set(sources)):
        own = rng.permutation(np.flatnonzero(np.array(sources) == source))
        if cue == SOURCE:
            usual = int(source == "wingspan")
            kept = round(strength * len(own))
            labels[own[:kept]], labels[own[kept:]] = usual, 1 - usual
        else:
            labels[own[: len(own) // 2]] = 1
    if cue in CUES:
        for label in (0, 1):
            own = rng.permutation(np.flatnonzero(labels == label))
            kept = round(strength * len(own))
            cued[own[:kept]], cued[own[kept:]] = bool(label), not label
    return labels, cued
