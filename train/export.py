"""Write trained models to `weights/`: half-precision files, manifest and one card a model.

`python -m train.export --segmenter FILE --classifiers DIR --imagenet FILE --results FILE`
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from heartviz.errors import DataError
from heartviz.manifest import CLASSIFIERS, save_weights, write_manifest
from heartviz.models import VGGTrunk
from heartviz.models.vgg import load_block_weights
from heartviz.phantom import draw_chest
from heartviz.records import TASK_CLASSES
from heartviz.weights import load_models
from train.config import run_script
from train.folds import films_of, read_splits
from train.precision import compare_releases
from train.pretrained import read_imagenet_features
from train.sources.ctr512 import read_films

TRAINED_ON = {
    "trunk": "ImageNet photographs (VGG16, Simonyan and Zisserman 2015); not changed by us.",
    "segmenter": "{films} frontal films of adults with hand-drawn heart and lung masks: JSRT (SCR masks) and Wingspan.",
    "congenital": "{films} frontal films of adults (JSRT, Wingspan) carrying simulated signs of VSD, ASD or TOF, or "
    "none. No film of a patient with these diseases was used: no public one could be found.",
    "heart_size": "{films} frontal films of adults (JSRT, Wingspan), labelled Enlarged where the cardiothoracic ratio "
    "of the hand-drawn masks is above 0.50.",
}
DRAWN_CHESTS = 12
LICENCE = (
    "Research and teaching only: the weights carry the terms of their data. JSRT films (Shiraishi 2000) and SCR masks "
    "(van Ginneken 2006): research and education, cite both. Wingspan (Dong 2018): MIT. VGG16 ImageNet: CC BY 4.0."
)


@dataclass(frozen=True)
class Config:
    """Write trained models as half-precision safetensors with a manifest and cards."""

    segmenter: Path = field(metadata={"help": "segmenter.safetensors of train.segmenter"})
    classifiers: Path = field(metadata={"help": "run folder of train.classifier, both tasks done"})
    imagenet: Path | None = field(default=None, metadata={"help": "VGG16 features file; absent: torchvision's"})
    results: Path | None = field(default=None, metadata={"help": "JSON of train.evaluate, for the cards"})
    data: Path | None = field(default=None, metadata={"help": "ctr512 folder: its films check half precision too"})
    splits: Path = field(default=Path("weights/splits.csv"), metadata={"help": "split file"})
    out: Path = field(default=Path("weights"), metadata={"help": "gets the files"})
    hub_repository: str = field(default="heartviz/heartviz", metadata={"help": "hub repository named in the manifest"})
    hub_commit: str = field(default="0" * 40, metadata={"help": "full commit of the files in that repository"})


def trunk_state(imagenet: Path | None) -> dict[str, Tensor]:
    """State of the frozen trunk, from the ImageNet weights that training started from."""
    trunk, features = VGGTrunk(), read_imagenet_features(imagenet)
    for number in (1, 2, 3):
        load_block_weights(getattr(trunk, f"block{number}"), number, features)
    return trunk.state_dict()


def main(config: Config) -> None:
    """Writes six weight files, manifest.json and a card a model; the same runs give the same bytes.

    The files are checked first against the run's own float32 weights, on drawn chests and the validation films of
    `--data`. Raises DataError when half precision changes a result, or when the runs or results do not belong together.
    """
    results = json.loads(config.results.read_text(encoding="utf-8")) if config.results else {}
    runs = read_runs(config)
    with tempfile.TemporaryDirectory() as folder:
        full = write_release(config, runs, Path(folder) / "full", torch.float32)
        files = write_release(config, runs, Path(folder) / "half", torch.float16)
        write_manifest(Path(folder) / "full", full)
        write_manifest(Path(folder) / "half", files)
        half, whole = load_models(Path(folder) / "half"), load_models(Path(folder) / "full")
        checked = compare_releases(half, whole, check_pictures(config.data, config.splits))
        print(f"half precision against float32: {json.dumps(checked)}", flush=True)
        other = [name for name, entry in files.items() if results and results["models"].get(name) != entry["sha256"]]
        if other:
            raise DataError(
                f"{config.results} measures other files than these ({', '.join(other)}): run train.evaluate again."
            )
        config.out.mkdir(parents=True, exist_ok=True)
        for entry in files.values():
            shutil.copyfile(Path(folder) / "half" / entry["file"], config.out / entry["file"])
    for name, entry in files.items():
        entry["card"] = _card(name, runs, results) | {"half_precision": checked}
    write_manifest(config.out, files)
    for name, entry in files.items():
        (config.out / f"{name}.md").write_text(_card_text(name, entry), encoding="utf-8")
    print(f"{sum(entry['bytes'] for entry in files.values()) / 1e6:.1f} MB in {config.out}")


def read_runs(config: Config) -> dict[str, dict[str, Any]]:
    """The JSON beside each run: "segmenter" and each task. Raises DataError when they are of different splits."""
    paths = {"segmenter": config.segmenter.with_name("segmenter_results.json")}
    paths |= {task: config.classifiers / f"{task}_results.json" for task in TASK_CLASSES}
    missing = [path.name for path in paths.values() if not path.exists()]
    if missing:
        raise DataError(f"No {', '.join(missing)}: the run that writes it is not done. Run it to its end first.")
    runs = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items()}
    if len({run["splits_sha256"] for run in runs.values()}) > 1:
        raise DataError("The runs were made with different splits: train them all with the same split file.")
    return runs


def write_release(
    config: Config, runs: dict[str, dict[str, Any]], folder: Path, dtype: torch.dtype
) -> dict[str, dict[str, Any]]:
    """The manifest's entry of each model, without its card, of the six files written to `folder`."""
    hub = {"hub_repository": config.hub_repository, "hub_commit": config.hub_commit}
    states = {
        "trunk": ("vgg_trunk", trunk_state(config.imagenet)),
        "segmenter": ("vgg_unet", load_file(config.segmenter)),
    }
    files: dict[str, dict[str, Any]] = {}
    for name, (architecture, state) in states.items():
        files[name] = save_weights(state, folder / f"{name}.safetensors", dtype) | hub | {"architecture": architecture}
    for name, (task, arm) in CLASSIFIERS.items():
        state = load_file(config.classifiers / f"{name}.safetensors")
        files[name] = save_weights(state, folder / f"{name}.safetensors", dtype) | hub
        files[name] |= {
            "architecture": "vgg_classifier" if task == "congenital" else "vgg_upper",
            "task": task,
            "arm": arm,
            "class_names": list(TASK_CLASSES[task]),
            "temperature": runs[task]["arms"][arm]["temperature"],
            "operating_point": runs[task]["arms"][arm]["operating_point"],
            "lower_from": None if task == "congenital" else f"congenital_{arm}",
        }
    return files


def check_pictures(data: Path | None, splits: Path) -> Iterator[NDArray[np.float32]]:
    """Drawn chests of rising heart size, then the validation films of `data` where it is given."""
    for seed in range(DRAWN_CHESTS):
        yield draw_chest(seed, 0.8 + 0.7 * seed / DRAWN_CHESTS)[0]
    for film in films_of(read_films(data), read_splits(splits), "validation") if data else ():
        yield film.read_pixels()


def _card(name: str, runs: dict[str, dict[str, Any]], results: dict) -> dict[str, Any]:
    task = CLASSIFIERS[name][0] if name in CLASSIFIERS else name
    films = runs["segmenter"]["training_films"]
    card: dict[str, Any] = {"trained_on": TRAINED_ON[task].format(films=films), "licence": LICENCE}
    if task in runs:
        kept = ("config", "films", "films_sha256", "splits_sha256", "start_sha256", "segmenter_sha256", "versions")
        card["run"] = {part: runs[task][part] for part in kept if part in runs[task]}
    if not results or name == "trunk":
        return card | {"metrics": []}
    return card | {"metrics": _metric_lines(name, results), "command": results["command"]}


def _metric_lines(name: str, results: dict) -> list[str]:
    """Results on the films held out, one sentence each, with n and interval."""
    if name == "segmenter":
        return [
            f"{source}: heart Dice {_interval(of['heart_dice'], 'mean')}, "
            f"lungs Dice {_interval(of['lungs_dice'], 'mean')}, heart HD95 {of['heart_hd95_mm']['mean']:.1f} "
            f"mm-equivalent, cardiothoracic ratio error {of['ratio']['mean_absolute_error']:.4f} mean absolute; "
            f"n = {of['n']} films held out"
            for source, of in results["segmenter"].items()
        ]
    task, arm = CLASSIFIERS[name]
    if task == "heart_size":
        of = results["heart_size"][arm]
        low, high = of["auroc_interval"]
        return [
            f"AUROC {of['auroc']:.3f} (95 % {low:.3f} to {high:.3f}), accuracy {_interval(of, 'accuracy')} at "
            f"the stored operating point; n = {of['n']} real films held out"
        ]
    lines = []
    for group, words in (
        ("both", "contour and vessel signs"),
        ("contour", "contour signs only"),
        ("vessels", "vessel signs only"),
    ):
        of = results["congenital"][group]
        reader = of.get("outline_reader")
        beside = f"; reader of the true outline {reader['accuracy']:.3f}" if reader else ""
        lines.append(
            f"{words}, simulated: accuracy over four classes {_interval(of[arm], 'accuracy')}{beside}; "
            f"n = {of[arm]['n']} films from {of[arm]['base_films']} base films held out"
        )
    return lines


def _interval(values: dict, name: str) -> str:
    low, high = values["interval"]
    return f"{values[name]:.3f} (95 % {low:.3f} to {high:.3f})"


def _card_text(name: str, entry: dict) -> str:
    card, checked = entry["card"], entry["card"]["half_precision"]
    change = checked["largest_change"]
    lines = [
        f"# {name}",
        "",
        "Research and teaching software, not a medical device: not for diagnosis, triage or treatment.",
        "",
        f"- File: `{entry['file']}`, sha256 `{entry['sha256']}`",
        f"- Architecture: {entry['architecture']}, float16",
        f"- Trained on: {card['trained_on']}",
        f"- Licence: {card['licence']}",
        f"- Half precision against float32, {checked['films']} films, largest change: {change['answers']:.0f} answers, "
        f"{change['outline_px']:.0f} pixels of an outline, {change['probability']:.5f} of a probability",
    ]
    if "class_names" in entry:
        point = entry["operating_point"] or "the likeliest class"
        lines.append(
            f"- Classes: {', '.join(entry['class_names'])}; temperature {entry['temperature']:.3f}; answer: {point}"
        )
    if card["metrics"]:
        lines += ["", f"Measured with `{card['command']}`:", ""] + [f"- {line}" for line in card["metrics"]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run_script(main, Config)
