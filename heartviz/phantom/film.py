"""From what passes the patient to gray values: scatter, blur, noise, and the response of a detector or of film."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from heartviz.phantom.shapes import Field

FOCAL_SPOT_MM = 1.0


@dataclass(frozen=True)
class Exposure:
    """How a film is taken and shown.

    `photons` is the mean count of a pixel of 1 mm^2 in the open beam; `scatter_ratio` the scatter that passes the grid
    over the primary, as broad means; `contrast` and `middle_gray_at` set the tone curve; `grain` is film's own.
    """

    response: Literal["digital", "film"]
    photons: float
    scatter_ratio: float
    contrast: float
    middle_gray_at: float  # of the way from the body's thinnest to its thickest part
    enhancement: float
    grain: float
    collimation: tuple[float, float, float, float]  # unexposed share at top, bottom, left, right
    marker: Literal["", "L", "R"]  # the side it stands on
    marker_place: tuple[float, float]  # down, and in from its side, in film heights and widths
    noise_seed: int


def draw_exposure(rng: np.random.Generator, view: str = "pa") -> Exposure:
    """Numbers of one exposure."""
    response = ("digital", "film")[int(rng.random() < 0.3)]
    middle = (0.24 if response == "digital" else 0.27) + (0.25 if view == "lateral" else 0.0)
    at = int(rng.integers(4))
    edges = tuple(float(e) for e in np.clip(rng.normal(-0.01, 0.015, 4), 0, 0.05))
    return Exposure(
        response=response,
        photons=float(np.exp(rng.normal(np.log(300000), 0.4))),
        scatter_ratio=float(rng.uniform(0.20, 0.36)),
        contrast=float(np.exp(rng.normal(0, 0.12))) * (1.4 if view == "lateral" else 1.0),
        middle_gray_at=float(middle + np.clip(rng.normal(0, 0.03), -0.06, 0.06)),
        enhancement=float(rng.uniform(0.3, 0.9)),
        grain=float(rng.uniform(0.003, 0.007)),
        collimation=edges,
        marker=("", "L", "L", "L")[at] if view == "lateral" else ("", "L", "R", "R")[at],
        marker_place=(float(rng.uniform(0.05, 0.14)), float(rng.uniform(0.03, 0.09))),
        noise_seed=int(rng.integers(2**31)),
    )


def expose(
    primary: Field,
    exposure: Exposure,
    pixel_mm: float,
    magnification: float,
    tone: tuple[float, float],
    noise: bool = True,
) -> Field:
    """Gray values float32 (H, W) in 0..1, air dark and bone bright, of a transmitted share of the beam (H, W).

    `tone` is the span of optical depths that the curve is laid over (`find_tone`).
    """
    rng = np.random.default_rng(exposure.noise_seed)
    signal = _blur_signal(primary, exposure, pixel_mm, magnification)
    if noise:
        count = exposure.photons * pixel_mm**2
        signal = signal + rng.standard_normal(signal.shape, np.float32) * np.sqrt(signal / np.float32(count))
    gray = _respond(-np.log(np.maximum(signal, 1e-4)), *tone, exposure, pixel_mm)
    if noise and exposure.response == "film":
        grain = _blur(rng.standard_normal(gray.shape, np.float32), 0.6)
        gray = gray + np.float32(exposure.grain * 1.6) * grain
    _finish(gray, exposure)
    return np.clip(gray, 0, 1)


def find_tone(primary: Field, exposure: Exposure, pixel_mm: float, magnification: float) -> tuple[float, float]:
    """Optical depths of the body's thinnest and thickest parts (3rd and 97th percentile), as a technician meters them.

    Taken of the patient without the lesion, so that a lesion changes no gray value where it changes no tissue.
    """
    depth = -np.log(np.maximum(_blur_signal(primary, exposure, pixel_mm, magnification), 1e-4))
    seen = depth > 0.35
    low, high = np.percentile(depth[seen] if seen.mean() > 0.05 else depth, (3, 97))
    return float(low), float(high)


def _blur_signal(primary: Field, exposure: Exposure, pixel_mm: float, magnification: float) -> Field:
    """What reaches the detector: the primary with scatter, blurred by focal spot and detector."""
    behind = 1 - np.clip(primary * 1.2 - 0.15, 0, 1)
    scatter = _blur(primary * behind, 45 / pixel_mm) * exposure.scatter_ratio
    signal = primary + scatter * _blur(behind, 8 / pixel_mm)
    blur_mm = np.hypot(FOCAL_SPOT_MM * (magnification - 1), 0.25 if exposure.response == "film" else 0.15)
    return _blur(signal, max(blur_mm / pixel_mm, 0.35))


def _respond(depth: Field, low: float, high: float, exposure: Exposure, pixel_mm: float) -> Field:
    """Tone curve of optical depth (H, W), between the body's thinnest and thickest parts."""
    middle = low + exposure.middle_gray_at * (high - low)
    if exposure.response == "digital":
        # Multiscale processing lifts fine detail and flattens broad differences.
        broad, middling, fine = _blur(depth, 30 / pixel_mm), _blur(depth, 8 / pixel_mm), _blur(depth, 2.0 / pixel_mm)
        gain = np.float32(exposure.enhancement)
        depth = (
            depth - np.float32(0.3) * (broad - np.float32(middle)) + gain * (0.25 * (fine - middling) + (depth - fine))
        )
        steep = 5.2 * exposure.contrast / (high - low)
    else:
        steep = 5.0 * exposure.contrast / (high - low)
    curve = 1 / (1 + np.exp(-np.float32(steep) * (depth - np.float32(middle))))
    floor = 1 / (1 + np.exp(steep * middle))
    return (0.02 + 0.94 * (curve - np.float32(floor)) / np.float32(1 - floor)).astype(np.float32)


def _finish(gray: Field, exposure: Exposure) -> None:
    """Collimation's edges and the side's letter, written into the film."""
    height, width = gray.shape
    top, bottom, left, right = exposure.collimation
    if exposure.marker:
        letter, scale = np.zeros((height, width), np.uint8), height / 560
        down, inwards = exposure.marker_place
        share = inwards if exposure.marker == "R" else 1 - inwards - 0.035
        at_xy = (int(share * width), int((down + 0.03) * height))
        line_px = max(1, round(2 * scale))
        cv2.putText(letter, exposure.marker, at_xy, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, line_px, cv2.LINE_AA)
        np.maximum(gray, letter.astype(np.float32) * np.float32(0.97 / 255), out=gray)
    gray[: int(top * height)] = 0.01
    gray[height - int(bottom * height) :] = 0.01
    gray[:, : int(left * width)] = 0.01
    gray[:, width - int(right * width) :] = 0.01


def _blur(picture: Field, sigma_px: float) -> Field:
    """Gaussian blur; broad ones on a smaller picture."""
    shrink = int(max(1, sigma_px // 6))
    if shrink == 1:
        return cv2.GaussianBlur(picture, (0, 0), max(sigma_px, 0.2), borderType=cv2.BORDER_REPLICATE)
    height, width = picture.shape
    small = cv2.resize(picture, (max(width // shrink, 2), max(height // shrink, 2)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma_px / shrink, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
