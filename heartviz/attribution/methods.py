"""Every attribution method by name, and the one function that runs any of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from heartviz.attribution import activations, gradients, perturbation, relevance
from heartviz.attribution.networks import ContrastLogit, PictureClassifier, borrow

Masks = Mapping[str, NDArray[np.bool_]]
Tell = Callable[[float], None]


@dataclass(frozen=True)
class PictureMap:
    """A map of one network's picture, float32 (h, w), raw and signed.

    `gap` is the share of what should add up that does not (relevance, or the change of the score), NaN for methods
    that promise no sum. `message` is a sentence where the map says nothing.
    """

    values: NDArray[np.float32]
    gap: float = float("nan")
    message: str = ""


@dataclass(frozen=True)
class Asked:
    """What a method is asked: of which network and class, for which gray picture (1, 1, h, w) and regions (h, w)."""

    network: PictureClassifier
    gray: Tensor
    class_index: int
    regions: Masks
    tell: Tell
    integration_steps: int = perturbation.INTEGRATION_STEPS
    smoothgrad_samples: int = perturbation.SMOOTHGRAD_SAMPLES
    patch_stride_px: int = perturbation.PATCH_STRIDE_PX

    def score(self, pictures: int) -> nn.Module:
        """The class's contrast logit; progress is told as the share of so many pictures."""
        return ContrastLogit(self.network, self.class_index, lambda seen: self.tell(min(1.0, seen / pictures)))


def _sensitivity(asked: Asked) -> PictureMap:
    gray = asked.gray.clone().requires_grad_(True)
    return PictureMap(gradients.attribute_sensitivity(gray, asked.network(gray)[0], asked.class_index))


def _smoothgrad(asked: Asked) -> PictureMap:
    samples = asked.smoothgrad_samples
    return PictureMap(perturbation.smooth_gradients(asked.score(samples), asked.gray, samples=samples))


def _integrated_gradients(asked: Asked) -> PictureMap:
    steps = asked.integration_steps
    values, gap = perturbation.integrate_gradients(asked.score(steps + 2), asked.gray, steps=steps)
    return PictureMap(values, gap)


def _grad_cam(asked: Asked) -> PictureMap:
    return PictureMap(activations.grad_cam(asked.score(1), asked.network, asked.gray))


def _occlusion_patch(asked: Asked) -> PictureMap:
    stride_px = asked.patch_stride_px
    score = asked.score(perturbation.count_patches(asked.gray.shape[-2:], stride_px) + 1)
    return PictureMap(perturbation.occlude_patches(score, asked.gray, stride_px=stride_px))


def _occlusion_region(asked: Asked) -> PictureMap:
    score = asked.score(len(asked.regions) + 1)
    return PictureMap(perturbation.occlude_regions(score, asked.gray, asked.regions)[0])


def _relevance(asked: Asked, composite: str) -> PictureMap:
    found = relevance.propagate_relevance(asked.network, asked.gray, asked.class_index, composite)
    message = "" if found.handed_in else "The class's logit is not positive: this method has nothing to hand back."
    return PictureMap(found.values, found.gap, message)


METHODS: Mapping[str, Callable[[Asked], PictureMap]] = MappingProxyType(
    {
        "sensitivity": _sensitivity,
        "smoothgrad": _smoothgrad,
        "integrated_gradients": _integrated_gradients,
        "grad_cam": _grad_cam,
        "occlusion_patch": _occlusion_patch,
        "occlusion_region": _occlusion_region,
        "lrp_epsilon_plus_flat": partial(_relevance, composite="epsilon_plus_flat"),
        "lrp_epsilon_alpha2_beta1_flat": partial(_relevance, composite="epsilon_alpha2_beta1_flat"),
        "deep_taylor": partial(_relevance, composite="deep_taylor"),
        "deep_taylor_strange": partial(_relevance, composite="deep_taylor_strange"),
    }
)


def compute_map(
    method: str,
    network: PictureClassifier,
    picture: NDArray[np.float32],
    class_index: int,
    regions: Masks,
    tell: Tell | None = None,
    **effort: int,
) -> PictureMap:
    """The map of one method for one class on the picture (h, w) that the network was shown.

    `regions` are masks (h, w) that do not overlap; only occlusion by region uses them. `tell` is called with the
    share that is done; `effort` can set `integration_steps`, `smoothgrad_samples` and `patch_stride_px`. The network is
    given back untouched, also after a failure. Raises ValueError for an unknown method.
    """
    if method not in METHODS:
        raise ValueError(f"Unknown method {method!r}: choose one of {', '.join(METHODS)}.")
    gray = torch.from_numpy(np.array(picture, dtype=np.float32))[None, None]
    with borrow(network):
        found = METHODS[method](Asked(network, gray, class_index, regions, tell or (lambda done: None), **effort))
    if not np.isfinite(found.values).all():
        return PictureMap(found.values, found.gap, "This map holds values that are not numbers: it was not computed.")
    return found
