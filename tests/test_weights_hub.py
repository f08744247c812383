"""Weights from the hub: a loopback one, through the real client."""

from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import torch
from huggingface_hub.utils import close_session

from heartviz import weights
from heartviz.errors import WeightsError
from tests.hub import LoopbackHub
from tests.release import CHECKPOINTS, COMMIT, REPOSITORY

pytest_plugins = ["tests.release"]


@pytest.mark.parametrize("where", ["auto", "hub"])
def test_first_start_downloads_and_second_needs_no_network(where, hub):
    first = weights.load_models(where)
    assert first.origin == f"hub {REPOSITORY} at 01234567, downloaded"
    assert sum(request.startswith("GET /content/") for request in hub.requests) == len(CHECKPOINTS)
    # Nothing but the files was asked for.
    assert all("/resolve/" in request or "/content/" in request for request in hub.requests)
    hub.close()
    second = weights.load_models(where)
    assert second.origin == f"hub {REPOSITORY} at 01234567, from cache"
    assert all(torch.equal(a, b) for a, b in zip(first.trunk.parameters(), second.trunk.parameters(), strict=True))


def test_cached_files_are_found_without_any_request(hub):
    weights.load_models("hub")
    hub.requests.clear()
    weights.load_models("hub")
    assert hub.requests == []


def test_telemetry_is_off(hub, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_TELEMETRY", False)
    weights.load_models()
    # With telemetry on, the client tells the version of torch.
    assert hub.user_agents
    assert not any("torch" in user_agent for user_agent in hub.user_agents)


def test_only_missing_files_come_from_the_hub(weights_folder, hub, release):
    for name in CHECKPOINTS[1:]:
        (weights_folder / f"{name}.safetensors").write_bytes(release[f"{name}.safetensors"])
    models = weights.load_models()
    assert models.origin == (
        f"hub {REPOSITORY} at 01234567, downloaded (trunk); files beside the code ({', '.join(CHECKPOINTS[1:])})"
    )
    assert sum(request.startswith("GET") for request in hub.requests) == 1


def test_hub_only_does_not_read_files_beside_the_code(weights_folder, hub):
    (weights_folder / "trunk.safetensors").write_bytes(b"anything")
    assert weights.load_models("hub").origin.startswith("hub ")
    with pytest.raises(WeightsError, match="it has 8 bytes"):
        weights.load_models("auto")


def test_hub_down_with_an_empty_cache_is_said_in_words(weights_folder, hub):
    hub.close()
    with pytest.raises(WeightsError, match="trunk.safetensors is not in the hub's cache.*cannot be reached.*Copy"):
        weights.load_models()


def test_offline_mode_with_an_empty_cache_is_said_in_words(hub, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE is set"):
        weights.load_models()
    assert hub.requests == []


def test_wrong_hash_from_the_hub_is_refused_removed_and_downloaded_anew(hub, release, tmp_path):
    right = release["trunk.safetensors"]
    hub.files["weights/trunk.safetensors"] = right[:-1] + b"?"
    for _ in range(2):
        with pytest.raises(WeightsError, match="its sha256 is.*not used.*It was removed from the cache"):
            weights.load_models()
        assert [
            path for path in (tmp_path / "cache").rglob("*") if path.is_file() and right[:-1] in path.read_bytes()
        ] == []
    assert sum(request.startswith("GET") for request in hub.requests) == 2
    hub.files["weights/trunk.safetensors"] = right
    assert weights.load_models().origin.endswith("downloaded")


def test_a_file_of_another_size_is_not_downloaded(hub, release):
    hub.files["weights/trunk.safetensors"] = release["trunk.safetensors"] + b"?" * 1000
    with pytest.raises(WeightsError, match="is not the one that was released: it has .* It was not downloaded"):
        weights.load_models()
    assert not any(request.startswith("GET") for request in hub.requests)


def test_file_changed_in_the_cache_is_refused_and_downloaded_anew(hub, tmp_path):
    weights.load_models()
    blob = next((tmp_path / "cache").rglob("trunk.safetensors")).resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    with pytest.raises(WeightsError, match="from cache.*removed from the cache; start again"):
        weights.load_models()
    assert "downloaded (trunk)" in weights.load_models().origin


def test_wrong_file_that_cannot_be_removed_is_said_so(hub, tmp_path, monkeypatch):
    weights.load_models()
    next((tmp_path / "cache").rglob("trunk.safetensors")).write_bytes(b"anything")

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError

    monkeypatch.setattr(weights.Path, "unlink", refuse)
    with pytest.raises(WeightsError, match="it has 8 bytes.* Delete it; start again"):
        weights.load_models()


def test_download_that_breaks_off_is_resumed(hub):
    hub.fault = "cut once"
    assert weights.load_models().origin.endswith("downloaded")


def test_truncated_download_is_refused_and_not_kept(hub, tmp_path):
    hub.fault = "short"
    with pytest.raises(WeightsError, match=r"the download broke off \(OSError\)"):
        weights.load_models()
    assert list((tmp_path / "cache").rglob("trunk.safetensors")) == []
    hub.fault = "none"
    assert weights.load_models().origin.endswith("downloaded")


@pytest.mark.parametrize("commit", ["main", COMMIT[:7], COMMIT.upper(), f"{COMMIT}\n"])
def test_commit_that_is_not_full_is_refused(commit, hub, monkeypatch):
    monkeypatch.setenv("HEARTVIZ_HUB_COMMIT", commit)
    with pytest.raises(WeightsError, match="HEARTVIZ_HUB_COMMIT must be a full commit, 40 characters"):
        weights.load_models()
    assert hub.requests == []


@pytest.mark.parametrize("repository", ["hearts", "../hearts", "a/b/c", "https://hub/a"])
def test_repository_that_is_no_name_is_refused(repository, hub, monkeypatch):
    monkeypatch.setenv("HEARTVIZ_HUB_REPOSITORY", repository)
    with pytest.raises(WeightsError, match='HEARTVIZ_HUB_REPOSITORY must be "owner/name"'):
        weights.load_models()
    assert hub.requests == []


def test_environment_names_another_copy_but_the_hash_decides(weights_folder, release, tmp_path, monkeypatch, hub):
    other_commit = "f" * 40
    files = {f"weights/{name}": content for name, content in release.items()}
    with LoopbackHub("mirror/copy", other_commit, files) as mirror:
        monkeypatch.setenv("HF_ENDPOINT", mirror.endpoint + "/")
        monkeypatch.setenv("HEARTVIZ_HUB_REPOSITORY", "mirror/copy")
        monkeypatch.setenv("HEARTVIZ_HUB_COMMIT", other_commit)
        assert weights.load_models().origin == "hub mirror/copy at ffffffff, downloaded"
        close_session()
    planted = safetensors.torch.load(release["trunk.safetensors"])
    planted["block1.0.bias"] = planted["block1.0.bias"] + 1
    files["weights/trunk.safetensors"] = safetensors.torch.save(planted)
    assert len(files["weights/trunk.safetensors"]) == len(release["trunk.safetensors"])
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "other_cache"))
    with LoopbackHub("mirror/copy", other_commit, files) as mirror:
        monkeypatch.setenv("HF_ENDPOINT", mirror.endpoint)
        with pytest.raises(WeightsError, match="its sha256 is"):
            weights.load_models()


def test_unknown_repository_commit_and_file_are_told_apart(hub, monkeypatch):
    del hub.files["weights/trunk.safetensors"]
    with pytest.raises(WeightsError, match="the repository has no such file in weights/"):
        weights.load_models()
    monkeypatch.setenv("HEARTVIZ_HUB_COMMIT", "0" * 40)
    with pytest.raises(WeightsError, match="the repository has no such commit .*commit 0000"):
        weights.load_models()
    monkeypatch.setenv("HEARTVIZ_HUB_REPOSITORY", "no/body")
    with pytest.raises(WeightsError, match=r"the repository does not exist or is private \(repository no/body"):
        weights.load_models()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("unavailable", "it answered with status 503"),
        ("no hub", "it does not answer like a Hugging Face hub"),
        ("slow", "it did not answer in time"),
    ],
)
def test_hub_in_trouble_is_said_in_words(fault, words, hub, monkeypatch):
    monkeypatch.setattr(weights, "HUB_TIMEOUT_S", 0.2)
    hub.fault, hub.delay_s = fault, 0.6
    with pytest.raises(WeightsError, match=words):
        weights.load_models()
