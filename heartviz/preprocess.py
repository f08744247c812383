"""The one copy of the steps between a film and a network's input: contrast, frame, normalisation."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

# ImageNet means of RGB, as in torchvision's VGG16_Weights.IMAGENET1K_FEATURES: input is (RGB in 0..1 - mean) * 255.
IMAGENET_MEAN_RGB = (0.48235, 0.45882, 0.40784)
INPUT_SCALE = 255.0
CONTRAST_PERCENTILES = (0.5, 99.5)
SEGMENTER_SIZE_PX = 320
LATERAL_SIZE_PX = 224
CLASSIFIER_SIZE_PX = 176
# Margin around the lungs' bounding box, in box sizes, of what the classifiers see.
THORAX_MARGIN_RATIO = 0.06


@dataclass(frozen=True)
class Frame:
    """Where a model's square picture lies on the film: a box in film pixels, resized to the model's size.

    The box may reach past the film; what lies past it was never on the film. `box_size` and `model_size` are
    (height, width), so height and width may be scaled differently.
    """

    original_size: tuple[int, int]
    top: int
    left: int
    box_size: tuple[int, int]
    model_size: tuple[int, int]

    def to_model(self, image: NDArray, fill: float = 0.0) -> NDArray[np.float32]:
        """The box of a (H, W) film picture at the model's size, float32; `fill` past the film's edges."""
        if image.shape != self.original_size:
            raise ValueError(f"Picture is {image.shape}, the frame is of a film of {self.original_size}.")
        box = np.full(self.box_size, fill, dtype=np.float32)
        film_rows, film_cols, box_rows, box_cols = self._overlap()
        box[box_rows, box_cols] = image[film_rows, film_cols]
        shrinks = self.box_size[0] > self.model_size[0] or self.box_size[1] > self.model_size[1]
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return cv2.resize(box, dsize=self.model_size[::-1], interpolation=interpolation)

    def to_original(self, image: NDArray, fill: float = np.nan) -> NDArray[np.float32]:
        """A (h, w) picture of the model's size laid back on the film, float32 (H, W); `fill` where it saw nothing."""
        if image.shape != self.model_size:
            raise ValueError(f"Picture is {image.shape}, the model's size is {self.model_size}.")
        box = cv2.resize(np.asarray(image, np.float32), dsize=self.box_size[::-1], interpolation=cv2.INTER_LINEAR)
        film = np.full(self.original_size, fill, dtype=np.float32)
        film_rows, film_cols, box_rows, box_cols = self._overlap()
        film[film_rows, film_cols] = box[box_rows, box_cols]
        return film

    def on_film(self) -> tuple[slice, slice]:
        """Rows and columns of the film that the box covers."""
        return self._overlap()[:2]

    def _overlap(self) -> tuple[slice, slice, slice, slice]:
        film, box = [], []
        for start, length, limit in zip((self.top, self.left), self.box_size, self.original_size, strict=True):
            first, last = max(start, 0), min(start + length, limit)
            film.append(slice(first, max(last, first)))
            box.append(slice(first - start, max(last, first) - start))
        return film[0], film[1], box[0], box[1]


def stretch_contrast(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The film's gray values with the 0.5 and 99.5 percentiles moved to 0 and 1 and the rest clipped, float32 (H, W).

    Pixels at the film's very lowest and highest value (black borders, label boxes, burnt-in white) do not count for
    the percentiles unless hardly anything else is there. A constant film gives zeros.
    """
    lowest, highest = float(pixels.min()), float(pixels.max())
    inner = pixels[(pixels > lowest) & (pixels < highest)]
    if inner.size < 0.1 * pixels.size:
        inner = pixels
    low, high = np.percentile(inner, CONTRAST_PERCENTILES)
    if high - low < 1e-6:
        return np.zeros_like(pixels, dtype=np.float32)
    return np.clip((pixels - low) / (high - low), 0.0, 1.0).astype(np.float32)


def shrink(pixels: NDArray[np.float32], longest_px: int = 2 * SEGMENTER_SIZE_PX) -> NDArray[np.float32]:
    """The film (H, W) with its longer side at most `longest_px`, float32; a smaller film comes back as it is."""
    scale = longest_px / max(pixels.shape)
    if scale >= 1:
        return pixels
    size_wh = tuple(max(1, round(scale * side)) for side in pixels.shape[::-1])
    return cv2.resize(pixels, dsize=size_wh, interpolation=cv2.INTER_AREA)


def square_frame(original_size: tuple[int, int], model_size_px: int = SEGMENTER_SIZE_PX) -> Frame:
    """The frame of the whole film, padded to a square about its centre and resized."""
    height, width = original_size
    side = max(height, width)
    return Frame(
        original_size=(height, width),
        top=-((side - height) // 2),
        left=-((side - width) // 2),
        box_size=(side, side),
        model_size=(model_size_px, model_size_px),
    )


def thorax_frame(lungs_mask: NDArray[np.bool_], model_size_px: int = CLASSIFIER_SIZE_PX) -> Frame:
    """The frame of the lungs' bounding box with a margin, height and width each stretched to the model's size.

    Raises ValueError for an empty mask.
    """
    rows, cols = np.flatnonzero(lungs_mask.any(axis=1)), np.flatnonzero(lungs_mask.any(axis=0))
    if rows.size == 0:
        raise ValueError("The lung mask is empty.")
    height, width = int(rows[-1] - rows[0] + 1), int(cols[-1] - cols[0] + 1)
    margin_rows, margin_cols = round(height * THORAX_MARGIN_RATIO), round(width * THORAX_MARGIN_RATIO)
    return Frame(
        original_size=lungs_mask.shape,
        top=int(rows[0]) - margin_rows,
        left=int(cols[0]) - margin_cols,
        box_size=(height + 2 * margin_rows, width + 2 * margin_cols),
        model_size=(model_size_px, model_size_px),
    )


def to_model_input(pictures: NDArray[np.float32]) -> torch.Tensor:
    """Normalised float32 tensor (N, 3, h, w), channels last, of gray pictures (N, h, w) or (h, w) in 0..1."""
    gray = torch.from_numpy(np.ascontiguousarray(pictures, dtype=np.float32))
    if gray.ndim == 2:
        gray = gray[None]
    return normalise(gray[:, None])


def normalise(gray: torch.Tensor) -> torch.Tensor:
    """(N, 1, h, w) in 0..1 as VGG16 wants it: three equal channels minus the ImageNet means, times 255."""
    mean = torch.tensor(IMAGENET_MEAN_RGB, dtype=gray.dtype).view(1, 3, 1, 1)
    return ((gray - mean) * INPUT_SCALE).contiguous(memory_format=torch.channels_last)
