"""Gray values 0..1 of raw samples, whatever they were read from; the size limits every film is held to."""

import numpy as np
from numpy.typing import NDArray

from heartviz.errors import RadiographError

MIN_SIDE_PX = 128
MAX_FILE_BYTES = 200_000_000
# Detectors and digitisers give up to some 20 million pixels; a report of this many takes about 1 GB.
MAX_PIXELS = 25_000_000
MAX_SAMPLES = 4 * MAX_PIXELS
# Rec. ITU-R BT.601 luma of R, G, B.
LUMA_RGB = (0.299, 0.587, 0.114)
# A gray film saved as a colour JPEG comes back with channels this far apart; more is colour. Share of full scale.
COLOUR_TOLERANCE = 2.5 / 255


def check_size(height: int, width: int, samples_per_pixel: int = 1) -> None:
    """None; raises RadiographError for a picture too small to use or too large to decode."""
    if height * width > MAX_PIXELS or height * width * samples_per_pixel > MAX_SAMPLES:
        raise RadiographError(
            f"Image claims {width} x {height} px, which is {height * width:,} pixels of {samples_per_pixel} values; at "
            f"most {MAX_PIXELS:,} pixels are read. Upload one film at its usual size."
        )
    if min(height, width) < MIN_SIDE_PX:
        raise RadiographError(
            f"Image is {width} x {height} px; the shorter side must be at least {MIN_SIDE_PX}. "
            "Upload the full-size film."
        )


def to_gray(samples: NDArray, full_scale: float) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Gray values float32 (H, W) in 0..1 of samples in 0..full_scale, and a sentence for each thing taken away.

    Samples are (H, W), or (H, W, C) with C = 2 gray and alpha, 3 RGB, 4 RGB and alpha. Colour becomes its BT.601 luma;
    what is transparent is laid over black.
    """
    if samples.ndim == 2:
        return _scale(samples, full_scale), ()
    messages = []
    channels = samples.shape[2]
    if channels == 2:
        gray = _scale(samples[..., 0], full_scale)
    else:
        red, green, blue = (_scale(samples[..., channel], full_scale) for channel in range(3))
        farthest = max(float(np.abs(red - green).max()), float(np.abs(green - blue).max()))
        if farthest == 0.0:
            gray = red
        else:
            gray = np.minimum(LUMA_RGB[0] * red + LUMA_RGB[1] * green + LUMA_RGB[2] * blue, np.float32(1.0))
        if farthest > COLOUR_TOLERANCE:
            messages.append("The picture is in colour; its colour was removed.")
    if channels in (2, 4):
        alpha = _scale(samples[..., -1], full_scale)
        if float(alpha.min()) < 1.0:
            gray = gray * alpha
            messages.append("Parts of the picture are transparent; they were laid over black.")
    return gray, tuple(messages)


def _scale(samples: NDArray, full_scale: float) -> NDArray[np.float32]:
    return np.minimum(samples.astype(np.float32) / np.float32(full_scale), np.float32(1.0))
