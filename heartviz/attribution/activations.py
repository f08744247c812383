"""Maps from what layers put out: Grad-CAM (Captum), and the layer explorer."""

import numpy as np
import torch
from captum.attr import LayerGradCam
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from heartviz.attribution.networks import PictureClassifier
from heartviz.words import LAYERS


def grad_cam(score: nn.Module, network: PictureClassifier, gray: Tensor) -> NDArray[np.float32]:
    """Block 5's channels weighted by their mean gradient, signed, enlarged to the picture (h, w).

    Source: Selvaraju 2017, without the ReLU: what speaks against the class is kept.
    """
    cam = LayerGradCam(score, network.classifier.block5).attribute(gray, relu_attributions=False)
    enlarged = functional.interpolate(cam.detach(), gray.shape[-2:], mode="bilinear", align_corners=False)
    return enlarged[0, 0].numpy()


def read_layer(network: PictureClassifier, gray: Tensor, layer: str) -> NDArray[np.float32]:
    """What a convolution of VGG16 puts out after its ReLU for one picture: (channels, h / stride, w / stride).

    `layer` is one of LAYERS, as Keras names them. Source: the paper's first try at seeing what VGG16 looks at
    (section 3). Raises ValueError for another name.
    """
    if layer not in LAYERS:
        raise ValueError(f"Unknown layer {layer!r}: choose one of {', '.join(LAYERS)}.")
    block, convolution = int(layer[5]), int(layer[-1])
    owner = network.trunk if block <= 3 else network.classifier
    seen: list[Tensor] = []
    handle = getattr(owner, f"block{block}")[2 * convolution - 1].register_forward_hook(
        lambda module, given, output: seen.append(output)
    )
    try:
        with torch.inference_mode():
            network(gray)
    finally:
        handle.remove()
    return seen[0][0].float().numpy()
