"""Temperature and operating point, from validation films only."""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_curve
from torch import Tensor
from torch.nn import functional

from heartviz.errors import DataError


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The positive number that divides the logits (N, K) for the least cross-entropy. Source: Guo et al. 2017."""
    logits = logits.detach().double()
    log_temperature = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(logits / log_temperature.exp(), labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(log_temperature.exp().clamp(0.05, 20.0).item())


def choose_operating_point(probabilities: NDArray, labels: Tensor) -> float:
    """The threshold with the largest sensitivity + specificity - 1 (Youden), midway to the next film below."""
    false_rate, true_rate, thresholds = roc_curve(labels.numpy(), probabilities, drop_intermediate=False)
    best = int(np.argmax(true_rate - false_rate))
    if not np.isfinite(thresholds[best]):
        raise DataError("On the validation films the model is no better than chance: no operating point can be chosen.")
    below = probabilities[probabilities < thresholds[best]]
    return float((thresholds[best] + (below.max() if below.size else 0.0)) / 2)
