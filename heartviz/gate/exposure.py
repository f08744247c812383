"""Are there gray levels enough in heart and lungs, and pixels enough, for what the models look at?"""

import numpy as np

from heartviz.preprocess import SEGMENTER_SIZE_PX
from heartviz.records import FloatImage, GateCheck, GateLimits, Segmentation

ADVICE = "Export the film again with its full range of gray, not as a screen's picture of it."


def check_exposure(pixels: FloatImage, found: Segmentation, limits: GateLimits) -> GateCheck:
    """Refuses a film whose heart and lungs are all but black, white or flat; warns of a doubtful or very small one.

    `pixels` is the film as it came, float32 (H, W) in 0..1. Where no heart or lung was found the whole film counts.
    """
    seen = measure_exposure(pixels, found)
    levels = round(seen["gray_levels"])
    for colour in ("black", "white"):
        if limits.refuses(f"plain_{colour}", share := seen[f"plain_{colour}"]):
            words = f"{100 * share:.0f} % of heart and lungs are plain {colour}: the exposure cut them off"
            return _judge("refused", words)
    if limits.refuses("gray_range", seen["gray_range"]):
        shade = "dark" if seen["brightest"] < 0.5 else "bright"
        words = f"Heart and lungs span {100 * seen['gray_range']:.1f} % of the gray range: the film is far too {shade}"
        return _judge("refused", words)
    if limits.refuses("gray_levels", levels):
        return _judge("refused", f"The film has {levels} gray levels: too few to tell tissue from tissue")
    for colour in ("black", "white"):
        if limits.warns(f"plain_{colour}", share := seen[f"plain_{colour}"]):
            words = f"{100 * share:.0f} % of heart and lungs are plain {colour}: vessels are lost there"
            return _judge("warned", words)
    if limits.warns("gray_levels", levels):
        return _judge("warned", f"The film has only {levels} gray levels: fine vessels may be lost")
    if limits.warns("longer_side_px", seen["longer_side_px"]):
        height, width = pixels.shape
        words = f"The film has only {width} x {height} px, and the models look at {SEGMENTER_SIZE_PX}"
        return GateCheck("exposure", "warned", f"{words}. Upload the full-size film.")
    return GateCheck("exposure", "passed", "Gray levels and size are enough.")


def measure_exposure(pixels: FloatImage, found: Segmentation) -> dict[str, float]:
    """What the check asks by name, and the brightest gray there is in heart and lungs.

    Shares of heart and lungs at the film's very darkest and brightest gray; gray values on the film, of 256 even steps;
    what the middle 98 % of heart and lungs span of full scale; the film's longer side.
    """
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
        "longer_side_px": float(max(pixels.shape)),
        "brightest": float(high),
    }


def _judge(verdict: str, seen: str) -> GateCheck:
    return GateCheck("exposure", verdict, f"{seen}. {ADVICE}")
