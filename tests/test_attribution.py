"""Laws of every attribution method, on a small VGG16 whose numbers can be followed."""

import numpy as np
import pytest
import torch
from torch import nn

from heartviz.attribution import activations, perturbation
from heartviz.attribution.controls import compare_maps, detect_edges
from heartviz.attribution.methods import METHODS, compute_map
from heartviz.attribution.networks import ContrastLogit, PictureClassifier, borrow
from heartviz.attribution.relevance import propagate_relevance
from heartviz.models import VGGClassifier, VGGTrunk, vgg
from heartviz.words import LAYERS

SIDE = 64
LRP = ("epsilon_plus_flat", "epsilon_alpha2_beta1_flat", "deep_taylor", "deep_taylor_strange")


@pytest.fixture
def network(monkeypatch):
    """VGG16 with 8 channels everywhere and random weights, which answers the first class for the picture."""
    monkeypatch.setattr(vgg, "VGG16_CHANNELS", tuple((8,) * len(block) for block in vgg.VGG16_CHANNELS))
    torch.manual_seed(3)
    network = PictureClassifier(VGGTrunk(), VGGClassifier(3))
    for parameter in network.parameters():
        nn.init.kaiming_normal_(parameter) if parameter.ndim > 1 else nn.init.zeros_(parameter)
    return network.eval()


@pytest.fixture
def picture():
    rng = np.random.default_rng(0)
    return rng.random((SIDE, SIDE + 16), np.float32)


@pytest.fixture
def regions(picture):
    heart, lungs = np.zeros(picture.shape, bool), np.zeros(picture.shape, bool)
    heart[30:50, 30:60], lungs[5:55, 5:28] = True, True
    return {"heart": heart, "lungs": lungs, "elsewhere": ~(heart | lungs)}


def as_tensor(picture):
    return torch.from_numpy(picture)[None, None]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_a_map_of_the_picture_and_the_network_back(method, network, picture, regions):
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    told = []
    found = compute_map(method, network, picture, 1, regions, told.append)
    assert found.values.shape == picture.shape
    assert found.values.dtype == np.float32
    assert np.isfinite(found.values).all()
    assert network.training
    assert not any(module._forward_hooks or module._backward_hooks for module in network.modules())
    assert all(parameter.requires_grad for parameter in network.classifier.parameters())
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert told == sorted(told)
    assert all(0 <= done <= 1 for done in told)


@pytest.mark.parametrize("method", METHODS)
def test_a_map_is_the_same_every_time(method, network, picture, regions):
    first, second = (compute_map(method, network, picture, 1, regions).values for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_an_unknown_method_is_refused_by_name(network, picture, regions):
    with pytest.raises(ValueError, match="Unknown method 'guess': choose one of sensitivity"):
        compute_map("guess", network, picture, 0, regions)


def test_a_map_that_is_not_a_number_says_so(network, picture, regions):
    with torch.no_grad():
        network.classifier.head.weight.fill_(float("nan"))
    assert "not numbers" in compute_map("sensitivity", network, picture, 0, regions).message


@pytest.mark.parametrize("composite", ["epsilon_plus_flat", "deep_taylor"])
def test_relevance_is_conserved_without_biases(composite, network, picture):
    # No bias, so that only the stabilisers (1e-6) keep relevance; dead neurons keep what has nowhere to go.
    class_index = int(network(as_tensor(picture))[0].argmax())
    found = propagate_relevance(network, as_tensor(picture), class_index, composite)
    assert found.handed_in != 0
    assert found.gap < 1e-2


def test_relevance_turns_its_sign_with_a_two_class_target(network, picture):
    network.classifier.head = nn.Linear(8, 2)
    # z_0 - z_1 and z_1 - z_0 are handed in: opposite maps.
    first, second = (
        propagate_relevance(network, as_tensor(picture), index, "epsilon_plus_flat").values for index in (0, 1)
    )
    np.testing.assert_allclose(first, -second, rtol=1e-3, atol=1e-6 * np.abs(first).max())


def test_deep_taylor_has_nothing_to_hand_back_for_a_negative_logit(network, picture, regions):
    with torch.no_grad():
        network.classifier.head.bias.fill_(-1e4)
    found = compute_map("deep_taylor", network, picture, 0, regions)
    assert not found.values.any()
    assert "nothing to hand back" in found.message


def test_integrated_gradients_add_up_to_the_change_of_the_score(network, picture):
    score = ContrastLogit(network, 0)
    with borrow(network):
        values, gap = perturbation.integrate_gradients(score, as_tensor(picture))
    black = torch.zeros_like(as_tensor(picture))
    change = (score(as_tensor(picture)) - score(black)).item()
    # 32 steps of a piecewise linear function: the sum is off by the gap that is reported, and by no more.
    assert abs(values.sum() - change) == pytest.approx(gap * abs(change), rel=0.05, abs=1e-4)


def test_integrated_gradients_of_a_linear_model_are_weight_times_gray(picture):
    weight = np.random.default_rng(1).random(picture.shape, np.float32)
    with torch.enable_grad():
        values, gap = perturbation.integrate_gradients(Sum(weight), as_tensor(picture))
    np.testing.assert_allclose(values, weight * picture, rtol=1e-4, atol=1e-6)
    assert gap < 1e-5


class Sum(nn.Module):
    """The weighted sum of the picture: its gradient, and what blurring a part takes away, are known."""

    def __init__(self, weight):
        super().__init__()
        self.weight = torch.from_numpy(weight)

    def forward(self, gray):
        return (gray[:, 0] * self.weight).sum(dim=(1, 2))


def test_smoothgrad_of_a_linear_model_is_its_weight(picture):
    weight = np.random.default_rng(1).standard_normal(picture.shape).astype(np.float32)
    with torch.enable_grad():
        values = perturbation.smooth_gradients(Sum(weight), as_tensor(picture))
    np.testing.assert_allclose(values, weight, rtol=1e-5)


def test_occlusion_by_region_tells_what_blurring_it_takes(picture, regions):
    weight = regions["heart"].astype(np.float32)
    values, falls = perturbation.occlude_regions(Sum(weight), as_tensor(picture), regions)
    blurred = perturbation.blur(as_tensor(picture))[0, 0].numpy()
    fall = float((picture - blurred)[regions["heart"]].sum())
    assert falls["heart"] == pytest.approx(fall, rel=1e-3)
    assert falls["lungs"] == pytest.approx(0, abs=1e-3)
    assert values[regions["heart"]].sum() == pytest.approx(fall, rel=1e-3)
    assert not np.abs(values[~regions["heart"]]).max() > 1e-4


def test_occlusion_by_patch_leaves_out_what_the_model_ignores(picture):
    weight = np.zeros_like(picture)
    weight[:8, :8] = 1.0
    values = perturbation.occlude_patches(Sum(weight), as_tensor(picture))
    far = values[perturbation.PATCH_PX + perturbation.PATCH_STRIDE_PX :]
    assert np.abs(values[:8, :8]).max() > 1e-3
    assert np.abs(far).max() < 1e-4


def test_patches_are_counted_as_they_are_run(picture):
    seen = []
    network = nn.Sequential()
    network.forward = lambda gray: torch.stack([gray.sum(dim=(1, 2, 3)), torch.zeros(len(gray))], dim=1)
    perturbation.occlude_patches(ContrastLogit(network, 0, seen.append), as_tensor(picture))
    # One for the picture itself.
    assert seen[-1] == perturbation.count_patches(picture.shape) + 1


def test_layers_are_read_by_their_keras_names(network, picture):
    sizes = {layer: activations.read_layer(network, as_tensor(picture), layer).shape for layer in LAYERS}
    assert len(sizes) == 13
    assert sizes["block1_conv1"] == (8, SIDE, SIDE + 16)
    assert sizes["block5_conv3"] == (8, SIDE // 16, (SIDE + 16) // 16)
    first = network.trunk.block1[:2](torch.zeros(1, 3, 4, 4))
    assert first.shape[1] == 8
    assert (activations.read_layer(network, as_tensor(picture), "block5_conv3") >= 0).all()
    with pytest.raises(ValueError, match="Unknown layer 'block6_conv1'"):
        activations.read_layer(network, as_tensor(picture), "block6_conv1")


def test_maps_compare_by_rank_of_absolute_values():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert compare_maps(values, -(values**3)) == pytest.approx(1.0)
    assert compare_maps(values, 11 - values) == pytest.approx(-1.0)
    assert np.isnan(compare_maps(values, np.ones_like(values)))
    holed = values.copy()
    holed[0, 0] = np.nan
    assert compare_maps(holed, values) == pytest.approx(1.0)


def test_edges_lie_where_the_gray_changes():
    picture = np.zeros((20, 30), np.float32)
    picture[:, 15:] = 1.0
    edges = detect_edges(picture)
    assert edges[:, 14:16].min() > 10 * edges[:, :10].max()
    np.testing.assert_allclose(edges[:, ::-1], detect_edges(picture[:, ::-1]), rtol=1e-4, atol=1e-6)
