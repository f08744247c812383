"""Losses for segmentation."""

import torch
from torch import Tensor
from torch.nn import functional


def dice_and_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over films and channels of (1 - soft Dice) plus binary cross-entropy; logits and target (N, C, H, W)."""
    probabilities = torch.sigmoid(logits)
    overlap = (probabilities * target).sum(dim=(2, 3))
    total = probabilities.sum(dim=(2, 3)) + target.sum(dim=(2, 3))
    soft_dice = (2 * overlap + 1.0) / (total + 1.0)
    return (1 - soft_dice).mean() + functional.binary_cross_entropy_with_logits(logits, target)
