"""What each model says of a film: the pictures they are shown, and calibrated predictions."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heartviz.masks import dim_outside, level_gain, level_lungs
from heartviz.preprocess import Frame
from heartviz.records import Arm, Prediction


def pictures_seen(
    picture: NDArray[np.float32], heart_mask: NDArray[np.bool_], lungs_mask: NDArray[np.bool_], frame: Frame
) -> dict[Arm, NDArray[np.float32]]:
    """The thorax as plain VGG16 sees it; with gray values outside the heart times 0.2 as VGG+Mask sees it; and heart
    and levelled lungs on black as the hardened model sees it.

    `picture` is the film with stretched contrast (H, W); the results are at the frame's model size, 0..1.
    """
    return {arm: frame.to_model(shown) for arm, shown in show_to_arms(picture, heart_mask, lungs_mask).items()}


def show_to_arms(
    picture: NDArray[np.float32], heart_mask: NDArray[np.bool_], lungs_mask: NDArray[np.bool_]
) -> dict[Arm, NDArray[np.float32]]:
    """A picture (h, w) as each model is shown it, masks of the same frame."""
    return {
        "plain": picture,
        "mask": dim_outside(picture, heart_mask),
        "hardened": level_lungs(picture, heart_mask, lungs_mask),
    }


def gray_factors(
    picture: NDArray[np.float32], heart_mask: NDArray[np.bool_], lungs_mask: NDArray[np.bool_]
) -> dict[Arm, NDArray[np.float32]]:
    """How many times the film's own gray (H, W) each model is shown: a gradient by the film's gray is so much larger.

    The hardened model's is that of the straight line its lungs are levelled by; that a pixel moves the line a little,
    and that gray is clipped, is left out.
    """
    return {
        "plain": np.ones_like(picture),
        "mask": dim_outside(np.ones_like(picture), heart_mask),
        "hardened": level_gain(picture, heart_mask, lungs_mask),
    }


def predict(
    logits: Tensor,
    task: str,
    arm: Arm,
    class_names: tuple[str, ...],
    temperature: float,
    operating_point: Mapping[str, float],
) -> Prediction:
    """One film's Prediction from its logits (classes,), in the order of `class_names`.

    The answer is the most probable class; where the operating point names a class with a threshold, that class is the
    answer exactly when its probability reaches it (two classes only).
    """
    values = logits.detach().double()
    probabilities = dict(zip(class_names, torch.softmax(values / temperature, dim=0).tolist(), strict=True))
    label = max(probabilities, key=probabilities.__getitem__)
    for name, threshold in operating_point.items():
        others = [other for other in class_names if other != name]
        label = name if probabilities[name] >= threshold else max(others, key=probabilities.__getitem__)
    return Prediction(
        task=task,
        arm=arm,
        probabilities=probabilities,
        logits=dict(zip(class_names, values.tolist(), strict=True)),
        label=label,
        temperature=temperature,
        operating_point=dict(operating_point),
    )
