"""Write trained models to `weights/`: half-precision files, manifest and one card a model.

`python -m train.export --segmenter FILE --classifiers DIR --imagenet FILE --results FILE`
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from heartviz.errors import DataError
from heartviz.manifest import CLASSIFIERS, save_weights, write_manifest
from heartviz.models import VGGTrunk
from heartviz.models.vgg import load_block_weights
from heartviz.records import TASK_CLASSES
from train.config import run_script
from train.pretrained import read_imagenet_features

TRAINED_ON = {
    "trunk": "ImageNet photographs (VGG16, Simonyan and Zisserman 2015); not changed by us.",
    "segmenter": "277 frontal films of adults with hand-drawn heart and lung masks: JSRT (SCR masks) and Wingspan.",
    "congenital": "277 frontal films of adults (JSRT, Wingspan) carrying simulated signs of VSD, ASD or TOF, or none. "
    "No film of a patient with these diseases was used: no public one could be found.",
    "heart_size": "277 frontal films of adults (JSRT, Wingspan), labelled Enlarged where the cardiothoracic ratio of "
    "the hand-drawn masks is above 0.50.",
}
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
    """Writes six weight files, manifest.json and a card a model; the same runs give the same bytes."""
    config.out.mkdir(parents=True, exist_ok=True)
    results = json.loads(config.results.read_text(encoding="utf-8")) if config.results else {}
    hub = {"hub_repository": config.hub_repository, "hub_commit": config.hub_commit}
    trained = {
        task: json.loads((config.classifiers / f"{task}_results.json").read_text(encoding="utf-8"))
        for task in TASK_CLASSES
    }
    files: dict[str, dict[str, Any]] = {}
    states = {
        "trunk": ("vgg_trunk", trunk_state(config.imagenet)),
        "segmenter": ("vgg_unet", load_file(config.segmenter)),
    }
    for name, (architecture, state) in states.items():
        files[name] = save_weights(state, config.out / f"{name}.safetensors", torch.float16)
        files[name] |= hub | {"architecture": architecture, "card": _card(name, results)}
    for name, (task, arm) in CLASSIFIERS.items():
        files[name] = save_weights(
            load_file(config.classifiers / f"{name}.safetensors"), config.out / f"{name}.safetensors", torch.float16
        )
        of_arm = trained[task]["arms"][arm]
        files[name] |= hub | {
            "architecture": "vgg_classifier" if task == "congenital" else "vgg_upper",
            "task": task,
            "arm": arm,
            "class_names": list(TASK_CLASSES[task]),
            "temperature": of_arm["temperature"],
            "operating_point": of_arm["operating_point"],
            "lower_from": None if task == "congenital" else f"congenital_{arm}",
            "card": _card(name, results),
        }
    other = [name for name, entry in files.items() if results and results["models"].get(name) != entry["sha256"]]
    if other:
        raise DataError(
            f"{config.results} measures other files than these ({', '.join(other)}): run train.evaluate again."
        )
    write_manifest(config.out, files)
    for name, entry in files.items():
        (config.out / f"{name}.md").write_text(_card_text(name, entry), encoding="utf-8")
    print(f"{sum(entry['bytes'] for entry in files.values()) / 1e6:.1f} MB in {config.out}")


def _card(name: str, results: dict) -> dict[str, Any]:
    task = CLASSIFIERS[name][0] if name in CLASSIFIERS else name
    card: dict[str, Any] = {"trained_on": TRAINED_ON[task], "licence": LICENCE}
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
    card = entry["card"]
    lines = [
        f"# {name}",
        "",
        "Research and teaching software, not a medical device: not for diagnosis, triage or treatment.",
        "",
        f"- File: `{entry['file']}`, sha256 `{entry['sha256']}`",
        f"- Architecture: {entry['architecture']}, float16",
        f"- Trained on: {card['trained_on']}",
        f"- Licence: {card['licence']}",
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
