"""A release of weights with random networks: files, manifest, and the fixtures that serve them to tests.

A plugin of the test modules that name it in `pytest_plugins`; they import its functions too, so: PYTEST_DONT_REWRITE.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub.utils import close_session

from heartviz import weights
from heartviz.models import ChestDistance, VGGClassifier, VGGTrunk, VGGUNet, ViewHead, vgg, vgg_unet
from heartviz.records import ARMS, TASK_CLASSES
from tests.hub import LoopbackHub
from tests.limits import GATE

REPOSITORY = "someone/hearts"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
REAL_CHANNELS, REAL_DECODER = vgg.VGG16_CHANNELS, vgg_unet.DECODER_CHANNELS
TINY_CHANNELS = tuple((8,) * len(block) for block in REAL_CHANNELS)
CHECKPOINTS = (
    *("trunk", "segmenter", "view", "chest", "lateral"),
    *(f"{task}_{arm}" for task in TASK_CLASSES for arm in ARMS),
)


def write_release(folder: Path) -> dict[str, torch.nn.Module]:
    """Random networks, rounded to float16 as their files are, written to `folder` with a manifest."""
    torch.manual_seed(7)
    networks = {"trunk": VGGTrunk(), "segmenter": VGGUNet(), "view": ViewHead(), "chest": ChestDistance()}
    networks["lateral"] = VGGUNet(1)
    networks["lateral"].block4, networks["lateral"].block5 = networks["segmenter"].block4, networks["segmenter"].block5
    entries = {}
    for arm in ARMS:
        for task, class_names in TASK_CLASSES.items():
            network = VGGClassifier(len(class_names))
            if task == "heart_size":
                network.block4 = networks[f"congenital_{arm}"].block4
            networks[f"{task}_{arm}"] = network
            entries[f"{task}_{arm}"] = {
                "architecture": "vgg_classifier" if task == "congenital" else "vgg_upper",
                "task": task,
                "arm": arm,
                "class_names": list(class_names),
                "temperature": 1.5,
                "operating_point": {} if task == "congenital" else {"Enlarged": 0.4},
                "lower_from": None if task == "congenital" else f"congenital_{arm}",
                "card": {"auc": 0.9},
            }
    architectures = {"trunk": "vgg_trunk", "segmenter": "vgg_unet", "view": "view_head", "chest": "chest_distance"}
    architectures["lateral"] = "vgg_unet_decoder"
    entries |= {name: {"architecture": architecture} for name, architecture in architectures.items()}
    entries["chest"]["threshold"] = 2.5
    for name in CHECKPOINTS:
        network = networks[name].half().float().eval().to(memory_format=torch.channels_last)
        state = network.state_dict()
        if entries[name]["architecture"] == "vgg_upper":
            state = {key: value for key, value in state.items() if not key.startswith("block4.")}
        if name == "lateral":
            state = {key: value for key, value in state.items() if not key.startswith(("block4.", "block5."))}
            entries[name]["encoder_sha256"] = entries["segmenter"]["sha256"]
        entries[name] |= weights.save_weights(state, folder / f"{name}.safetensors")
        entries[name] |= {"hub_repository": REPOSITORY, "hub_commit": COMMIT}
    weights.write_manifest(folder, {name: entries[name] for name in CHECKPOINTS}, GATE)
    return networks


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """File name to bytes of a release with tiny networks."""
    folder = tmp_path_factory.mktemp("release")
    with pytest.MonkeyPatch.context() as patch:
        use_tiny_networks(patch)
        write_release(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def use_tiny_networks(patch: pytest.MonkeyPatch) -> None:
    """Eight channels everywhere: the U-Net can be built and loaded so, but not run."""
    patch.setattr(vgg, "VGG16_CHANNELS", TINY_CHANNELS)
    patch.setattr(vgg_unet, "DECODER_CHANNELS", (8, 8, 8))


@pytest.fixture
def weights_folder(release: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the release, which stands beside the code; tiny networks; no settings from outside."""
    use_tiny_networks(monkeypatch)
    for name in ("HEARTVIZ_WEIGHTS", "HEARTVIZ_HUB_REPOSITORY", "HEARTVIZ_HUB_COMMIT"):
        monkeypatch.delenv(name, raising=False)
    # Nobody listens on port 9: a test that asks the hub without a loopback one fails at once.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    folder = tmp_path / "beside"
    folder.mkdir()
    for name, content in release.items():
        (folder / name).write_bytes(content)
    monkeypatch.setattr(weights, "LOCAL_FOLDER", folder)
    return folder


@pytest.fixture
def hub(weights_folder: Path, release: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A hub that has the release; only the manifest stands beside the code."""
    for path in weights_folder.glob("*.safetensors"):
        path.unlink()
    with LoopbackHub(REPOSITORY, COMMIT, {f"weights/{name}": content for name, content in release.items()}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub
    close_session()


def change_manifest(folder: Path, name: str, **values: object) -> None:
    """Writes other values into the entry `name`; ... removes the field."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][name] |= values
    manifest["files"][name] = {key: value for key, value in manifest["files"][name].items() if value is not ...}
    path.write_text(json.dumps(manifest))


def replace_file(folder: Path, name: str, content: bytes) -> None:
    """Another file, which the manifest names correctly."""
    (folder / f"{name}.safetensors").write_bytes(content)
    change_manifest(folder, name, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
