"""Maps as numbers: NumPy arrays (float32) and 16 bit PNG with the scale that turns its codes back into values."""

import io
import json
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from heartviz.records import ARMS, Explanation, FloatImage
from heartviz.words import METHOD_WORDS

UNSEEN_CODE, FIRST_CODE, LAST_CODE = 0, 1, 65535


def make_arrays(explanation: Explanation) -> dict[str, bytes]:
    """File name to content: each map as METHOD_ARM.npy and METHOD_ARM_16bit.png, and METHOD_scale.json for the PNGs.

    All are of the film's own frame. All PNGs share one scale, from 0 for maps that are never negative, symmetric about
    0 where any is signed. Code 0 is a pixel that the model was not shown; in the array it is NaN.
    """
    maps = {arm: np.asarray(explanation.attributions[arm].values) for arm in ARMS}
    low, high = find_range(list(maps.values()))
    files: dict[str, bytes] = {}
    for arm, values in maps.items():
        name = f"{explanation.method}_{arm}"
        files[f"{name}.npy"] = _to_npy(values)
        files[f"{name}_16bit.png"] = cv2.imencode(".png", to_codes(values, low, high))[1].tobytes()
    scale = json.dumps(_describe_scale(explanation, low, high), indent=2, allow_nan=False)
    return files | {f"{explanation.method}_scale.json": scale.encode() + b"\n"}


def find_range(maps: list[FloatImage]) -> tuple[float, float]:
    """Values of the first and last code: 0 or minus the largest absolute value, and that value."""
    largest = max((float(np.nanmax(np.abs(values))) for values in maps if np.isfinite(values).any()), default=0.0)
    signed = any((values < 0).any() for values in maps)
    return (-largest if signed else 0.0), largest


def to_codes(values: FloatImage, low: float, high: float) -> NDArray[np.uint16]:
    """Values as codes 1 to 65535, evenly from `low` to `high`; NaN is 0."""
    seen = np.isfinite(values)
    step = (high - low) / (LAST_CODE - FIRST_CODE)
    steps = np.where(seen, values, low).astype(np.float64) - low
    codes = FIRST_CODE + (np.rint(steps / step) if step > 0 else np.zeros_like(steps))
    return np.where(seen, codes.clip(FIRST_CODE, LAST_CODE), UNSEEN_CODE).astype(np.uint16)


def _describe_scale(explanation: Explanation, low: float, high: float) -> dict[str, Any]:
    words = METHOD_WORDS[explanation.method]
    return {
        "files": [f"{explanation.method}_{arm}_16bit.png" for arm in ARMS],
        "formula": "value = value_of_code_1 + (code - 1) * step; code 0: the model was not shown this pixel",
        "value_of_code_1": low,
        "value_of_code_65535": high,
        "step": (high - low) / (LAST_CODE - FIRST_CODE),
        "unit": words.unit,
        "method": explanation.method,
        "task": explanation.task,
        "target_class": explanation.target_class,
        "gradient_for": explanation.gradient_for if words.by_gray else None,
        "gap": {arm: gap if math.isfinite(gap := explanation.attributions[arm].gap) else None for arm in ARMS},
    }


def _to_npy(values: FloatImage) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(values, np.float32), allow_pickle=False)
    return stream.getvalue()
