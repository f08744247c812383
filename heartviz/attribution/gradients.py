"""The paper's sensitivity: how much each pixel of the picture moves the class's logit against the others."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heartviz.attribution.networks import contrast_logits
from heartviz.preprocess import normalise


def to_gray_leaf(picture: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
    """A gray picture (h, w) as a leaf (1, 1, h, w) that collects gradients, and the network's input made of it."""
    gray = torch.from_numpy(np.array(picture, dtype=np.float32))[None, None].requires_grad_(True)
    return gray, normalise(gray)


def attribute_sensitivity(gray: Tensor, logits: Tensor, class_index: int) -> NDArray[np.float32]:
    """The absolute gradient of the class's contrast logit by gray value, float32 (h, w), never negative.

    `gray` is the leaf (1, 1, h, w) that `logits` (K,) were computed from; its graph is kept. Values are per pixel of
    the network's picture: the contrast stretch and the resizing, one factor for the whole film, are not
    differentiated. Source: the paper's sensitivity analysis (section 3), which takes the class probability; the
    contrast logit does not vanish where the softmax saturates.
    """
    (gradient,) = torch.autograd.grad(contrast_logits(logits, class_index), gray, retain_graph=True)
    return gradient[0, 0].abs().numpy()
