"""Random networks of eight channels a layer, and a segmenter that finds the drawn chest: the fixture `models`.

A plugin of the test modules that name it in `pytest_plugins`.
"""

from types import MappingProxyType

import numpy as np
import pytest
import torch

from heartviz import admission
from heartviz.models import ChestDistance, VGGClassifier, VGGTrunk, VGGUNet, ViewHead, vgg, vgg_unet
from heartviz.records import ARMS, TASK_CLASSES, Segmentation
from heartviz.weights import ClassifierModel, Models
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG
from tests.limits import LIMITS


@pytest.fixture
def models(monkeypatch) -> Models:
    """Random networks of eight channels a layer; the heart and lungs are the drawn chest's own."""
    return make_small_models(monkeypatch)


def make_small_models(monkeypatch: pytest.MonkeyPatch) -> Models:
    """The fixture's models, for as long as `monkeypatch` holds."""
    monkeypatch.setattr(vgg, "VGG16_CHANNELS", tuple((8,) * len(block) for block in vgg.VGG16_CHANNELS))
    monkeypatch.setattr(vgg_unet, "DECODER_CHANNELS", (8, 8, 8))
    torch.manual_seed(0)
    classifiers = {}
    for arm in ARMS:
        for task, class_names in TASK_CLASSES.items():
            network = VGGClassifier(len(class_names)).eval()
            if task == "heart_size":
                network.block4 = classifiers["congenital", arm].network.block4
            classifiers[task, arm] = ClassifierModel(task, arm, class_names, network, 1.0, {}, f"{task}_{arm}")
    probs = [mask.astype(np.float32) for mask in (HEART, LEFT_LUNG, RIGHT_LUNG)]
    found = Segmentation(*probs, HEART, LEFT_LUNG, RIGHT_LUNG, lateral_prob=0.1, chest_distance=0.5)
    calls = []
    monkeypatch.setattr(admission, "segment_film", lambda *arguments: calls.append(1) or found)
    monkeypatch.setattr(admission, "measure_chest_distance", lambda *arguments: 2.0)
    networks = (VGGTrunk().eval(), VGGUNet().eval(), ViewHead().eval(), ChestDistance().eval(), VGGUNet(1).eval())
    made = Models(*networks, MappingProxyType(classifiers), LIMITS, {"trunk": "00"}, "random", {})
    object.__setattr__(made, "segmentations", calls)
    return made
