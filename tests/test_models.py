"""Shapes and gradients of the networks that no shipped weights go through."""

import torch

from heartviz.models import UNet


def test_unet_gives_logits_of_the_pictures_size_and_learns_everywhere():
    torch.manual_seed(0)
    network = UNet(channel_count=2)
    logits = network(torch.rand(1, 3, 48, 80))
    assert logits.shape == (1, 2, 48, 80)
    logits.square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())
