"""A head that tells a frontal from a lateral film."""

from torch import Tensor, nn

from heartviz.models.vgg import TRUNK_BLOCKS, VGG16_CHANNELS

VIEW_GRID = 5


class ViewHead(nn.Module):
    """One linear layer on the trunk's last features, averaged over a 5 x 5 grid of the picture.

    Takes the trunk's stride-4 features (N, 256, H / 4, W / 4), gives logits (N,): above 0 is lateral. Source: paper
    section 2.2.2, which trains a whole VGG16 for this; the grid keeps where on the film a feature lies.
    """

    def __init__(self) -> None:
        super().__init__()
        self.average = nn.AdaptiveAvgPool2d(VIEW_GRID)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(VGG16_CHANNELS[TRUNK_BLOCKS - 1][-1] * VIEW_GRID**2, 1)

    def forward(self, stride4: Tensor) -> Tensor:
        return self.linear(self.flatten(self.average(stride4)))[:, 0]
