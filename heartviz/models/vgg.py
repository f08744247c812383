"""VGG16 in two pieces: a frozen trunk that every model shares, and upper blocks of each model's own."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

# Output channels of the thirteen convolutions, block by block (Simonyan and Zisserman 2015, configuration D).
VGG16_CHANNELS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
# Position of each convolution in torchvision's `vgg16().features`.
TORCHVISION_INDICES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
TRUNK_BLOCKS = 3


def make_vgg_block(number: int) -> nn.Sequential:
    """Convolutions and ReLUs of VGG16's block `number` (1 to 5), without the pooling that follows it."""
    channels_in = 3 if number == 1 else VGG16_CHANNELS[number - 2][-1]
    layers: list[nn.Module] = []
    for channels_out in VGG16_CHANNELS[number - 1]:
        layers += [nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1), nn.ReLU()]
        channels_in = channels_out
    return nn.Sequential(*layers)


def load_block_weights(block: nn.Sequential, number: int, features: Mapping[str, Tensor]) -> None:
    """Copies the weights of block `number` out of a `vgg16().features` state dict into `block`."""
    convolutions = [layer for layer in block if isinstance(layer, nn.Conv2d)]
    with torch.no_grad():
        for layer, index in zip(convolutions, TORCHVISION_INDICES[number - 1], strict=True):
            layer.weight.copy_(features[f"{index}.weight"])
            layer.bias.copy_(features[f"{index}.bias"])


class VGGTrunk(nn.Module):
    """Blocks 1 to 3 of VGG16 as trained on ImageNet; frozen, and computed once for all models that see a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.block1 = make_vgg_block(1)
        self.pool1 = nn.MaxPool2d(2)
        self.block2 = make_vgg_block(2)
        self.pool2 = nn.MaxPool2d(2)
        self.block3 = make_vgg_block(3)
        self.requires_grad_(False)

    def forward(self, model_input: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features of each block before pooling, for (N, 3, H, W): strides 1, 2, 4; 64, 128, 256 channels."""
        stride1 = self.block1(model_input)
        stride2 = self.block2(self.pool1(stride1))
        stride4 = self.block3(self.pool2(stride2))
        return stride1, stride2, stride4


class VGGClassifier(nn.Module):
    """Blocks 4 and 5 of VGG16, global average pooling and one linear layer, on top of the trunk's last features.

    Takes the trunk's stride-4 features (N, 256, H / 4, W / 4), gives logits (N, classes). Source: the paper's VGG16,
    section 2.2.3; it fine-tunes "the last three layers", we fine-tune blocks 4 and 5 and average in place of the three
    dense layers (which hold 120 of VGG16's 138 million weights).
    """

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.pool3 = nn.MaxPool2d(2)
        self.block4 = make_vgg_block(4)
        self.pool4 = nn.MaxPool2d(2)
        self.block5 = make_vgg_block(5)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(VGG16_CHANNELS[4][-1], class_count)

    def lower(self, stride4: Tensor) -> Tensor:
        """Output of block 4, (N, 512, H / 8, W / 8): what the two tasks of one arm share."""
        return self.block4(self.pool3(stride4))

    def upper(self, stride8: Tensor) -> Tensor:
        """Logits (N, classes) from block 4's output."""
        features = self.average(self.block5(self.pool4(stride8)))
        return self.head(self.dropout(self.flatten(features)))

    def forward(self, stride4: Tensor) -> Tensor:
        return self.upper(self.lower(stride4))
