"""Loading weights from a folder: what comes back, and what is refused."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from heartviz import weights
from heartviz.errors import WeightsError
from heartviz.models import vgg, vgg_unet
from heartviz.records import ARMS, TASK_CLASSES
from tests.limits import LIMITS
from tests.release import (
    CHECKPOINTS,
    REAL_CHANNELS,
    REAL_DECODER,
    TINY_CHANNELS,
    change_manifest,
    replace_file,
    write_release,
)

pytest_plugins = ["tests.release"]


def saved_of(release, name):
    return safetensors.torch.load(release[f"{name}.safetensors"])


def test_loaded_models_are_the_saved_ones(weights_folder, release):
    models = weights.load_models()
    for name, network in {"trunk": models.trunk, "segmenter": models.segmenter}.items():
        saved = safetensors.torch.load(release[f"{name}.safetensors"])
        assert saved["block1.0.weight" if name == "trunk" else "head.weight"].dtype == torch.float16
        assert {key: value.dtype for key, value in network.state_dict().items()} == dict.fromkeys(saved, torch.float32)
        assert all(torch.equal(value, saved[key].float()) for key, value in network.state_dict().items())
    assert models.chest.limit == 2.5  # the manifest's threshold
    assert models.lateral.block5 is models.segmenter.block5
    assert torch.equal(models.lateral.head.weight, saved_of(release, "lateral")["head.weight"].float())
    assert models.origin == "files beside the code"
    assert set(models.classifiers) == {(task, arm) for task in TASK_CLASSES for arm in ARMS}
    assert dict(models.sha256) == {
        name: hashlib.sha256(release[f"{name}.safetensors"]).hexdigest() for name in CHECKPOINTS
    } | {"gate": models.sha256["gate"]}
    assert models.limits == LIMITS
    assert models.manifest["files"]["congenital_mask"]["card"] == {"auc": 0.9}
    congenital, heart_size = models.classifiers["congenital", "mask"], models.classifiers["heart_size", "mask"]
    assert (congenital.task, congenital.arm, congenital.name) == ("congenital", "mask", "congenital_mask")
    assert congenital.class_names == ("Normal", "VSD", "ASD", "TOF")
    assert (dict(congenital.operating_point), congenital.lower_from) == ({}, None)
    assert dict(heart_size.operating_point) == {"Enlarged": 0.4}
    assert (heart_size.temperature, heart_size.lower_from) == (1.5, "congenital_mask")


def test_networks_are_frozen_in_eval_mode_and_channels_last(weights_folder):
    models = weights.load_models()
    for network in (models.trunk, models.segmenter, *(model.network for model in models.classifiers.values())):
        assert not any(module.training for module in network.modules())
        assert not any(parameter.requires_grad for parameter in network.parameters())
        four = [parameter for parameter in network.parameters() if parameter.ndim == 4]
        assert all(parameter.is_contiguous(memory_format=torch.channels_last) for parameter in four)
        assert all(parameter.device.type == "cpu" for parameter in network.parameters())


def test_tasks_of_one_arm_share_block_4_and_arms_do_not(weights_folder):
    models = weights.load_models()
    blocks = {key: model.network.block4 for key, model in models.classifiers.items()}
    assert blocks["heart_size", "plain"] is blocks["congenital", "plain"]
    assert blocks["heart_size", "mask"] is blocks["congenital", "mask"]
    assert blocks["congenital", "plain"] is not blocks["congenital", "mask"]


def test_loaded_weights_give_equal_logits_at_the_real_size(weights_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(vgg, "VGG16_CHANNELS", REAL_CHANNELS)
    monkeypatch.setattr(vgg_unet, "DECODER_CHANNELS", REAL_DECODER)
    saved = write_release(tmp_path)
    models = weights.load_models(tmp_path)
    picture = torch.randn(1, 3, 32, 48)
    # Equal to the bit: the same numbers in the same memory format through the same kernels.
    with torch.no_grad():
        expected, features = saved["trunk"](picture), models.trunk(picture)
        assert all(torch.equal(a, b) for a, b in zip(expected, features, strict=True))
        assert torch.equal(models.segmenter(features), saved["segmenter"](expected))
        for model in models.classifiers.values():
            logits = model.network(features[-1])
            assert logits.shape == (1, len(model.class_names))
            assert torch.equal(logits, saved[model.name](expected[-1]))
    assert models.origin == f"folder {tmp_path.name}"


def test_missing_manifest_is_refused(weights_folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match="No manifest.json in .*empty.*HEARTVIZ_WEIGHTS"):
        weights.load_models(tmp_path / "empty")
    with pytest.raises(WeightsError, match="Weights can't come from nonsense: give auto, local, hub, or the path"):
        weights.load_models("nonsense")


@pytest.mark.parametrize("where", ["local", "folder"])
def test_missing_file_is_refused_without_the_hub(where, weights_folder):
    (weights_folder / "segmenter.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"segmenter\.safetensors does not exist\. Put the released file into"):
        weights.load_models(weights_folder if where == "folder" else where)


def test_unreadable_file_is_refused(weights_folder):
    path = weights_folder / "trunk.safetensors"
    path.unlink()
    path.mkdir()
    change_manifest(weights_folder, "trunk", bytes=path.stat().st_size)
    with pytest.raises(WeightsError, match=r"trunk\.safetensors cannot be read"):
        weights.load_models()


@pytest.mark.parametrize("where", ["auto", "local"])
def test_wrong_hash_is_refused_and_never_replaced_from_the_hub(where, weights_folder, hub, release):
    for name, content in release.items():
        (weights_folder / name).write_bytes(content)
    path = weights_folder / "trunk.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(WeightsError, match=r"trunk\.safetensors is not the one that was released: its sha256 is"):
        weights.load_models(where)
    assert hub.requests == []
    assert path.exists()


def test_wrong_size_is_refused(weights_folder):
    path = weights_folder / "trunk.safetensors"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(WeightsError, match=f"it has 100 bytes, the manifest says {size}.* It was not used"):
        weights.load_models()


def test_wrong_shapes_are_refused(weights_folder, release):
    state = safetensors.torch.load(release["congenital_plain.safetensors"])
    state["head.weight"] = torch.zeros(5, 8)
    replace_file(weights_folder, "congenital_plain", safetensors.torch.save(state))
    with pytest.raises(WeightsError, match=r"congenital_plain\.safetensors does not fit.*vgg_classifier.*head\.weight"):
        weights.load_models()


@pytest.mark.parametrize("change", ["missing", "surplus"])
def test_other_tensors_than_the_architecture_has_are_refused(change, weights_folder, release):
    state = safetensors.torch.load(release["trunk.safetensors"])
    if change == "missing":
        del state["block3.4.bias"]
    else:
        state["block9.bias"] = torch.zeros(1)
    replace_file(weights_folder, "trunk", safetensors.torch.save(state))
    with pytest.raises(WeightsError, match=r"trunk\.safetensors does not fit"):
        weights.load_models()


def test_upper_file_with_a_block_4_of_its_own_is_refused(weights_folder, release):
    state = safetensors.torch.load(release["heart_size_plain.safetensors"]) | {"block4.0.bias": torch.zeros(8)}
    replace_file(weights_folder, "heart_size_plain", safetensors.torch.save(state))
    with pytest.raises(WeightsError, match="holds a block 4, but the manifest takes it from congenital_plain"):
        weights.load_models()


def test_pickle_is_refused_and_not_run(weights_folder, tmp_path):
    class Harm:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "harm",))

    replace_file(weights_folder, "trunk", pickle.dumps(Harm()))
    with pytest.raises(WeightsError, match=r"trunk\.safetensors is not a safetensors file"):
        weights.load_models()
    assert not (tmp_path / "harm").exists()


def test_where_comes_before_the_environment_and_the_environment_before_auto(weights_folder, tmp_path, monkeypatch):
    (weights_folder / "manifest.json").rename(tmp_path / "manifest.json")
    monkeypatch.setenv("HEARTVIZ_WEIGHTS", str(tmp_path / "from_environment"))
    with pytest.raises(WeightsError, match="from_environment"):
        weights.load_models()
    with pytest.raises(WeightsError, match="from_argument"):
        weights.load_models(tmp_path / "from_argument")
    monkeypatch.setenv("HEARTVIZ_WEIGHTS", "")
    with pytest.raises(WeightsError, match="beside"):
        weights.load_models()


def test_fresh_process_needs_the_hub_library_only_for_the_hub(weights_folder, tmp_path):
    code = """
import sys
from heartviz import weights
from heartviz.models import vgg, vgg_unet

vgg.VGG16_CHANNELS, vgg_unet.DECODER_CHANNELS = {channels}, (8, 8, 8)
weights.LOCAL_FOLDER = weights.Path({folder!r})
assert weights.load_models().origin == "files beside the code"
assert "huggingface_hub" not in sys.modules
try:
    weights.load_models("hub")
except weights.WeightsError as error:
    assert "HF_HUB_OFFLINE is set" in str(error), error
else:
    raise AssertionError("no refusal")
"""
    subprocess.run(
        [sys.executable, "-W", "error", "-c", code.format(channels=TINY_CHANNELS, folder=str(weights_folder))],
        check=True,
        cwd=Path(__file__).parents[1],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")},
    )


def test_other_limits_of_the_gate_have_another_hash(weights_folder):
    before = weights.load_models().sha256["gate"]
    path = weights_folder / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"gate": manifest["gate"] | {"films": {"set": 3}}}))
    assert weights.load_models().sha256["gate"] == before  # How they were set is not what they are.
    manifest["gate"]["refused"]["heart_area"] = [0.01, 0.3]
    path.write_text(json.dumps(manifest))
    assert weights.load_models().sha256["gate"] != before
