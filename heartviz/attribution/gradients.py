"""The paper's sensitivity: how much each pixel of the picture moves the class's logit against the others."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from heartviz.masks import OUTSIDE_GRAY_RATIO
from heartviz.preprocess import Frame, normalise
from heartviz.records import Arm, Attribution, GradientFor

METHOD = "sensitivity"


@contextmanager
def input_gradients_only(*networks: nn.Module) -> Iterator[None]:
    """Gradients on, in eval mode, weights left out of the graph; modes and flags are given back as they were."""
    modes = [(module, module.training) for network in networks for module in network.modules()]
    flags = [(parameter, parameter.requires_grad) for network in networks for parameter in network.parameters()]
    try:
        for network in networks:
            network.eval().requires_grad_(False)
        with torch.enable_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, requires_grad in flags:
            parameter.requires_grad_(requires_grad)


def to_gray_leaf(picture: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
    """A gray picture (h, w) as a leaf (1, 1, h, w) that collects gradients, and the network's input made of it."""
    gray = torch.from_numpy(np.array(picture, dtype=np.float32))[None, None].requires_grad_(True)
    return gray, normalise(gray)


def contrast_logit(logits: Tensor, class_index: int) -> Tensor:
    """The class's logit against the others: z_c - log(sum of exp of the other logits), for logits (K,)."""
    others = torch.cat([logits[:class_index], logits[class_index + 1 :]])
    return logits[class_index] - torch.logsumexp(others, dim=0)


def attribute_sensitivity(
    gray: Tensor,
    logits: Tensor,
    class_index: int,
    *,
    frame: Frame,
    heart_mask: NDArray[np.bool_],
    arm: Arm,
    target_class: str,
    gradient_for: GradientFor,
) -> Attribution:
    """The absolute gradient of the class's contrast logit by gray value, on the film: float32 (H, W), never negative.

    `gray` is the leaf that `logits` (K,) were computed from. For "picture_seen" the gradient is by the gray value the
    network was shown; for "film" by the film's own, which for VGG+Mask is 0.2 times as large outside the heart mask
    (H, W) by the chain rule. Values are per pixel of the network's picture and enlarged to the film: the contrast
    stretch and the resizing, one factor for the whole film, are not differentiated. NaN where the network saw nothing.
    Source: the paper's sensitivity analysis (section 3), which takes the class probability; the contrast logit does
    not vanish where the softmax saturates.
    """
    (gradient,) = torch.autograd.grad(contrast_logit(logits, class_index), gray, retain_graph=True)
    values = frame.to_original(gradient[0, 0].abs().numpy())
    if gradient_for == "film" and arm == "mask":
        values = np.where(heart_mask, values, values * np.float32(OUTSIDE_GRAY_RATIO))
    return Attribution(values, METHOD, arm, target_class, gradient_for)
