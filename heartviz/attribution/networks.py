"""What an attribution method explains: one network from gray picture to logits, given back as it was."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn

from heartviz.preprocess import normalise

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class PictureClassifier(nn.Module):
    """The trunk and one classifier as one network: gray pictures (N, 1, h, w) in 0..1 to logits (N, K)."""

    def __init__(self, trunk: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.trunk, self.classifier = trunk, classifier

    def forward(self, gray: Tensor) -> Tensor:
        return self.from_input(normalise(gray))

    def from_input(self, model_input: Tensor) -> Tensor:
        """Logits (N, K) of normalised input (N, 3, h, w)."""
        return self.classifier(self.trunk(model_input)[2])


class ContrastLogit(nn.Module):
    """A network's logit of one class against the others, (N,); `tell` gets the number of pictures seen so far."""

    def __init__(self, network: nn.Module, class_index: int, tell: Callable[[int], None] | None = None) -> None:
        super().__init__()
        self.network, self.class_index, self.tell, self.seen = network, class_index, tell, 0

    def forward(self, gray: Tensor) -> Tensor:
        scores = contrast_logits(self.network(gray), self.class_index)
        self.seen += len(gray)
        if self.tell is not None:
            self.tell(self.seen)
        return scores


def contrast_logits(logits: Tensor, class_index: int) -> Tensor:
    """z_c - log(sum of exp of the other logits) of logits (..., K): the log odds of the class.

    It does not vanish where the softmax saturates, and never has one sign for every class as a logit can.
    """
    others = torch.cat([logits[..., :class_index], logits[..., class_index + 1 :]], dim=-1)
    return logits[..., class_index] - torch.logsumexp(others, dim=-1)


@contextmanager
def borrow(*networks: nn.Module) -> Iterator[None]:
    """Gradients on, in eval mode, weights left out of the graph.

    Modes, flags, gradients and hooks are given back as they were, also after a failure.
    """
    modules = [module for network in networks for module in network.modules()]
    modes = [(module, module.training) for module in modules]
    hooks = [(module, name, dict(getattr(module, name))) for module in modules for name in _HOOKS]
    parameters = [parameter for network in networks for parameter in network.parameters()]
    kept = [(parameter, parameter.requires_grad, parameter.grad) for parameter in parameters]
    try:
        for network in networks:
            network.eval().requires_grad_(False)
        with torch.enable_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
        for module, name, registered in hooks:
            getattr(module, name).clear()
            getattr(module, name).update(registered)
        for parameter, requires_grad, gradient in kept:
            parameter.requires_grad_(requires_grad)
            parameter.grad = gradient


def draw_random_weights(network: nn.Module, seed: int = 0) -> nn.Module:
    """A copy of the network whose weights are all drawn anew, as before any training (He 2015), biases zero."""
    drawn, generator = deepcopy(network), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in drawn.parameters():
            if parameter.ndim == 1:
                parameter.zero_()
            else:
                fan_in = parameter[0].numel()
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * (2 / fan_in) ** 0.5)
    return drawn
