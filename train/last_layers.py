"""VGG16 frozen up to its last convolution: what stays frozen is computed once, the rest is trained in seconds."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from heartviz.models.vgg import VGG16_CHANNELS, load_block_weights, make_vgg_block
from train.arithmetic import mixed_precision
from train.loop import train_epochs


@dataclass(frozen=True, kw_only=True)
class LastTraining:
    """How the last convolution and the head are trained."""

    epochs: int = field(default=4, metadata={"help": "passes over the training films"})
    batch_size: int = field(default=16, metadata={"help": "films a step"})
    block_rate: float = field(default=1e-4, metadata={"help": "learning rate of the last convolution"})
    head_rate: float = field(default=1e-3, metadata={"help": "learning rate of the last layer"})
    seed: int = field(default=0, metadata={"help": "seed of everything that is drawn"})


def freeze_upper(imagenet: dict[str, Tensor]) -> tuple[nn.Sequential, nn.Sequential]:
    """VGG16 above the trunk in two: what stays frozen, from the trunk's features on, and the last convolution."""
    block4, block5 = make_vgg_block(4), make_vgg_block(5)
    load_block_weights(block4, 4, imagenet)
    load_block_weights(block5, 5, imagenet)
    frozen = nn.Sequential(nn.MaxPool2d(2), *block4, nn.MaxPool2d(2), *block5[:-2]).eval().requires_grad_(False)
    return frozen.to(memory_format=torch.channels_last), block5[-2:]


def train_last(
    features: Tensor,
    labels: Tensor,
    last: nn.Sequential,
    training: LastTraining,
    outside: Tensor | None = None,
    penalty: float = 0.0,
) -> nn.Sequential:
    """Last convolution and head trained on the frozen layers' outputs (N, 512, h, w); every class weighs the same.

    With `outside` (N, 1, h, w), the loss gets `penalty` times the share of the squared gradient that lies there: of
    the summed log probabilities, by the frozen layers' outputs. Source: right for the right reasons, Ross 2017, which
    penalises the gradient itself, by the picture's pixels.
    """
    torch.manual_seed(training.seed)
    class_count = int(labels.max()) + 1
    last, head = deepcopy(last), nn.Linear(VGG16_CHANNELS[4][-1], class_count)
    network = nn.Sequential(last, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), head)
    network = network.to(memory_format=torch.channels_last)
    weights = len(labels) / class_count / torch.bincount(labels).float()

    def batches(epoch: int, shard: int, shards: int) -> Iterator[tuple[Tensor, ...]]:
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(training.seed + epoch))
        for chosen in order.split(training.batch_size):
            batch = features[chosen].float().contiguous(memory_format=torch.channels_last), labels[chosen]
            yield batch if outside is None else (*batch, outside[chosen])

    def loss_of_batch(model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        given, truth, *places = batch
        if places:
            given = given.requires_grad_(True)
        logits, own = model(given).float(), weights.to(truth.device)
        loss = functional.cross_entropy(logits, truth, weight=own, label_smoothing=0.05)
        return loss + penalty * share_outside(logits, given, places[0]) if places else loss

    groups = [
        {"params": list(last.parameters()), "lr": training.block_rate},
        {"params": list(head.parameters()), "lr": training.head_rate},
    ]
    steps = -(-len(labels) // training.batch_size)
    return train_epochs(network, groups, batches, loss_of_batch, training.epochs, steps, None, key="", ema_decay=0.95)


def share_outside(logits: Tensor, given: Tensor, outside: Tensor) -> Tensor:
    """Share of the squared gradient of the summed log probabilities that lies outside (N, 1, h, w), mean over films."""
    (gradient,) = torch.autograd.grad(torch.log_softmax(logits, dim=1).sum(), given, create_graph=True)
    squared = gradient.square().sum(dim=1, keepdim=True)
    return ((squared * outside).sum(dim=(1, 2, 3)) / squared.sum(dim=(1, 2, 3)).clamp_min(1e-20)).mean()


def predict_last(network: nn.Module, features: Tensor) -> NDArray[np.float32]:
    """Probabilities (N, classes) of the frozen layers' outputs."""
    with torch.inference_mode(), mixed_precision():
        parts = [part.float().contiguous(memory_format=torch.channels_last) for part in features.split(32)]
        logits = torch.cat([network(part) for part in parts])
    return torch.softmax(logits.float(), dim=1).numpy()
