"""A distance that tells a chest film from anything else: how unlike the training films' features a picture's are."""

import math

import torch
from torch import Tensor, nn

from heartviz.models.vgg import TRUNK_BLOCKS, VGG16_CHANNELS

CHEST_GRID = 5
CHEST_AXES = 16


class ChestDistance(nn.Module):
    """Distance of the trunk's last features, averaged over a 5 x 5 grid, from those of the training films.

    Takes the trunk's stride-4 features (N, 256, H / 4, W / 4), gives distances (N,): about 1 for a training film. Of
    each average the logarithm of 1 + x is taken and scaled by its spread. Along the `axes` on which training films
    differ most, a picture may lie as far off as they do, and across them hardly. `limit` is the distance from which on
    a picture is no chest film. Source: Mahalanobis distance with the covariance of probabilistic principal components
    (Tipping and Bishop 1999), the two parts averaged.
    """

    centre: Tensor
    spread: Tensor
    axes: Tensor
    axis_spread: Tensor
    rest_spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        count = VGG16_CHANNELS[TRUNK_BLOCKS - 1][-1] * CHEST_GRID**2
        self.average = nn.AdaptiveAvgPool2d(CHEST_GRID)
        self.flatten = nn.Flatten()
        self.limit = math.inf
        self.register_buffer("centre", torch.zeros(count))
        self.register_buffer("spread", torch.ones(count))
        self.register_buffer("axes", torch.zeros(CHEST_AXES, count))
        self.register_buffer("axis_spread", torch.ones(CHEST_AXES))
        self.register_buffer("rest_spread", torch.ones(1))

    def forward(self, stride4: Tensor) -> Tensor:
        return self.measure(self.flatten(self.average(stride4)))

    def measure(self, grids: Tensor) -> Tensor:
        """Distances (N,) of averages (N, 6400), none below 0."""
        scaled = (grids.log1p() - self.centre) / self.spread
        along = scaled @ self.axes.T
        across = (scaled - along @ self.axes).square().mean(dim=1)
        return ((along / self.axis_spread).square().mean(dim=1) + across / self.rest_spread.square()).div(2).sqrt()
