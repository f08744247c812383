"""Are there gray levels enough in heart and lungs, and pixels enough, for what the models look at?"""

import numpy as np

from heartviz.preprocess import SEGMENTER_SIZE_PX
from heartviz.records import FloatImage, GateCheck, Segmentation

ADVICE = "Export the film again with its full range of gray, not as a screen's picture of it."
# Different gray values on the film, of 256 even steps: 4 and 5 bits.
LEAST_GRAY_LEVELS, FEW_GRAY_LEVELS = 16, 32
# Share of heart and lungs at the film's very darkest or very brightest gray.
MOST_CLIPPED, MUCH_CLIPPED = 0.60, 0.25
# Of full scale, between the 1st and 99th percentile in heart and lungs.
LEAST_RANGE = 0.02


def check_exposure(pixels: FloatImage, found: Segmentation) -> GateCheck:
    """Refuses a film whose heart and lungs are all but black, white or flat; warns of a doubtful or very small one.

    `pixels` is the film as it came, float32 (H, W) in 0..1. Where no heart or lung was found the whole film counts.
    """
    seen = measure_exposure(pixels, found)
    dark, bright, levels = seen["plain_black"], seen["plain_white"], round(seen["gray_levels"])
    if dark > MOST_CLIPPED or bright > MOST_CLIPPED:
        share, colour = (dark, "black") if dark > bright else (bright, "white")
        return _judge(
            "refused", f"{100 * share:.0f} % of heart and lungs are plain {colour}: the exposure cut them off"
        )
    if seen["gray_range"] < LEAST_RANGE:
        shade = "dark" if seen["brightest"] < 0.5 else "bright"
        words = f"Heart and lungs span {100 * seen['gray_range']:.1f} % of the gray range: the film is far too {shade}"
        return _judge("refused", words)
    if levels < LEAST_GRAY_LEVELS:
        return _judge("refused", f"The film has {levels} gray levels: too few to tell tissue from tissue")
    if dark > MUCH_CLIPPED or bright > MUCH_CLIPPED:
        share, colour = (dark, "black") if dark > bright else (bright, "white")
        return _judge("warned", f"{100 * share:.0f} % of heart and lungs are plain {colour}: vessels are lost there")
    if levels < FEW_GRAY_LEVELS:
        return _judge("warned", f"The film has only {levels} gray levels: fine vessels may be lost")
    if max(pixels.shape) < SEGMENTER_SIZE_PX:
        height, width = pixels.shape
        words = f"The film has only {width} x {height} px, and the models look at {SEGMENTER_SIZE_PX}"
        return GateCheck("exposure", "warned", f"{words}. Upload the full-size film.")
    return GateCheck("exposure", "passed", "Gray levels and size are enough.")


def measure_exposure(pixels: FloatImage, found: Segmentation) -> dict[str, float]:
    """What the check asks: shares of heart and lungs, gray levels of the film, the range and end of full scale."""
    inside = found.heart_mask | found.lungs_mask
    gray = pixels[inside] if inside.any() else pixels.ravel()
    lowest, highest = float(pixels.min()), float(pixels.max())
    steps = np.round(255 * (pixels - lowest) / max(highest - lowest, 1e-6)).astype(np.uint8)
    low, high = np.percentile(gray, (1, 99))
    return {
        "plain_black": float((gray <= lowest).mean()),
        "plain_white": float((gray >= highest).mean()),
        "gray_levels": float(np.count_nonzero(np.bincount(steps.ravel(), minlength=256))),
        "gray_range": float(high - low),
        "brightest": float(high),
    }


def _judge(verdict: str, seen: str) -> GateCheck:
    return GateCheck("exposure", verdict, f"{seen}. {ADVICE}")
