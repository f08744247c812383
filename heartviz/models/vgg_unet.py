"""VGG-U-Net: a U-Net whose encoder is VGG16."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from heartviz.models.vgg import make_vgg_block

DECODER_CHANNELS = (192, 96, 48)
ENCODER = ("block4.", "block5.")  # names of its tensors start so
# VGG16's features at each stride are divided by about their root mean square on chest films before they are joined
# with the decoder's, which group normalisation keeps near one. Powers of two: exact in floating point.
FEATURE_SCALES = {2: 2.0**-9, 4: 2.0**-9, 8: 2.0**-7, 16: 2.0**-3}


def make_decoder_block(channels_in: int, channels_out: int) -> nn.Sequential:
    """Two 3 x 3 convolutions, each with group normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1, bias=False),
        nn.GroupNorm(8, channels_out),
        nn.ReLU(),
        nn.Conv2d(channels_out, channels_out, kernel_size=3, padding=1, bias=False),
        nn.GroupNorm(8, channels_out),
        nn.ReLU(),
    )


class VGGUNet(nn.Module):
    """VGG16 blocks 4 and 5 with a U-Net decoder on the trunk's features; one sigmoid channel a structure.

    Takes the trunk's three feature maps of a (N, 3, H, W) picture, H and W multiples of 16, and gives logits
    (N, channels, H, W). The decoder stops at stride 2 and is interpolated from there: outlines are smoother than two
    pixels. Source: paper section 2.2.1 (VGG-U-Net).
    """

    def __init__(self, channel_count: int = 3) -> None:
        super().__init__()
        self.pool3 = nn.MaxPool2d(2)
        self.block4 = make_vgg_block(4)
        self.pool4 = nn.MaxPool2d(2)
        self.block5 = make_vgg_block(5)
        self.decode8 = make_decoder_block(512 + 512, DECODER_CHANNELS[0])
        self.decode4 = make_decoder_block(DECODER_CHANNELS[0] + 256, DECODER_CHANNELS[1])
        self.decode2 = make_decoder_block(DECODER_CHANNELS[1] + 128, DECODER_CHANNELS[2])
        self.head = nn.Conv2d(DECODER_CHANNELS[2], channel_count, kernel_size=1)

    def forward(self, features: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        _, stride2, stride4 = features
        stride8 = self.block4(self.pool3(stride4))
        stride16 = self.block5(self.pool4(stride8))
        levels = {2: stride2, 4: stride4, 8: stride8, 16: stride16}
        scaled = {stride: level * FEATURE_SCALES[stride] for stride, level in levels.items()}
        decoded = self.decode8(torch.cat([enlarge(scaled[16]), scaled[8]], dim=1))
        decoded = self.decode4(torch.cat([enlarge(decoded), scaled[4]], dim=1))
        decoded = self.decode2(torch.cat([enlarge(decoded), scaled[2]], dim=1))
        return enlarge(self.head(decoded))


def enlarge(features: Tensor) -> Tensor:
    """Twice the height and width, interpolated."""
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
