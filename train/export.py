"""Write trained models to `weights/`: half-precision files, manifest and one card a model; upload them with `--push`.

`python -m train.export --segmenter FILE --classifiers DIR --view DIR --imagenet FILE --results FILE`. Models that are
not given stay as the release in `--out` has them.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from heartviz.errors import DataError, WeightsError
from heartviz.manifest import ARCHITECTURES, CLASSIFIERS, MANIFEST_FILE, read_manifest, save_weights, write_manifest
from heartviz.models import VGGTrunk
from heartviz.models.vgg import load_block_weights
from heartviz.phantom import draw_chest
from heartviz.records import TASK_CLASSES
from heartviz.report import INTENDED_USE
from heartviz.weights import HUB_FOLDER, LOCAL_FOLDER, load_models
from train.cards import card_text, make_card
from train.config import run_script
from train.folds import films_of, read_splits
from train.gate_limits import LIMITED
from train.precision import compare_releases
from train.pretrained import read_imagenet_features
from train.provenance import hash_encoder
from train.sources.ctr512 import read_films

DRAWN_CHESTS = 12
NO_COMMIT = "0" * 40
# Models that train.evaluate does not measure: their runs do.
BY_ITSELF = ("chest", "lateral")
# The run that each model comes from.
RUN_OF = {"trunk": "segmenter", "segmenter": "segmenter", "view": "view", "chest": "chest", "lateral": "lateral"} | {
    name: task for name, (task, _) in CLASSIFIERS.items()
}


@dataclass(frozen=True)
class Config:
    """Write trained models as half-precision safetensors with a manifest and cards."""

    segmenter: Path | None = field(default=None, metadata={"help": "segmenter.safetensors of train.segmenter"})
    classifiers: Path | None = field(default=None, metadata={"help": "run folder of train.classifier, both tasks done"})
    view: Path | None = field(default=None, metadata={"help": "run folder of train.view"})
    chest: Path | None = field(default=None, metadata={"help": "run folder of train.chest"})
    lateral: Path | None = field(default=None, metadata={"help": "run folder of train.lateral"})
    gate: Path | None = field(default=None, metadata={"help": "run folder of train.gate_limits"})
    imagenet: Path | None = field(default=None, metadata={"help": "VGG16 features file; absent: torchvision's"})
    results: Path | None = field(default=None, metadata={"help": "JSON of train.evaluate, for the cards"})
    data: Path | None = field(default=None, metadata={"help": "ctr512 folder: its films check half precision too"})
    splits: Path = field(default=Path("weights/splits.csv"), metadata={"help": "split file"})
    out: Path = field(default=Path("weights"), metadata={"help": "gets the files"})
    hub_repository: str | None = field(default=None, metadata={"help": "hub repository named in the manifest"})
    hub_commit: str | None = field(default=None, metadata={"help": "full commit of the files in that repository"})
    push: str | None = field(default=None, metadata={"help": "hub repository OWNER/NAME that gets the release"})


def main(config: Config) -> None:
    """Writes the weight files, manifest.json and a card a model; the same runs give the same bytes.

    New files are checked first against the runs' own float32 weights, on drawn chests and the validation films of
    `--data`. Raises DataError when half precision changes a result, or when runs or results do not belong together.
    """
    results = json.loads(config.results.read_text(encoding="utf-8")) if config.results else {}
    runs = read_runs(config)
    # Not read_manifest: the release that is kept may be of a time with fewer models.
    path = config.out / MANIFEST_FILE
    release = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept = release.get("files", {})
    gate = read_gate(config.gate) or release.get("gate") or read_manifest(LOCAL_FOLDER)["gate"]
    missing = [name for name in ARCHITECTURES if name not in kept and name not in names_of(runs)]
    if missing:
        raise DataError(
            f"{config.out} has no release to keep {', '.join(missing)} from: give --segmenter, --classifiers, --view, "
            "--chest, --lateral."
        )
    with tempfile.TemporaryDirectory() as folder:
        half = Path(folder) / "half"
        files = write_release(config, runs, kept, half, torch.float16)
        write_manifest(half, files, gate)
        measured = {name: entry["sha256"] for name, entry in files.items() if name not in BY_ITSELF}
        other = [name for name, sha256 in measured.items() if results and results["models"].get(name) != sha256]
        if other:
            raise DataError(
                f"{config.results} measures other files than these ({', '.join(other)}): run train.evaluate again."
            )
        rounded, checked = load_models(half), None
        if runs:
            full = Path(folder) / "full"
            write_manifest(full, write_release(config, runs, kept, full, torch.float32), gate)
            pictures = check_pictures(config.data, config.splits)
            checked = compare_releases(rounded, load_models(full), pictures)
            print(f"half precision against float32: {json.dumps(checked)}", flush=True)
        config.out.mkdir(parents=True, exist_ok=True)
        for entry in files.values():
            shutil.copyfile(half / entry["file"], config.out / entry["file"])
    for name, entry in files.items():
        run = runs.get(RUN_OF[name]) if name in names_of(runs) else None
        entry["card"] = make_card(name, run, results, kept.get(name, {}).get("card"))
        if run is not None:
            entry["card"]["half_precision"] = checked
    write_manifest(config.out, files, gate)
    if gate.get("models") != {name: files[name]["sha256"] for name in LIMITED}:
        print("The gate's limits were not set with these models: run train.gate_limits, then this with --gate.")
    for name, entry in files.items():
        (config.out / f"{name}.md").write_text(card_text(name, entry), encoding="utf-8")
    print(f"{sum(entry['bytes'] for entry in files.values()) / 1e6:.1f} MB in {config.out}")
    if config.push:
        commit = push_release(config.out, config.push)
        for entry in files.values():
            entry |= {"hub_repository": config.push, "hub_commit": commit}
        write_manifest(config.out, files, gate)
        print(f"{config.push} at {commit}\nThe manifest in {config.out} names this commit: commit it with the code.")


def read_gate(run: Path | None) -> dict[str, Any] | None:
    """The gate's limits that train.gate_limits has set, and by how many films; None where no run is given."""
    if run is None:
        return None
    path = run / "gate_results.json"
    if not path.exists():
        raise DataError(f"No {path.name} in {run}: run train.gate_limits to its end first.")
    return json.loads(path.read_text(encoding="utf-8"))


def names_of(runs: Mapping[str, Any]) -> tuple[str, ...]:
    """The models that the runs make anew."""
    return tuple(
        name
        for name in ARCHITECTURES
        if RUN_OF[name] in runs and (name not in CLASSIFIERS or CLASSIFIERS[name][1] in runs[RUN_OF[name]]["arms"])
    )


def read_runs(config: Config) -> dict[str, dict[str, Any]]:
    """The JSON beside each run that is given: "segmenter", each task, "view", "chest", "lateral".

    Raises DataError when one is missing, or when segmenter and classifiers were trained with different splits.
    """
    paths: dict[str, Path] = {}
    if config.segmenter is not None:
        paths["segmenter"] = config.segmenter.with_name("segmenter_results.json")
    if config.classifiers is not None:
        paths |= {task: config.classifiers / f"{task}_results.json" for task in TASK_CLASSES}
    if config.view is not None:
        paths["view"] = config.view / "view_results.json"
    if config.chest is not None:
        paths["chest"] = config.chest / "chest_results.json"
    if config.lateral is not None:
        paths["lateral"] = config.lateral / "lateral_results.json"
    missing = [path.name for path in paths.values() if not path.exists()]
    if missing:
        raise DataError(f"No {', '.join(missing)}: the run that writes it is not done. Run it to its end first.")
    runs = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items()}
    if len({run["splits_sha256"] for name, run in runs.items() if name not in ("view", *BY_ITSELF)}) > 1:
        raise DataError("The runs were made with different splits: train them all with the same split file.")
    return runs


def trunk_state(imagenet: Path | None) -> dict[str, Tensor]:
    """State of the frozen trunk, from the ImageNet weights that training started from."""
    trunk, features = VGGTrunk(), read_imagenet_features(imagenet)
    for number in (1, 2, 3):
        load_block_weights(getattr(trunk, f"block{number}"), number, features)
    return trunk.state_dict()


def write_release(
    config: Config, runs: Mapping[str, Any], kept: Mapping[str, Any], folder: Path, dtype: torch.dtype
) -> dict[str, dict[str, Any]]:
    """The manifest's entry of each model, without its card, of the files written to `folder`; kept ones are copied."""
    files: dict[str, dict[str, Any]] = {}
    made = names_of(runs)
    for name in ARCHITECTURES:
        if name in made:
            state, described = _trained(name, config, runs)
            files[name] = save_weights(state, folder / f"{name}.safetensors", dtype) | described
        else:
            files[name] = {key: value for key, value in kept[name].items() if key != "card"}
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(config.out / files[name]["file"], folder / files[name]["file"])
        if name == "lateral":
            _check_encoder(runs, made, folder / files["segmenter"]["file"])
            files[name]["encoder_sha256"] = files["segmenter"]["sha256"]
        for key, given, usual in (
            ("hub_repository", config.hub_repository, "heartviz/heartviz"),
            ("hub_commit", config.hub_commit, NO_COMMIT),
        ):
            files[name][key] = given or kept.get(name, {}).get(key, usual)
    return files


def _check_encoder(runs: Mapping[str, Any], made: tuple[str, ...], segmenter: Path) -> None:
    """Raises DataError unless the decoder for lateral films has learnt on this segmenter's encoder."""
    kept_both = "lateral" not in made and "segmenter" not in made
    same = "lateral" in made and runs["lateral"]["encoder_sha256"] == hash_encoder(load_file(segmenter))
    if not (kept_both or same):
        raise DataError(
            "The decoder for lateral films was learnt on another segmenter's encoder: run train.lateral --segmenter "
            "FILE with the one that is exported, and give --lateral."
        )


def _trained(name: str, config: Config, runs: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """State of a newly trained model, and what the manifest says of it."""
    if name == "trunk":
        return trunk_state(config.imagenet), {"architecture": "vgg_trunk"}
    if name == "segmenter":
        return load_file(config.segmenter), {"architecture": "vgg_unet"}
    if name == "view":
        return load_file(config.view / "view.safetensors"), {"architecture": "view_head"}
    if name == "chest":
        described = {"architecture": "chest_distance", "threshold": runs["chest"]["threshold"]}
        return load_file(config.chest / "chest.safetensors"), described
    if name == "lateral":
        return load_file(config.lateral / "lateral.safetensors"), {"architecture": "vgg_unet_decoder"}
    task, arm = CLASSIFIERS[name]
    return load_file(config.classifiers / f"{name}.safetensors"), {
        "architecture": "vgg_classifier" if task == "congenital" else "vgg_upper",
        "task": task,
        "arm": arm,
        "class_names": list(TASK_CLASSES[task]),
        "temperature": runs[task]["arms"][arm]["temperature"],
        "operating_point": runs[task]["arms"][arm]["operating_point"],
        "lower_from": None if task == "congenital" else f"congenital_{arm}",
    }


def check_pictures(data: Path | None, splits: Path) -> Iterator[NDArray[np.float32]]:
    """Drawn chests of rising heart size, then the validation films of `data` where it is given."""
    for seed in range(DRAWN_CHESTS):
        yield draw_chest(seed, 0.8 + 0.7 * seed / DRAWN_CHESTS)[0]
    for film in films_of(read_films(data), read_splits(splits), "validation") if data else ():
        yield film.read_pixels()


HUB_README = """---
license: other
license_name: research-and-teaching-only
tags: [chest-x-ray, explainability, heart, vgg16]
---

# heartviz weights

Does a chest X-ray model look at the heart? {intended_use}

The files lie in `weights/`, each with its card and its sha256 in `weights/manifest.json`:

{models}
"""


def push_release(folder: Path, repository: str) -> str:
    """Uploads weight files, manifest and cards of `folder` in one commit, and gives that commit's full name.

    The repository is made when it is missing. Raises WeightsError when the hub refuses; nothing is then changed there.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, constants
    from huggingface_hub.utils import httpx

    files = read_manifest(folder)["files"]
    models = "\n".join(
        f"- [{name}]({HUB_FOLDER}/{name}.md): {entry['card']['intended_use']}" for name, entry in files.items()
    )
    readme = HUB_README.format(intended_use=INTENDED_USE, models=models)
    operations = [CommitOperationAdd("README.md", readme.encode())]
    for name in (MANIFEST_FILE, *(entry["file"] for entry in files.values())):
        operations.append(CommitOperationAdd(f"{HUB_FOLDER}/{name}", folder / name))
    for name, entry in files.items():
        operations.append(CommitOperationAdd(f"{HUB_FOLDER}/{name}.md", card_text(name, entry).encode()))
    hub = HfApi(endpoint=os.environ.get("HF_ENDPOINT", constants.ENDPOINT), library_name="heartviz")
    try:
        hub.create_repo(repository, exist_ok=True)
        made = hub.create_commit(repository, operations, commit_message="heartviz weights")
    # OSError: what the hub refuses, no token, no network; the others: its storage, and names that it does not accept.
    except (OSError, httpx.HTTPError, RuntimeError, ValueError) as error:
        raise WeightsError(
            f"{repository} did not take the release: {' '.join(str(error).split())[:300]} Log in with `hf auth login` "
            "or set HF_TOKEN to a token that may write there; OWNER/NAME must be yours."
        ) from error
    return made.oid


if __name__ == "__main__":
    run_script(main, Config)
