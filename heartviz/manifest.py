"""The list of weight files, `weights/manifest.json`: what each file is, its sha256, and where the hub has it."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from heartviz.errors import WeightsError
from heartviz.masks import HEART_OPENING_W, LEVEL_MEDIAN, LEVEL_SPREAD, OUTSIDE_GRAY_RATIO, SMOOTHING_SIGMA_PX
from heartviz.preprocess import (
    CLASSIFIER_SIZE_PX,
    CONTRAST_PERCENTILES,
    IMAGENET_MEAN_RGB,
    INPUT_SCALE,
    LATERAL_SIZE_PX,
    SEGMENTER_SIZE_PX,
    THORAX_MARGIN_RATIO,
)
from heartviz.records import ARMS, TASK_CLASSES, Arm, GateLimits

MANIFEST_FORMAT = 1
MANIFEST_FILE = "manifest.json"
# What weights are trained for: other values in the code need other weights.
PREPROCESSING = MappingProxyType(
    {
        "mean_rgb": list(IMAGENET_MEAN_RGB),
        "input_scale": INPUT_SCALE,
        "contrast_percentiles": list(CONTRAST_PERCENTILES),
        "segmenter_size_px": SEGMENTER_SIZE_PX,
        "lateral_size_px": LATERAL_SIZE_PX,
        "classifier_size_px": CLASSIFIER_SIZE_PX,
        "thorax_margin_ratio": THORAX_MARGIN_RATIO,
        "smoothing_sigma_px": SMOOTHING_SIGMA_PX,
        "heart_opening_w": HEART_OPENING_W,
        "outside_gray_ratio": OUTSIDE_GRAY_RATIO,
        "lungs_level": [LEVEL_MEDIAN, LEVEL_SPREAD],
    }
)
CLASSIFIERS: Mapping[str, tuple[str, Arm]] = MappingProxyType(
    {f"{task}_{arm}": (task, arm) for task in TASK_CLASSES for arm in ARMS}
)
ARCHITECTURES = {
    "trunk": ("vgg_trunk",),
    "segmenter": ("vgg_unet",),
    "view": ("view_head",),
    "chest": ("chest_distance",),
    "lateral": ("vgg_unet_decoder",),
    **dict.fromkeys(CLASSIFIERS, ("vgg_classifier", "vgg_upper")),
}
_PARTS = ("heart", "left_lung", "right_lung")
# What the gate measures, and has limits for.
GATE_LIMITS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "refused": (
            *("lateral_prob", "lateral_distance"),
            *("left_lung_to_the_right", "lung_overlap", "heart_across", "heart_down", "heart_contrast"),
            *("plain_black", "plain_white", "gray_levels", "gray_range"),
            *(f"{part}_{measured}" for measured in ("area", "certainty", "stray") for part in _PARTS),
            *("left_over_right_lung", "cardiothoracic_ratio"),
        ),
        "warned": (
            *("heart_across", "plain_black", "plain_white", "gray_levels", "longer_side_px", "cardiothoracic_ratio"),
        ),
    }
)
# What each text of a file's entry must look like: what lies outside would let a manifest reach past its folder.
FILE_FIELDS = {
    "file": r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.safetensors",
    "sha256": r"[0-9a-f]{64}",
    "hub_repository": r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*",
    "hub_commit": r"[0-9a-f]{40}",
}


def read_manifest(folder: Path) -> Mapping[str, Any]:
    """The manifest of `folder`, checked to name every model fully."""
    path = folder / MANIFEST_FILE
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(
            f"No {MANIFEST_FILE} in {folder}. Get the whole repository, or set HEARTVIZ_WEIGHTS to a folder with it."
        ) from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read as JSON. Get it anew from the repository.") from error
    _check_manifest(manifest)
    return manifest


def write_manifest(folder: Path, files: Mapping[str, Mapping[str, Any]], gate: Mapping[str, Any]) -> Path:
    """Path of the manifest written to `folder`: each model's entry and the gate's, checked as when it is read."""
    manifest = {
        "format": MANIFEST_FORMAT,
        "preprocessing": dict(PREPROCESSING),
        "gate": dict(gate),
        "files": dict(files),
    }
    _check_manifest(manifest)
    path = folder / MANIFEST_FILE
    path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return path


def _check_manifest(manifest: Any) -> None:
    """Raises WeightsError unless the manifest names all models, and each completely."""
    files = manifest.get("files") if isinstance(manifest, dict) and manifest.get("format") == MANIFEST_FORMAT else None
    if not isinstance(files, dict) or not all(isinstance(entry, dict) for entry in files.values()):
        raise WeightsError(f"{MANIFEST_FILE} is not of format {MANIFEST_FORMAT}. Use weights and code of one release.")
    if (prepared := manifest.get("preprocessing")) != PREPROCESSING:
        raise WeightsError(
            f"{MANIFEST_FILE}: the weights want films prepared as {prepared!r}, this code prepares them as "
            f"{dict(PREPROCESSING)!r}. Use weights and code of one release."
        )
    if set(files) != set(ARCHITECTURES):
        raise WeightsError(f"{MANIFEST_FILE} must name {', '.join(ARCHITECTURES)}; it names {', '.join(files)}.")
    _check_gate(manifest.get("gate"))
    for name, entry in files.items():
        for key, wanted in FILE_FIELDS.items():
            if not isinstance(entry.get(key), str) or not re.fullmatch(wanted, entry[key]):
                raise WeightsError(f"{MANIFEST_FILE}: {key} of {name} is {entry.get(key)!r}; it must match {wanted}.")
        rules = {
            "bytes": _is_number(entry.get("bytes")),
            "architecture": entry.get("architecture") in ARCHITECTURES[name],
        }
        if name == "chest":
            rules["threshold"] = _is_number(entry.get("threshold"))
        if name == "lateral":  # a decoder knows one encoder only
            rules["encoder_sha256"] = entry.get("encoder_sha256") == files["segmenter"]["sha256"]
        if name in CLASSIFIERS:
            rules |= _classifier_rules(name, entry, files)
        for key, holds in rules.items():
            if not holds:
                raise WeightsError(f"{MANIFEST_FILE}: {key} of {name} can't be {entry.get(key)!r}. Write it anew.")


def _check_gate(gate: Any) -> None:
    """Raises WeightsError unless there is a pair of numbers, or null for no limit, for whatever the gate measures."""
    for kind, names in GATE_LIMITS.items():
        limits = gate.get(kind) if isinstance(gate, dict) else None
        if not isinstance(limits, dict) or set(limits) != set(names):
            raise WeightsError(f"{MANIFEST_FILE}: gate must say what is {kind}, by {', '.join(names)}. Write it anew.")
        for name, ends in limits.items():
            pair = isinstance(ends, list | tuple) and len(ends) == 2
            if not (pair and all(end is None or _is_finite(end) for end in ends)) or (
                None not in ends and ends[0] >= ends[1]
            ):
                raise WeightsError(f"{MANIFEST_FILE}: gate can't have {name} {kind} by {ends!r}. Write it anew.")


def read_gate_limits(manifest: Mapping[str, Any]) -> GateLimits:
    """The gate's limits of a manifest that was read."""
    ends = (-math.inf, math.inf)
    kinds = (
        {
            name: tuple(end if given is None else float(given) for given, end in zip(pair, ends, strict=True))
            for name, pair in manifest["gate"][kind].items()
        }
        for kind in GATE_LIMITS
    )
    return GateLimits(*(MappingProxyType(limits) for limits in kinds))


def hash_gate(manifest: Mapping[str, Any]) -> str:
    """sha256 of the gate's limits: with others, other films pass."""
    limits = {kind: manifest["gate"][kind] for kind in GATE_LIMITS}
    return hashlib.sha256(json.dumps(limits, sort_keys=True).encode()).hexdigest()


def _classifier_rules(name: str, entry: Mapping[str, Any], files: Mapping[str, Any]) -> dict[str, bool]:
    """Whether each field of a classifier's entry holds what it must."""
    task, arm = CLASSIFIERS[name]
    lower, thresholds = entry.get("lower_from"), entry.get("operating_point")
    # Block 4 sees one arm's picture, and comes from a model that has it itself.
    shared = [other for other in CLASSIFIERS if other != name and CLASSIFIERS[other][1] == arm]
    holders = [other for other in shared if files[other].get("architecture") == "vgg_classifier"]
    return {
        "task": entry.get("task") == task,
        "arm": entry.get("arm") == arm,
        "class_names": entry.get("class_names") == list(TASK_CLASSES[task]),
        "temperature": _is_number(entry.get("temperature")),
        "operating_point": isinstance(thresholds, dict)
        and set(thresholds) <= set(TASK_CLASSES[task])
        and all(_is_number(value) and value <= 1 for value in thresholds.values()),
        "lower_from": lower in holders
        if entry.get("architecture") == "vgg_upper"
        else "lower_from" in entry and lower is None,
    }


def _is_number(value: Any) -> bool:
    return _is_finite(value) and value > 0


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def save_weights(state: Mapping[str, Tensor], path: Path, dtype: torch.dtype = torch.float16) -> dict[str, Any]:
    """The manifest's "file", "sha256" and "bytes" of the safetensors file written to `path`."""
    # clone: tensors that share storage can't be saved. contiguous: nor can channels last.
    tensors = {
        key: value.detach().to("cpu", dtype).clone(memory_format=torch.contiguous_format)
        for key, value in state.items()
    }
    for key, value in tensors.items():
        if not value.isfinite().all():
            raise ValueError(f"{key} holds values that are not finite, or too large for {dtype}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(tensors, path)
    return {"file": path.name, "sha256": file_sha256(path), "bytes": path.stat().st_size}


def file_sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
