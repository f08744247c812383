"""U-Net: the paper's first segmenter, trained from nothing."""

import torch
from torch import Tensor, nn

from heartviz.models.vgg_unet import enlarge, make_decoder_block

UNET_CHANNELS = (32, 64, 128, 256, 512)


class UNet(nn.Module):
    """Five levels of two 3 x 3 convolutions each, down by pooling and up by interpolation, with skips.

    Takes a (N, 3, H, W) picture, H and W multiples of 16, and gives logits (N, channels, H, W). Like VGGUNet it ends at
    stride 2. Source: Ronneberger 2015, paper section 2.2.1; half its channels, group normalisation, padding: ours.
    """

    def __init__(self, channel_count: int = 3) -> None:
        super().__init__()
        widths = UNET_CHANNELS
        self.pool = nn.ModuleList(nn.MaxPool2d(2) for _ in widths[1:])
        self.encode = nn.ModuleList(
            make_decoder_block(before, after) for before, after in zip((3, *widths), widths, strict=False)
        )
        self.decode = nn.ModuleList(
            make_decoder_block(deep + skip, skip) for deep, skip in zip(widths[:1:-1], widths[-2:0:-1], strict=True)
        )
        self.head = nn.Conv2d(widths[1], channel_count, kernel_size=1)

    def forward(self, picture: Tensor) -> Tensor:
        skips = [self.encode[0](picture)]
        for pool, encode in zip(self.pool, self.encode[1:], strict=True):
            skips.append(encode(pool(skips[-1])))
        decoded = skips.pop()
        for decode in self.decode:
            decoded = decode(torch.cat([enlarge(decoded), skips.pop()], dim=1))
        return enlarge(self.head(decoded))
