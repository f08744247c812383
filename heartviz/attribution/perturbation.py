"""Maps from many changed pictures (Captum): SmoothGrad, Integrated Gradients, Occlusion by patch and by region.

Each takes a network from gray pictures (N, 1, h, w) to one number a picture, and a picture (1, 1, h, w); each gives
the signed map (h, w). Pictures go through the network `width` at a time.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from captum.attr import FeatureAblation, IntegratedGradients, NoiseTunnel, Occlusion, Saliency
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.transforms.functional import gaussian_blur

SMOOTHGRAD_SAMPLES, SMOOTHGRAD_SIGMA = 16, 0.05  # gray values
INTEGRATION_STEPS = 32
PATCH_PX, PATCH_STRIDE_PX = 32, 24
BLUR_SIGMA_PX = 12.0
# Pictures at once: with gradients some 60 MB each at 176 px, without some 20 MB.
WIDTH = 8


def smooth_gradients(
    score: nn.Module, gray: Tensor, seed: int = 0, width: int = WIDTH, samples: int = SMOOTHGRAD_SAMPLES
) -> NDArray[np.float32]:
    """Mean gradient over copies of the picture with noise of 0.05 gray. Source: Smilkov 2017."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        gradients = NoiseTunnel(Saliency(score)).attribute(
            gray,
            nt_type="smoothgrad",
            nt_samples=samples,
            nt_samples_batch_size=width,
            stdevs=SMOOTHGRAD_SIGMA,
            abs=False,
        )
    return gradients[0, 0].detach().numpy()


def integrate_gradients(
    score: nn.Module, gray: Tensor, width: int = WIDTH, steps: int = INTEGRATION_STEPS
) -> tuple[NDArray[np.float32], float]:
    """Gradient integrated from a black picture to this one, times it, in so many steps; the gap of its completeness.

    The map sums to score(picture) - score(black); the gap is how far it misses that, as a share of it. Source:
    Sundararajan 2017.
    """
    values, difference = IntegratedGradients(score).attribute(
        gray,
        baselines=torch.zeros_like(gray),
        n_steps=steps,
        internal_batch_size=width,
        return_convergence_delta=True,
    )
    total = float(values.sum() - difference)
    gap = abs(float(difference)) / abs(total) if total else float("nan")
    return values[0, 0].detach().float().numpy(), gap


def count_patches(size: tuple[int, int], stride_px: int = PATCH_STRIDE_PX) -> int:
    """How many patches a picture of (h, w) is occluded with."""
    return math.prod(max(0, -(-(side - PATCH_PX) // stride_px)) + 1 for side in size)


def occlude_patches(
    score: nn.Module, gray: Tensor, width: int = 2 * WIDTH, stride_px: int = PATCH_STRIDE_PX
) -> NDArray[np.float32]:
    """How far the score falls when a patch of 32 px is blurred away, mean over the patches that cover a pixel.

    Blurred, not blackened: a black patch is a new thing on a film. Source: Zeiler and Fergus 2014.
    """
    with torch.inference_mode():
        values = Occlusion(score).attribute(
            gray,
            sliding_window_shapes=(1, PATCH_PX, PATCH_PX),
            strides=(1, stride_px, stride_px),
            baselines=blur(gray),
            perturbations_per_eval=width,
        )
    return values[0, 0].numpy()


def occlude_regions(
    score: nn.Module, gray: Tensor, regions: Mapping[str, NDArray[np.bool_]]
) -> tuple[NDArray[np.float32], dict[str, float]]:
    """How far the score falls when a whole region (h, w) is blurred away: the map, and the fall by region.

    In the map a region's fall is spread evenly over its pixels. Regions must not overlap; what no region covers is 0.
    """
    numbers = np.zeros(gray.shape[-2:], np.int64)
    for number, mask in enumerate(regions.values(), start=1):
        numbers[mask] = number
    with torch.inference_mode():
        values = (
            FeatureAblation(score)
            .attribute(
                gray,
                baselines=blur(gray),
                feature_mask=torch.from_numpy(numbers)[None, None],
                perturbations_per_eval=len(regions) + 1,
            )[0, 0]
            .numpy()
        )
    falls = {name: float(values[mask].mean()) if mask.any() else float("nan") for name, mask in regions.items()}
    spread = np.zeros(values.shape, np.float32)
    for name, mask in regions.items():
        if mask.any():
            spread[mask] = falls[name] / mask.sum()
    return spread, falls


def blur(gray: Tensor) -> Tensor:
    """The picture (N, 1, h, w) without structures smaller than 12 px."""
    size = 2 * int(3 * BLUR_SIGMA_PX) + 1
    return gaussian_blur(gray, [size, size], [BLUR_SIGMA_PX, BLUR_SIGMA_PX])
