"""What each model says of a film: the pictures they are shown, and calibrated predictions."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heartviz.masks import dim_outside
from heartviz.preprocess import Frame
from heartviz.records import Arm, Prediction


def pictures_seen(
    picture: NDArray[np.float32], heart_mask: NDArray[np.bool_], frame: Frame
) -> dict[Arm, NDArray[np.float32]]:
    """The thorax as plain VGG16 sees it, and with gray values outside the heart times 0.2 as VGG+Mask sees it.

    `picture` is the film with stretched contrast (H, W); the results are at the frame's model size, 0..1.
    """
    return {"plain": frame.to_model(picture), "mask": frame.to_model(dim_outside(picture, heart_mask))}


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
