"""Laws of the sensitivity map on networks whose gradients are known by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from heartviz.attribution.gradients import attribute_sensitivity, to_gray_leaf
from heartviz.attribution.networks import borrow, contrast_logits, draw_random_weights


class Weighted(nn.Module):
    """Two logits: the weighted sum of the gray picture, and 0."""

    def __init__(self, weight: np.ndarray) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(weight.astype(np.float32)))

    def forward(self, gray: torch.Tensor) -> torch.Tensor:
        return torch.stack([(gray[0, 0] * self.weight).sum(), torch.zeros(())])


def attribute(network, picture=None):
    gray, _ = to_gray_leaf(np.full((4, 4), 0.5, np.float32) if picture is None else picture)
    with borrow(network):
        logits = network(gray)
    return attribute_sensitivity(gray, logits, 0)


def test_map_of_a_linear_model_is_its_absolute_weight():
    # contrast = w.x - log(exp 0) = w.x, so the gradient is w itself.
    weight = np.arange(16).reshape(4, 4) - 5.0
    np.testing.assert_allclose(attribute(Weighted(weight)), np.abs(weight))


def test_a_region_the_model_ignores_gets_zero():
    weight = np.ones((4, 4))
    weight[:, :2] = 0.0
    assert not attribute(Weighted(weight))[:, :2].any()


def test_mirrored_picture_and_mirrored_network_give_the_mirrored_map():
    weight = np.random.default_rng(0).normal(size=(4, 4))
    mirrored = attribute(Weighted(weight[:, ::-1].copy()))
    np.testing.assert_allclose(mirrored[:, ::-1], attribute(Weighted(weight)))


def test_contrast_logit_is_the_log_odds():
    # softmax of (1, 2, 3): log(p / (1 - p)) of the first = 1 - log(e^2 + e^3).
    logits = torch.tensor([1.0, 2.0, 3.0])
    probability = torch.softmax(logits, 0)[0]
    assert contrast_logits(logits, 0) == pytest.approx(float(torch.log(probability / (1 - probability))), abs=1e-6)


def test_network_is_given_back_as_it_came_also_after_a_failure():
    network = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    network.train()
    network[0].bias.requires_grad_(False)
    with pytest.raises(RuntimeError, match="on purpose"), borrow(network):
        assert not network.training
        raise RuntimeError("on purpose")
    assert network.training
    assert network[1].training
    assert network[0].weight.requires_grad
    assert not network[0].bias.requires_grad
    assert network[0].weight.grad is None


def test_hooks_and_gradients_left_behind_are_taken_away():
    network = nn.Sequential(nn.Conv2d(1, 1, 1))
    before = torch.ones_like(network[0].weight)
    network[0].weight.grad = before
    kept = network[0].register_forward_hook(lambda module, given, output: None)
    with pytest.raises(RuntimeError, match="on purpose"), borrow(network):
        network[0].register_forward_hook(lambda module, given, output: 2 * output)
        network[0].register_full_backward_hook(lambda module, given, output: None)
        network[0].weight.grad = None
        raise RuntimeError("on purpose")
    assert list(network[0]._forward_hooks) == [kept.id]
    assert not network[0]._backward_hooks
    assert network[0].weight.grad is before


def test_random_weights_are_new_reproducible_and_leave_the_network_alone():
    network = nn.Sequential(nn.Conv2d(3, 64, 3), nn.Flatten(), nn.LazyLinear(2))
    network(torch.zeros(1, 3, 5, 5))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    drawn, again = draw_random_weights(network, 1), draw_random_weights(network, 1)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
        torch.testing.assert_close(drawn.state_dict()[name], again.state_dict()[name], rtol=0, atol=0)
    assert not drawn[0].bias.any()
    # He 2015: variance 2 / fan_in = 2 / 27 over 1728 weights, whose relative error is sqrt(2 / 1728) = 0.034.
    assert drawn[0].weight.var().item() == pytest.approx(2 / 27, rel=0.15)
    assert (drawn[0].weight != network[0].weight).all()
