"""Layer-wise relevance propagation (zennit): composites known to work on VGG16, Deep Taylor, and the strange one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from zennit.attribution import Gradient
from zennit.composites import EpsilonAlpha2Beta1Flat, EpsilonPlusFlat, SpecialFirstLayerMapComposite
from zennit.core import Composite
from zennit.rules import Norm, Pass, ZBox, ZPlus
from zennit.types import Activation, AvgPool, Convolution, Linear

from heartviz.attribution.networks import PictureClassifier, contrast_logits
from heartviz.preprocess import normalise


@dataclass(frozen=True)
class Relevance:
    """A relevance map (h, w), signed; what was handed in at the output, and what of it did not arrive.

    `gap` is |arrived - handed in| / |handed in|: biases and stabilisers keep it.
    """

    values: NDArray[np.float32]
    handed_in: float
    gap: float


def make_deep_taylor(low: Tensor, high: Tensor) -> Composite:
    """Deep Taylor: z-plus in every layer, the box rule at the input, whose values lie between `low` and `high`.

    Source: Montavon 2017.
    """
    return SpecialFirstLayerMapComposite(_z_plus_layers(), [(Convolution, ZBox(low, high))])


def make_strange(low: Tensor, high: Tensor) -> Composite:
    """Deep Taylor as it goes wrong: z-plus at the input too, though ImageNet's means make inputs negative there."""
    return SpecialFirstLayerMapComposite(_z_plus_layers(), [(Convolution, ZPlus())])


def _z_plus_layers() -> list:
    return [(Activation, Pass()), (AvgPool, Norm()), (Convolution, ZPlus()), (Linear, ZPlus())]


COMPOSITES: Mapping[str, Callable[[Tensor, Tensor], Composite]] = MappingProxyType(
    {
        "epsilon_plus_flat": lambda low, high: EpsilonPlusFlat(),
        "epsilon_alpha2_beta1_flat": lambda low, high: EpsilonAlpha2Beta1Flat(),
        "deep_taylor": make_deep_taylor,
        "deep_taylor_strange": make_strange,
    }
)


def propagate_relevance(network: PictureClassifier, gray: Tensor, class_index: int, composite: str) -> Relevance:
    """Relevance of each pixel of a picture (1, 1, h, w) for a class, summed over the input's three channels.

    Handed in is the class's logit against the others, shared out over the logits by its gradient, so that relevance
    against the class is negative; for "deep_taylor" the class's logit alone where it is positive, as that method
    needs; for "deep_taylor_strange" the class's probability. Source: Bach 2015, Kohlbrenner 2020.
    """
    with torch.no_grad():
        low, high = (normalise(torch.full_like(gray, value)) for value in (0.0, 1.0))
    model_input = normalise(gray.detach()).requires_grad_(True)
    start = {"deep_taylor": _class_logit, "deep_taylor_strange": _class_probability}.get(composite, _contrast_shares)
    handed: list[float] = []

    def output_relevance(logits: Tensor) -> Tensor:
        relevance = start(logits.detach(), class_index)
        handed.append(float(relevance.sum()))
        return relevance

    with Gradient(_FromInput(network), COMPOSITES[composite](low, high), attr_output=output_relevance) as attributor:
        _, relevance = attributor(model_input)
    values = relevance[0].sum(dim=0).detach().numpy()
    gap = abs(float(values.sum(dtype=np.float64)) - handed[0]) / abs(handed[0]) if handed[0] else float("nan")
    return Relevance(values, handed[0], gap)


class _FromInput(torch.nn.Module):
    """The network from its normalised input on: relevance is asked for there, before the channels are one gray."""

    def __init__(self, network: PictureClassifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, model_input: Tensor) -> Tensor:
        return self.network.from_input(model_input)


def _contrast_shares(logits: Tensor, class_index: int) -> Tensor:
    leaf = logits.clone().requires_grad_(True)
    (weights,) = torch.autograd.grad(contrast_logits(leaf, class_index).sum(), leaf)
    return weights * logits


def _class_logit(logits: Tensor, class_index: int) -> Tensor:
    relevance = torch.zeros_like(logits)
    relevance[:, class_index] = logits[:, class_index].clamp(min=0)
    return relevance


def _class_probability(logits: Tensor, class_index: int) -> Tensor:
    relevance = torch.zeros_like(logits)
    relevance[:, class_index] = torch.softmax(logits, dim=1)[:, class_index]
    return relevance
