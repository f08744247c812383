"""Laws of the sensitivity map on networks whose gradients are known by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from heartviz.attribution.gradients import (
    attribute_sensitivity,
    contrast_logit,
    input_gradients_only,
    to_gray_leaf,
)
from heartviz.preprocess import Frame

FRAME = Frame(original_size=(6, 5), top=1, left=0, box_size=(4, 4), model_size=(4, 4))
HEART = np.zeros((6, 5), bool)
HEART[2:4, 1:3] = True


class Weighted(nn.Module):
    """Two logits: the weighted sum of the gray picture, and 0."""

    def __init__(self, weight: np.ndarray) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(weight.astype(np.float32)))

    def forward(self, gray: torch.Tensor) -> torch.Tensor:
        return torch.stack([(gray[0, 0] * self.weight).sum(), torch.zeros(())])


def attribute(network, gradient_for="picture_seen", arm="plain", picture=None):
    gray, _ = to_gray_leaf(np.full((4, 4), 0.5, np.float32) if picture is None else picture)
    with input_gradients_only(network):
        logits = network(gray)
    return attribute_sensitivity(
        gray,
        logits,
        0,
        frame=FRAME,
        heart_mask=HEART,
        arm=arm,
        target_class="Enlarged",
        gradient_for=gradient_for,
    ).values


def test_map_of_a_linear_model_is_its_absolute_weight_on_the_film():
    # contrast = w.x - log(exp 0) = w.x, so the gradient is w itself.
    weight = np.arange(16).reshape(4, 4) - 5.0
    values = attribute(Weighted(weight))
    np.testing.assert_allclose(values[1:5, :4], np.abs(weight))
    assert np.isnan(values[0]).all()
    assert np.isnan(values[5]).all()
    assert np.isnan(values[:, 4]).all()


def test_a_region_the_model_ignores_gets_zero():
    weight = np.ones((4, 4))
    weight[:, :2] = 0.0
    assert not attribute(Weighted(weight))[1:5, :2].any()


def test_mirrored_picture_and_mirrored_network_give_the_mirrored_map():
    weight = np.random.default_rng(0).normal(size=(4, 4))
    values = attribute(Weighted(weight))[1:5, :4]
    mirrored = attribute(Weighted(weight[:, ::-1].copy()))[1:5, :4]
    np.testing.assert_allclose(mirrored, values[:, ::-1])


def test_gradient_for_the_film_is_a_fifth_outside_the_heart_for_the_mask_arm_only():
    network = Weighted(np.ones((4, 4)))
    seen, film = attribute(network, arm="mask"), attribute(network, "film", arm="mask")
    np.testing.assert_allclose(film[HEART], seen[HEART])
    outside = ~HEART & np.isfinite(seen)
    np.testing.assert_allclose(film[outside], 0.2 * seen[outside], rtol=1e-6)
    np.testing.assert_array_equal(attribute(network, "film", arm="plain"), attribute(network))


def test_contrast_logit_is_the_log_odds():
    # softmax of (1, 2, 3): log(p / (1 - p)) of the first = 1 - log(e^2 + e^3).
    logits = torch.tensor([1.0, 2.0, 3.0])
    probability = torch.softmax(logits, 0)[0]
    assert contrast_logit(logits, 0) == pytest.approx(float(torch.log(probability / (1 - probability))), abs=1e-6)


def test_network_is_given_back_as_it_came_also_after_a_failure():
    network = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    network.train()
    network[0].bias.requires_grad_(False)
    with pytest.raises(RuntimeError, match="on purpose"), input_gradients_only(network):
        assert not network.training
        raise RuntimeError("on purpose")
    assert network.training
    assert network[1].training
    assert network[0].weight.requires_grad
    assert not network[0].bias.requires_grad
    assert network[0].weight.grad is None
