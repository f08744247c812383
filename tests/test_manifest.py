"""The manifest: complete or refused, and what is written is what is read."""

import hashlib
import json

import pytest
import safetensors.torch
import torch

from heartviz import manifest, weights
from heartviz.errors import WeightsError
from heartviz.manifest import PREPROCESSING
from tests.limits import GATE
from tests.release import CHECKPOINTS, COMMIT, change_manifest

pytest_plugins = ["tests.release"]


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("trunk", "file", "../trunk.safetensors"),
        ("trunk", "file", "trunk.pt"),
        ("trunk", "file", ...),
        ("trunk", "sha256", "ab"),
        ("trunk", "hub_commit", "main"),
        ("trunk", "hub_commit", COMMIT[:12]),
        ("trunk", "hub_repository", "hearts"),
        ("trunk", "bytes", "12"),
        ("trunk", "bytes", True),
        ("trunk", "architecture", "vgg_unet"),
        ("chest", "threshold", ...),
        ("chest", "threshold", 0),
        ("lateral", "encoder_sha256", "ab" * 32),
        ("congenital_mask", "task", "heart_size"),
        ("congenital_mask", "arm", "plain"),
        ("congenital_mask", "class_names", ["VSD", "Normal", "ASD", "TOF"]),
        ("congenital_mask", "temperature", 0),
        ("congenital_mask", "temperature", float("nan")),
        ("congenital_mask", "operating_point", {"Enlarged": 0.5}),
        ("heart_size_mask", "operating_point", {"Enlarged": 1.5}),
        ("heart_size_mask", "operating_point", ...),
        ("heart_size_mask", "lower_from", None),
        ("heart_size_mask", "lower_from", "congenital_plain"),
        ("heart_size_mask", "lower_from", "heart_size_mask"),
        ("congenital_mask", "lower_from", "heart_size_mask"),
        ("congenital_mask", "lower_from", ...),
    ],
)
def test_incomplete_manifest_is_refused(name, field, value, weights_folder):
    change_manifest(weights_folder, name, **{field: value})
    with pytest.raises(WeightsError, match=f"manifest.json: {field} of {name}"):
        weights.load_models()
    files = json.loads((weights_folder / "manifest.json").read_text())["files"]
    with pytest.raises(WeightsError, match=f"manifest.json: {field} of {name}"):
        manifest.write_manifest(weights_folder, files, GATE)


@pytest.mark.parametrize("content", ["{", b"\xff\xfe\xff".decode("latin-1")])
def test_manifest_that_is_not_json_is_refused(content, weights_folder):
    (weights_folder / "manifest.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(WeightsError, match="cannot be read as JSON"):
        weights.load_models()


@pytest.mark.parametrize("content", ["[]", '{"format": 2, "files": {}}', '{"format": 1, "files": {"trunk": 3}}'])
def test_manifest_of_another_format_is_refused(content, weights_folder):
    (weights_folder / "manifest.json").write_text(content)
    with pytest.raises(WeightsError, match="is not of format 1"):
        weights.load_models()


def test_manifest_without_a_model_is_refused(weights_folder):
    files = dict(manifest.read_manifest(weights_folder)["files"])
    del files["heart_size_plain"]
    with pytest.raises(WeightsError, match="must name .*heart_size_plain.*; it names"):
        manifest.write_manifest(weights_folder, files, GATE)


def test_weights_for_other_preprocessing_are_refused(weights_folder):
    path = weights_folder / "manifest.json"
    content = json.loads(path.read_text())
    content["preprocessing"]["classifier_size_px"] = 224
    path.write_text(json.dumps(content))
    with pytest.raises(WeightsError, match="this code prepares them as"):
        weights.load_models()


def test_manifest_comes_back_as_written(weights_folder, tmp_path):
    files = manifest.read_manifest(weights_folder)["files"]
    assert manifest.write_manifest(tmp_path, files, GATE) == tmp_path / "manifest.json"
    read = manifest.read_manifest(tmp_path)
    assert read == {"format": 1, "preprocessing": dict(PREPROCESSING), "gate": GATE, "files": files}
    assert set(manifest.ARCHITECTURES) == set(CHECKPOINTS)


def test_saved_file_is_described_by_its_entry(tmp_path):
    shared = torch.arange(6.0)
    state = {"a": shared, "b": shared.view(2, 3).T, "c": torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last)}
    path = tmp_path / "new" / "any.safetensors"
    entry = manifest.save_weights(state, path)
    content = path.read_bytes()
    assert entry == {
        "file": "any.safetensors",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }
    loaded = safetensors.torch.load(content)
    assert all(value.dtype == torch.float16 and torch.equal(value.float(), state[key]) for key, value in loaded.items())
    # Same tensors, same bytes.
    assert manifest.save_weights(state, tmp_path / "again.safetensors")["sha256"] == entry["sha256"]


@pytest.mark.parametrize("value", [70000.0, float("nan")])
def test_values_that_float16_cannot_hold_are_refused(value, tmp_path):
    with pytest.raises(ValueError, match=r"layer\.bias holds values that are not finite"):
        manifest.save_weights({"layer.bias": torch.tensor([1.0, value])}, tmp_path / "any.safetensors")
    assert not (tmp_path / "any.safetensors").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda gate: gate.pop("warned"), "gate must say what is warned, by heart_across"),
        (lambda gate: gate["refused"].pop("heart_area"), "gate must say what is refused, by lateral_prob"),
        (lambda gate: gate["refused"].update(heart_area=[0.3, 0.1]), "gate can't have heart_area refused by"),
        (lambda gate: gate["refused"].update(heart_area=[0.3]), "gate can't have heart_area refused by"),
        (lambda gate: gate["warned"].update(gray_levels=["32", None]), "gate can't have gray_levels warned by"),
        (lambda gate: gate["warned"].update(gray_levels=[float("nan"), None]), "gate can't have gray_levels warned by"),
    ],
)
def test_incomplete_limits_of_the_gate_are_refused(change, words, weights_folder):
    path = weights_folder / "manifest.json"
    content = json.loads(path.read_text())
    change(content["gate"])
    path.write_text(json.dumps(content))
    with pytest.raises(WeightsError, match=words):
        weights.load_models()


def test_limits_come_back_with_open_ends():
    limits = manifest.read_gate_limits({"gate": GATE})
    assert limits.refuses("heart_area", 0.31)
    assert not limits.refuses("heart_area", 0.3)
    assert limits.refuses("heart_area", float("nan"))
    assert not limits.refuses("plain_white", -1e9)
    assert limits.warns("heart_across", 0.47)
    assert not limits.warns("heart_across", 1e9)
