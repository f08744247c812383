"""Train the classifiers of one task: `python -m train.classifier --task congenital --data DIR --out DIR`.

All arms get the same films, budget and settings; only the picture differs. Heart size is learnt on the same arm's
congenital block 4, left as it is, so run congenital first.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

import heartviz
from heartviz.errors import DataError
from heartviz.measure import bootstrap_interval
from heartviz.models import VGGClassifier, VGGTrunk, VGGUNet
from heartviz.models.vgg import load_block_weights
from heartviz.preprocess import CLASSIFIER_SIZE_PX
from heartviz.records import ARMS, TASK_CLASSES
from train.arithmetic import mixed_precision
from train.calibrate import choose_operating_point, fit_temperature
from train.config import run_script
from train.datasets import (
    SOURCE_NUMBERS,
    cached,
    compute_features,
    drawn_samples,
    heart_size_samples,
    simulated_samples,
)
from train.folds import films_of, read_splits
from train.loop import get_accelerator, train_epochs
from train.outline_reader import make_reader
from train.pretrained import read_imagenet_features
from train.provenance import describe_run, fingerprint, hash_files, hash_films
from train.signs import SIGN_GROUPS
from train.sources import Film
from train.sources.ctr512 import read_films
from train.sources.drawn import read_films as read_drawn

# The code that cached features come from: another version of it makes them anew.
MADE_BY = [
    *(Path(__file__).with_name(f"{name}.py") for name in ("signs", "simulate", "warp", "datasets", "augment")),
    Path(__file__).with_name("outline_reader.py"),
    *(Path(heartviz.__file__).with_name(f"{name}.py") for name in ("segment", "masks", "preprocess", "classify")),
]


@dataclass(frozen=True)
class Config:
    """Train plain VGG16, VGG+Mask and the hardened model on one task from cached trunk features."""

    task: str = field(metadata={"help": "what is learnt", "choices": tuple(TASK_CLASSES)})
    data: Path = field(metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    out: Path = field(metadata={"help": "run folder; the tasks share it"})
    segmenter: Path = field(metadata={"help": "segmenter.safetensors of train.segmenter"})
    imagenet: Path | None = field(default=None, metadata={"help": "VGG16 features file; absent: torchvision's"})
    splits: Path = field(default=Path("weights/splits.csv"), metadata={"help": "split file"})
    drawn: tuple[Path, ...] = field(default=(), metadata={"help": "folders of heartviz phantom: frontal films to add"})
    arms: tuple[str, ...] = field(default=ARMS, metadata={"help": "models that are trained", "choices": ARMS})
    train_groups: tuple[str, ...] = field(
        default=("both", "both", "contour", "contour", "vessels"),
        metadata={"help": "congenital: signs of each copy of a training film and class", "choices": SIGN_GROUPS},
    )
    train_copies: int = field(default=4, metadata={"help": "heart size: copies of a training film"})
    blank_band_w: float = field(
        default=0.0,
        metadata={"help": "control: blanks the outline, this many thorax widths to either side"},
    )
    epochs: int = field(default=3, metadata={"help": "passes over the training films"})
    batch_size: int = field(default=16, metadata={"help": "films a step"})
    block_rate: float = field(default=1e-4, metadata={"help": "learning rate of blocks 4 and 5"})
    head_rate: float = field(default=1e-3, metadata={"help": "learning rate of the last layer"})
    label_smoothing: float = field(default=0.05, metadata={"help": "label smoothing"})
    seed: int = field(default=0, metadata={"help": "seed of simulation, order and dropout"})


def load_networks(config: Any) -> tuple[VGGTrunk, VGGUNet, dict[str, Tensor]]:
    """The frozen trunk, the trained segmenter, and the ImageNet features that classifiers start from.

    `config` is any with `imagenet` and `segmenter`.
    """
    features = read_imagenet_features(config.imagenet)
    trunk = VGGTrunk().eval().to(memory_format=torch.channels_last)
    for number in (1, 2, 3):
        load_block_weights(getattr(trunk, f"block{number}"), number, features)
    segmenter = VGGUNet().eval().to(memory_format=torch.channels_last)
    segmenter.load_state_dict(load_file(config.segmenter))
    return trunk, segmenter, features


def make_features(
    config: Config, films: list[Film], run: dict[str, Any], networks: tuple[VGGTrunk, VGGUNet]
) -> dict[str, dict[str, Tensor]]:
    """Cached trunk features of the task's training and validation films; drawn films join those for training."""
    splits = read_splits(config.splits)
    made_of = {name: run[name] for name in ("films_sha256", "splits_sha256", "segmenter_sha256")}
    code = hash_files(MADE_BY)
    copies = config.train_groups if config.task == "congenital" else config.train_copies
    asked = [config.task, copies, config.blank_band_w, config.arms]
    made = {}
    for number, split in enumerate(("train", "validation")):
        seed, training = config.seed + 100 * number, split == "train"
        if config.task == "congenital":
            groups = config.train_groups if training else SIGN_GROUPS
            make_samples = partial(simulated_samples, groups=groups, seed=seed, training=training)
        else:
            make_samples = partial(heart_size_samples, repeats=config.train_copies, seed=seed, training=training)
        of_split = films_of(films, splits, split)
        made[split] = cached(
            config.out / f"features_{config.task}_{split}.pt",
            fingerprint(made_of, code, CLASSIFIER_SIZE_PX, *asked, seed, split),
            lambda films=of_split, make=make_samples: compute_features(
                films, make, *networks, blank_band_w=config.blank_band_w, arms=config.arms
            ),
        )
    if config.drawn:
        drawn = [film for folder in config.drawn for film in read_drawn(folder) if film.view == "frontal"]
        key = fingerprint(made_of, code, CLASSIFIER_SIZE_PX, hash_films(drawn), config.task, config.arms, config.seed)
        added = cached(
            config.out / f"features_{config.task}_drawn.pt",
            key,
            lambda: compute_features(
                drawn, partial(drawn_samples, task=config.task, seed=config.seed), *networks, arms=config.arms
            ),
        )
        made["train"] = {name: torch.cat([part, added[name]]) for name, part in made["train"].items()}
        run |= {"drawn": len(drawn), "drawn_sha256": hash_films(drawn)}
    return made


def group_weights(labels: Tensor, sources: Tensor) -> Tensor:
    """Weight of each film so that within a source every class counts the same, mean 1: the source tells no label."""
    groups = (labels * (sources.max() + 1) + sources).long()
    counts = torch.bincount(groups).float().clamp(min=1)
    per_source = torch.bincount(sources.long()).float()
    weights = per_source[sources.long()] / counts[groups]
    return weights / weights.mean()


def iterate_batches(
    features: dict[str, Tensor], arm: str, batch_size: int, seed: int, shard: int = 0, shards: int = 1
) -> Iterator[tuple[Tensor, ...]]:
    """One epoch of (pooled trunk features, labels, weights) in random order, of each batch this shard's films."""
    if batch_size % shards:
        raise DataError(f"A batch of {batch_size} films can't be shared by {shards} processes: change --batch-size.")
    weights = group_weights(features["label"], features["source"])
    order = torch.randperm(len(weights), generator=torch.Generator().manual_seed(seed))
    for start in range(0, len(order) - batch_size + 1, batch_size):
        chosen = order[start + shard : start + batch_size : shards]
        stride8 = features[arm][chosen].float().contiguous(memory_format=torch.channels_last)
        yield stride8, features["label"][chosen].long(), weights[chosen]


def infer_logits(network: VGGClassifier, pooled: Tensor, shared_block4: bool = False) -> Tensor:
    """Logits (N, classes), float32, of pooled trunk features, or of block 4's output where that is what was cached."""
    network.eval()
    device = next(network.parameters()).device
    with torch.inference_mode(), mixed_precision(device.type):
        parts = []
        for part in pooled.split(16):
            part = part.to(device).float().contiguous(memory_format=torch.channels_last)
            parts.append(network.upper(part if shared_block4 else network.block4(part)).float().cpu())
    return torch.cat(parts)


def train_arm(
    config: Config, arm: str, features: dict[str, dict[str, Tensor]], imagenet: dict[str, Tensor], key: str
) -> tuple[VGGClassifier, bool]:
    """The trained classifier of one arm, and whether `features` hold block 4's output already (heart size)."""
    torch.manual_seed(config.seed)
    network = VGGClassifier(len(TASK_CLASSES[config.task])).to(memory_format=torch.channels_last)
    for number in (4, 5):
        load_block_weights(getattr(network, f"block{number}"), number, imagenet)
    shared = config.task != "congenital"
    if shared:
        lower = {k: v for k, v in load_file(config.out / f"congenital_{arm}.safetensors").items() if "block4" in k}
        network.load_state_dict(lower, strict=False)
        network.block4.requires_grad_(False)
        for part in features.values():
            part[arm] = _through_block4(network, part[arm])

    def loss_of_batch(model: VGGClassifier, batch: tuple[Tensor, ...]) -> Tensor:
        stride8 = batch[0] if shared else model.block4(batch[0])
        losses = functional.cross_entropy(
            model.upper(stride8).float(), batch[1], label_smoothing=config.label_smoothing, reduction="none"
        )
        return (losses * batch[2]).mean()

    def validate(model: nn.Module) -> dict[str, float]:
        logits, labels = infer_logits(model, features["validation"][arm], shared), features["validation"]["label"]
        right = (logits.argmax(1) == labels).float()
        scores = {"validation_loss": functional.cross_entropy(logits, labels.long()).item()}
        if shared:
            return scores | {"validation_accuracy": right.mean().item()}
        groups = features["validation"]["group"]
        return scores | {name: right[groups == index].mean().item() for index, name in enumerate(SIGN_GROUPS)}

    blocks = [p for part in (network.block4, network.block5) for p in part.parameters() if p.requires_grad]
    trained = train_epochs(
        network,
        [
            {"params": blocks, "lr": config.block_rate},
            {"params": list(network.head.parameters()), "lr": config.head_rate},
        ],
        lambda epoch, shard, shards: iterate_batches(
            features["train"], arm, config.batch_size, config.seed + epoch, shard, shards
        ),
        loss_of_batch,
        epochs=config.epochs,
        steps_per_epoch=len(features["train"]["label"]) // config.batch_size,
        run_folder=config.out / f"{config.task}_{arm}",
        key=key,
        validate=validate,
        ema_decay=0.98,
    )
    return trained, shared


def _through_block4(network: VGGClassifier, pooled: Tensor) -> Tensor:
    with torch.inference_mode(), mixed_precision():
        parts = [part.float().contiguous(memory_format=torch.channels_last) for part in pooled.split(16)]
        return torch.cat([network.block4(part).bfloat16() for part in parts])


def score(probabilities: NDArray, part: dict[str, Tensor], class_names: tuple[str, ...]) -> dict:
    """Accuracy with its interval by film, by class, by source (worst group last) and by severity third; n."""
    labels, sources = part["label"].numpy().astype(int), part["source"].numpy().astype(int)
    right = probabilities.argmax(axis=1) == labels
    films = part["film"].numpy().astype(int)
    of_film = [right[films == film].mean() for film in np.unique(films)]
    groups = {
        f"{('jsrt', 'wingspan')[source]}/{name}": float(right[(labels == index) & (sources == source)].mean())
        for index, name in enumerate(class_names)
        for source in (0, 1)
        if ((labels == index) & (sources == source)).any()
    }
    result = {
        "n": len(right),
        "base_films": len(of_film),
        "accuracy": float(right.mean()),
        "interval": bootstrap_interval(of_film),
        "by_class": {name: float(right[labels == index].mean()) for index, name in enumerate(class_names)},
        "by_group": groups,
        "worst_group": min(groups.values()),
    }
    severity = part["severity"].numpy()
    if len(class_names) == 4:
        sick = labels > 0
        edges = np.quantile(severity[sick], [0, 1 / 3, 2 / 3, 1])
        thirds = np.digitize(severity, edges[1:-1])
        result["by_severity_third"] = {
            name: float(right[sick & (thirds == index)].mean()) for index, name in enumerate(("low", "middle", "high"))
        }
    return result


def score_groups(probabilities: NDArray, part: dict[str, Tensor], class_names: tuple[str, ...]) -> dict:
    """`score` of the films with each group of signs apart; of all films for heart size."""
    if len(class_names) == 2:
        return score(probabilities, part, class_names)
    scores = {}
    for index, group in enumerate(SIGN_GROUPS):
        chosen = part["group"] == index
        scores[group] = score(
            probabilities[chosen.numpy()],
            {name: part[name][chosen] for name in ("label", "source", "film", "severity")},
            class_names,
        )
    return scores


def main(config: Config) -> None:
    """Trains the arms and writes their weights and `TASK_results.json` into the run folder."""
    if config.blank_band_w and config.task != "congenital":
        raise DataError("--blank-band-w is a control of the contour signs: use it with --task congenital.")
    class_names, accelerator = TASK_CLASSES[config.task], get_accelerator()
    trunk, segmenter, imagenet = load_networks(config)
    films = read_films(config.data)
    run = describe_run(config, films, config.splits) | {"segmenter_sha256": hash_files([config.segmenter])}
    features = make_features(config, films, run, (trunk, segmenter))
    training_films = len(films_of(films, read_splits(config.splits), "train"))
    results: dict[str, Any] = {"task": config.task, "class_names": class_names, "training_films": training_films}
    results["arms"] = {}
    if config.task == "congenital":
        with_contour = features["train"]["group"] != SIGN_GROUPS.index("vessels")
        read_by = with_contour & (features["train"]["source"] != SOURCE_NUMBERS["drawn"])
        reader = make_reader().fit(*(features["train"][name][read_by].numpy() for name in ("outline", "label")))
        read = reader.predict_proba(features["validation"]["outline"].numpy())
        results["outline_reader"] = score_groups(read, features["validation"], class_names)
        accelerator.print("outline reader", json.dumps(results["outline_reader"]), flush=True)
    for arm in config.arms:
        lower = [] if config.task == "congenital" else [config.out / f"congenital_{arm}.safetensors"]
        run[f"lower_{arm}_sha256"] = hash_files(lower)
        network, shared = train_arm(config, arm, features, imagenet, fingerprint(run, arm))
        validation = infer_logits(network, features["validation"][arm], shared)
        temperature = fit_temperature(validation, features["validation"]["label"].long())
        probabilities = torch.softmax(validation / temperature, dim=1).numpy()
        operating_point = {}
        if len(class_names) == 2:
            labels = features["validation"]["label"]
            operating_point = {class_names[1]: choose_operating_point(probabilities[:, 1], labels)}
        scores = score_groups(probabilities, features["validation"], class_names)
        results["arms"][arm] = {"temperature": temperature, "operating_point": operating_point, "validation": scores}
        accelerator.print(arm, json.dumps(results["arms"][arm]), flush=True)
        state = {name: value.contiguous() for name, value in network.state_dict().items()}
        if shared:
            state = {name: value for name, value in state.items() if not name.startswith("block4.")}
        if accelerator.is_main_process:
            save_file(state, config.out / f"{config.task}_{arm}.safetensors")
        accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        text = json.dumps(run | results, indent=2) + "\n"
        (config.out / f"{config.task}_results.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run_script(main, Config)
