"""Random changes of a film and its masks: the paper's affine ones, and gray-level ones for other hospitals' films.

Each is drawn first (`draw_*`), then applied (`apply_*`), so that any sample can be made again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

# The paper's four (section 2.2.2) and why a film may come so; each can be switched off.
AFFINE_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "rotation": "patients stand or lie a little askew",
        "scaling": "hearts, chests and the distance to the tube differ",
        "symmetry": "films are laid in mirrored, and a heart may lie on the right; left and right lung are swapped",
        "translation": "the chest is not always in the middle of the film",
    }
)


@dataclass(frozen=True)
class AffineParams:
    """Rotation in degrees, scale by axis (row, col), shift by axis in picture sizes, mirrored or not."""

    rotation_deg: float
    scale: tuple[float, float]
    shift: tuple[float, float]
    mirrored: bool


@dataclass(frozen=True)
class GrayParams:
    """Gray-level changes; the curve is monotone, the field smooth, boxes are (row, col, height, width, value)."""

    curve: NDArray[np.float32]
    field: NDArray[np.float32]
    blur_sigma_px: float
    sharpen: float
    noise: float
    noise_seed: int
    boxes: tuple[tuple[float, float, float, float, float], ...]


def draw_affine(
    rng: np.random.Generator,
    mirror_probability: float = 0.15,
    strength: float = 1.0,
    kinds: Collection[str] = tuple(AFFINE_KINDS),
) -> AffineParams:
    """The paper's rotation, scaling, translation and symmetry (section 2.2.2), wide enough for loose framing.

    A kind that is not in `kinds` is drawn and left out, so that the others come as they would with it.
    """
    overall = np.exp(strength * rng.normal(-0.03, 0.13))
    aspect = np.exp(strength * rng.normal(0.0, 0.08))
    drawn = AffineParams(
        rotation_deg=float(strength * np.clip(rng.normal(0.0, 6.0), -18, 18)),
        scale=(float(np.clip(overall * aspect, 0.6, 1.4)), float(np.clip(overall / aspect, 0.6, 1.4))),
        shift=(float(strength * rng.normal(0.0, 0.05)), float(strength * rng.normal(0.0, 0.05))),
        mirrored=bool(rng.random() < mirror_probability),
    )
    still = {"rotation": {"rotation_deg": 0.0}, "scaling": {"scale": (1.0, 1.0)}}
    still |= {"symmetry": {"mirrored": False}, "translation": {"shift": (0.0, 0.0)}}
    for kind in AFFINE_KINDS.keys() - set(kinds):
        drawn = replace(drawn, **still[kind])
    return drawn


def apply_affine(
    params: AffineParams, picture: NDArray[np.float32], masks: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Picture (H, W) and masks (heart, patient's left lung, right lung) moved together.

    A mirrored film swaps the lungs' channels: the patient's left lung stays the one on the side of the apex.
    """
    height, width = picture.shape
    centre_xy = ((width - 1) / 2, (height - 1) / 2)
    angle = np.deg2rad(params.rotation_deg)
    cos, sin = np.cos(angle), np.sin(angle)
    flip = -1.0 if params.mirrored else 1.0
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([flip * params.scale[1], params.scale[0]])
    offset = np.array(centre_xy) - linear @ centre_xy + np.array([params.shift[1] * width, params.shift[0] * height])
    matrix = np.column_stack([linear, offset])
    moved = cv2.warpAffine(picture, matrix, dsize=(width, height), flags=cv2.INTER_LINEAR, borderValue=0.0)
    if masks is None:
        return moved, None
    moved_masks = np.stack(
        [
            cv2.warpAffine(mask.astype(np.float32), matrix, dsize=(width, height), flags=cv2.INTER_LINEAR) > 0.5
            for mask in masks
        ]
    )
    return moved, moved_masks[[0, 2, 1]] if params.mirrored else moved_masks


def draw_gray(rng: np.random.Generator) -> GrayParams:
    """Gamma, curve, window, smooth shading, blur or sharpening, noise, and boxes like labels or collimation."""
    steps = np.linspace(0.0, 1.0, 33)
    gamma = float(np.exp(np.clip(rng.normal(0.0, 0.35), -0.9, 0.9)))
    bends = np.exp(rng.normal(0.0, 0.35, size=8))
    bent = np.interp(steps, np.linspace(0, 1, 9), np.concatenate([[0.0], np.cumsum(bends)]) / bends.sum())
    low, high = rng.uniform(-0.15, 0.2), rng.uniform(0.8, 1.15)
    curve = low + (high - low) * bent**gamma
    boxes = []
    for _ in range(rng.integers(1, 4) if rng.random() < 0.3 else 0):
        height, width = rng.uniform(0.03, 0.15), rng.uniform(0.05, 0.3)
        boxes.append((rng.random(), rng.random(), height, width, float(rng.choice([0.0, 0.0, 1.0]))))
    if rng.random() < 0.15:  # a collimated edge
        depth = rng.uniform(0.02, 0.1)
        edge = rng.integers(4)
        boxes.append(
            [
                (0, 0, depth, 1, 0.0),
                (1 - depth, 0, depth, 1, 0.0),
                (0, 0, 1, depth, 0.0),
                (0, 1 - depth, 1, depth, 0.0),
            ][edge]
        )
    return GrayParams(
        curve=curve.astype(np.float32),
        field=rng.normal(0.0, 0.12 * rng.random(), size=(4, 4)).astype(np.float32),
        blur_sigma_px=float(rng.uniform(0.4, 1.6)) if rng.random() < 0.3 else 0.0,
        sharpen=float(rng.uniform(0.5, 2.5)) if rng.random() < 0.3 else 0.0,
        noise=float(rng.uniform(0.005, 0.05)) if rng.random() < 0.4 else 0.0,
        noise_seed=int(rng.integers(2**31)),
        boxes=tuple(boxes),
    )


def apply_gray(params: GrayParams, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """The picture (H, W) in 0..1 with its gray values changed; still in 0..1."""
    height, width = picture.shape
    changed = np.interp(picture, np.linspace(0, 1, len(params.curve)), params.curve).astype(np.float32)
    changed += cv2.resize(params.field, dsize=(width, height), interpolation=cv2.INTER_CUBIC)
    if params.blur_sigma_px:
        changed = cv2.GaussianBlur(changed, (0, 0), params.blur_sigma_px)
    if params.sharpen:
        changed += params.sharpen * (changed - cv2.GaussianBlur(changed, (0, 0), 0.02 * width))
    if params.noise:
        changed += params.noise * np.random.default_rng(params.noise_seed).standard_normal(
            changed.shape, dtype=np.float32
        )
    for row, col, box_height, box_width, value in params.boxes:
        top, left = int(row * height), int(col * width)
        changed[top : top + max(1, int(box_height * height)), left : left + max(1, int(box_width * width))] = value
    return np.clip(changed, 0.0, 1.0)
