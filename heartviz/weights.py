"""The trained models that `weights/manifest.json` names, each file checked against its sha256 before it is used."""

import hashlib
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

import heartviz
from heartviz.errors import WeightsError
from heartviz.manifest import (
    CLASSIFIERS,
    FILE_FIELDS,
    file_sha256,
    hash_gate,
    read_gate_limits,
    read_manifest,
    save_weights,
    write_manifest,
)
from heartviz.models import ENCODER, ChestDistance, VGGClassifier, VGGTrunk, VGGUNet, ViewHead
from heartviz.records import Arm, GateLimits

__all__ = [
    "ClassifierModel",
    "Models",
    "file_sha256",
    "load_models",
    "read_manifest",
    "save_weights",
    "write_manifest",
]

Network = TypeVar("Network", bound=nn.Module)

LOCAL_FOLDER = Path(heartviz.__file__).resolve().parents[1] / "weights"
HUB_FOLDER = "weights"
HUB_TIMEOUT_S = 10.0


@dataclass(frozen=True, eq=False)
class ClassifierModel:
    """A classifier's network with what turns its logits into an answer.

    `operating_point` maps a class to the probability from which it is the answer; empty means the likeliest class.
    `lower_from` names the model whose block 4 module this network shares, or is None.
    """

    task: str
    arm: Arm
    class_names: tuple[str, ...]
    network: VGGClassifier
    temperature: float
    operating_point: Mapping[str, float]
    name: str
    lower_from: str | None = None


@dataclass(frozen=True, eq=False)
class Models:
    """All networks, in eval mode and frozen, and where they came from.

    `classifiers` is (task, arm) to model; `limits` are the gate's; `sha256` is model name to the file's hash, and
    "gate" to that of its limits; `origin` says in words where the files were. `lateral` finds the heart on films from
    the side, by the encoder of `segmenter`.
    Whoever runs a network holds `lock`.
    """

    trunk: VGGTrunk
    segmenter: VGGUNet
    view: ViewHead
    chest: ChestDistance
    lateral: VGGUNet
    classifiers: Mapping[tuple[str, Arm], ClassifierModel]
    limits: GateLimits
    sha256: Mapping[str, str]
    origin: str
    manifest: Mapping[str, Any]
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)


def load_models(where: str | os.PathLike[str] | None = None) -> Models:
    """The models of the manifest, never untrained ones.

    Args:
        where: "auto" (files beside the code, each that is missing from the hub), "local" (only beside the code), "hub"
            (only from the hub, by the manifest beside the code) or a folder with manifest and files. None takes the
            environment's HEARTVIZ_WEIGHTS, or "auto".

    HEARTVIZ_HUB_REPOSITORY and HEARTVIZ_HUB_COMMIT name another copy on the hub; the manifest's sha256 still decides.

    Raises:
        WeightsError: a file is missing, damaged, or not the one that the manifest names.
    """
    where = where if where is not None else os.environ.get("HEARTVIZ_WEIGHTS") or "auto"
    beside_code = where in ("auto", "local", "hub")
    folder = LOCAL_FOLDER if beside_code else Path(where)
    if not folder.is_dir():
        raise WeightsError(f"Weights can't come from {where}: give auto, local, hub, or the path of a folder.")
    manifest = read_manifest(folder)
    states: dict[str, dict[str, Tensor]] = {}
    origins: dict[str, list[str]] = {}
    for name, entry in manifest["files"].items():
        path = folder / entry["file"]
        if where == "hub" or (where == "auto" and not path.exists()):
            content, origin = _read_from_hub(entry)
        else:
            what_to_do = (
                f"Put the released file into {folder}, or delete it and set HEARTVIZ_WEIGHTS=auto to download it."
            )
            content = _read_checked(path, entry, what_to_do)
            origin = "files beside the code" if beside_code else f"folder {folder.name}"
        states[name] = _parse_state(content, entry["file"])
        origins.setdefault(origin, []).append(name)
    return _make_models(manifest, states, origins)


def _make_models(
    manifest: Mapping[str, Any], states: dict[str, dict[str, Tensor]], origins: Mapping[str, list[str]]
) -> Models:
    files = manifest["files"]
    networks: dict[str, VGGClassifier] = {}
    # Models that take block 4 from another one come after it.
    for name in sorted(CLASSIFIERS, key=lambda name: files[name]["lower_from"] is not None):
        entry, state = files[name], states[name]
        make = partial(VGGClassifier, len(entry["class_names"]))
        if entry["lower_from"] is None:
            networks[name] = _make_network(make, state, entry)
            continue
        if any(key.startswith("block4.") for key in state):
            raise WeightsError(
                f"{entry['file']} holds a block 4, but the manifest takes it from {entry['lower_from']}."
            )
        block4 = networks[entry["lower_from"]].block4
        state |= {f"block4.{key}": value for key, value in block4.state_dict().items()}
        networks[name] = _make_network(make, state, entry)
        networks[name].block4 = block4
    classifiers = {
        (task, arm): ClassifierModel(
            task=task,
            arm=arm,
            class_names=tuple(files[name]["class_names"]),
            network=networks[name],
            temperature=float(files[name]["temperature"]),
            operating_point=MappingProxyType(dict(files[name]["operating_point"])),
            name=name,
            lower_from=files[name]["lower_from"],
        )
        for name, (task, arm) in CLASSIFIERS.items()
    }
    chest = _make_network(ChestDistance, states["chest"], files["chest"])
    chest.limit = float(files["chest"]["threshold"])
    segmenter = _make_network(VGGUNet, states["segmenter"], files["segmenter"])
    encoder = {name: value for name, value in segmenter.state_dict().items() if name.startswith(ENCODER)}
    lateral = _make_network(partial(VGGUNet, 1), states["lateral"] | encoder, files["lateral"])
    lateral.block4, lateral.block5 = segmenter.block4, segmenter.block5
    several = len(origins) > 1
    return Models(
        trunk=_make_network(VGGTrunk, states["trunk"], files["trunk"]),
        segmenter=segmenter,
        view=_make_network(ViewHead, states["view"], files["view"]),
        chest=chest,
        lateral=lateral,
        classifiers=MappingProxyType(classifiers),
        limits=read_gate_limits(manifest),
        sha256=MappingProxyType(
            {name: entry["sha256"] for name, entry in files.items()} | {"gate": hash_gate(manifest)}
        ),
        origin="; ".join(f"{origin} ({', '.join(names)})" if several else origin for origin, names in origins.items()),
        manifest=manifest,
    )


def _make_network(make: Callable[[], Network], state: Mapping[str, Tensor], entry: Mapping[str, Any]) -> Network:
    """The network with exactly the tensors of `state`. It is built without storage, so no weight can stay random."""
    with torch.device("meta"):
        network = make()
    try:
        network.load_state_dict(dict(state), strict=True, assign=True)
    except RuntimeError as error:
        raise WeightsError(
            f"{entry['file']} does not fit the architecture {entry['architecture']!r} that the manifest names: "
            f"{' '.join(str(error).split())[:300]} Use files and code of the same release."
        ) from error
    return network.to(memory_format=torch.channels_last).eval().requires_grad_(False)


def _parse_state(content: bytes, file_name: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file's bytes, as float32."""
    try:
        return {key: value.float() for key, value in safetensors.torch.load(content).items()}
    except safetensors.SafetensorError as error:
        raise WeightsError(f"{file_name} is not a safetensors file; nothing else is read as weights.") from error


def _read_checked(path: Path, entry: Mapping[str, Any], what_to_do: str) -> bytes:
    """The bytes of `path`, read once, when their number and sha256 are the manifest's."""
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size == entry["bytes"] else b""
    except OSError as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise WeightsError(f"Weights file {path} {reason}. {what_to_do}") from error
    if len(content) != entry["bytes"]:
        found = f"it has {size} bytes, the manifest says {entry['bytes']}"
    elif (digest := hashlib.sha256(content).hexdigest()) != entry["sha256"]:
        found = f"its sha256 is {digest}, the manifest says {entry['sha256']}"
    else:
        return content
    raise WeightsError(f"Weights file {path} is not the one that was released: {found}. It was not used. {what_to_do}")


def _read_from_hub(entry: Mapping[str, Any]) -> tuple[bytes, str]:
    """A file's checked bytes from the hub's cache or the hub, and its origin in words. A wrong file is deleted."""
    repository = os.environ.get("HEARTVIZ_HUB_REPOSITORY") or entry["hub_repository"]
    commit = os.environ.get("HEARTVIZ_HUB_COMMIT") or entry["hub_commit"]
    for value, kind, needed in (
        (repository, "hub_repository", 'HEARTVIZ_HUB_REPOSITORY must be "owner/name"'),
        (commit, "hub_commit", "HEARTVIZ_HUB_COMMIT must be a full commit, 40 characters of 0-9 and a-f"),
    ):
        if not re.fullmatch(FILE_FIELDS[kind], value):
            raise WeightsError(f"{needed}, got {value!r}. Correct it, or unset it to use the manifest's.")
    path, how = _find_on_hub(repository, commit, entry)
    origin = f"hub {repository} at {commit[:8]}, {how}"
    try:
        return _read_checked(path, entry, f"It came from the {origin}."), origin
    except WeightsError as error:
        removed = "It was removed from the cache" if _delete_cached(path) else "Delete it"
        raise WeightsError(f"{error} {removed}; start again to download it anew.") from error


def _find_on_hub(repository: str, commit: str, entry: Mapping[str, Any]) -> tuple[Path, str]:
    """Path of the file in the hub's cache, and "from cache" or "downloaded"; nothing of another size is downloaded."""
    file_name = entry["file"]
    # Here, not above: it costs start-up time, and local files do without it.
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.utils import httpx

    # The environment variable is read when the library is first imported, which Gradio may have done already.
    constants.HF_HUB_DISABLE_TELEMETRY = True
    address = f"{HUB_FOLDER}/{file_name}"
    endpoint = os.environ.get("HF_ENDPOINT", constants.ENDPOINT).rstrip("/")
    try:
        cached = try_to_load_from_cache(repository, address, revision=commit)
        if isinstance(cached, str):
            return Path(cached), "from cache"
        # One request without retries: hf_hub_download alone needs half a minute to notice that there is no network.
        url = hf_hub_url(repository, address, revision=commit, endpoint=endpoint)
        offered = get_hf_file_metadata(url, timeout=HUB_TIMEOUT_S, endpoint=endpoint)
        if offered.commit_hash and offered.size not in (None, entry["bytes"]):
            raise WeightsError(
                f"{file_name} in the hub's {repository} at {commit[:8]} is not the one that was released: it has "
                f"{offered.size} bytes, the manifest says {entry['bytes']}. It was not downloaded."
            )
        downloaded = hf_hub_download(
            repository, address, revision=commit, endpoint=endpoint, etag_timeout=HUB_TIMEOUT_S, library_name="heartviz"
        )
    # OSError: what the hub refuses, no network, no space, and what its Xet storage refuses, which also raises
    # RuntimeError; ValueError: a name that the hub's client does not accept.
    except (OSError, httpx.HTTPError, httpx.InvalidURL, RuntimeError, ValueError) as error:
        raise WeightsError(
            f"{file_name} is not in the hub's cache, and {endpoint} did not give it: "
            f"{_explain_hub_error(error)} (repository {repository}, commit {commit}). Copy the file to {LOCAL_FOLDER} "
            "and set HEARTVIZ_WEIGHTS=auto, or start once with a network connection. Untrained models are never used."
        ) from error
    return Path(downloaded), "downloaded"


def _explain_hub_error(error: Exception) -> str:
    """Why the hub gave no file, as the end of "it did not give it: ..."."""
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx

    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    reasons: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
        (errors.OfflineModeIsEnabled, "HF_HUB_OFFLINE is set, so nothing is downloaded"),
        (errors.GatedRepoError, "access to the repository must be asked for on the hub"),
        (errors.RepositoryNotFoundError, "the repository does not exist or is private"),
        (errors.RevisionNotFoundError, "the repository has no such commit"),
        (errors.RemoteEntryNotFoundError, f"the repository has no such file in {HUB_FOLDER}/"),
        ((httpx.TimeoutException, TimeoutError), "it did not answer in time"),
        ((httpx.ConnectError, httpx.ProxyError), "it cannot be reached"),
        (errors.FileMetadataError, "it does not answer like a Hugging Face hub"),
    )
    for kind, reason in reasons:
        if isinstance(error, kind):
            return reason
    if isinstance(error, errors.HfHubHTTPError):
        return f"it answered with status {error.response.status_code}"
    return f"the download broke off ({type(error).__name__})"


def _delete_cached(path: Path) -> bool:
    """Deletes a cached file with the blob that it links to, so that the next start downloads it; False if it can't."""
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE).resolve()
    try:
        for part in (path.resolve(), path):
            if part.parent.resolve().is_relative_to(cache):
                part.unlink(missing_ok=True)
    except OSError:
        return False
    return not path.exists()
