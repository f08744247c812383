"""U-Net from nothing against VGG-U-Net (paper Figs 6 to 9): `python -m train.compare_unets --data DIR --out DIR`.

Both get the same films, order, augmentation and number of steps. Each is trained on both sources, on one and tested on
the other, on hearts that `train.contours` outlined in place of hand-drawn ones, and on more and more films; always
tested on hand-drawn masks. A run that is done is not run again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from heartviz.errors import DataError
from heartviz.models import UNet
from heartviz.preprocess import square_frame, stretch_contrast, to_model_input
from heartviz.segment import clean_masks
from train.arithmetic import mixed_precision
from train.config import run_script
from train.contours import trace_heart
from train.folds import films_of, read_splits
from train.loop import get_accelerator, train_epochs
from train.metrics import count_parts, score_outlines, summarise_outlines
from train.pretrained import read_imagenet_features
from train.provenance import describe_run, fingerprint
from train.segmenter import OnPictures, Sample, iterate_batches, load_sample, loss_of_batch, make_vgg_unet
from train.sources import Film
from train.sources.ctr512 import read_films

ARCHITECTURES = ("unet", "vgg_unet")
SOURCES = ("jsrt", "wingspan")
TRACED = "traced"


@dataclass(frozen=True)
class Config:
    """Compare the plain U-Net with the VGG-U-Net at the same budget."""

    data: Path = field(metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    out: Path = field(metadata={"help": "run folder: a folder a run, and unets.json"})
    imagenet: Path | None = field(default=None, metadata={"help": "VGG16 features file; absent: torchvision's"})
    splits: Path = field(default=Path("weights/splits.csv"), metadata={"help": "split file"})
    size_px: int = field(default=128, metadata={"help": "side of the picture, a multiple of 16"})
    steps: int = field(default=300, metadata={"help": "optimiser steps of every run"})
    batch_size: int = field(default=4, metadata={"help": "films a step"})
    rate: float = field(default=1e-3, metadata={"help": "learning rate of what starts from nothing"})
    encoder_rate: float = field(default=1e-4, metadata={"help": "learning rate of VGG16's blocks 4 and 5"})
    film_counts: tuple[int, ...] = field(default=(25, 50, 100, 200, 400), metadata={"help": "learning curve"})
    test_every: int = field(default=1, metadata={"help": "tests on every Nth held-out film"})
    seed: int = field(default=0, metadata={"help": "seed of order, augmentation and weights"})


def draw_runs(films: Sequence[Film], config: Config) -> dict[str, list[Film]]:
    """Run name to its training films: both sources, each alone, both again as TRACED, and a growing share of both."""
    runs = {"both": list(films)} | {source: [film for film in films if film.source == source] for source in SOURCES}
    runs[TRACED] = list(films)
    order = np.random.default_rng(config.seed).permutation(len(films))
    for count in config.film_counts:
        if count < len(films):
            runs[f"first_{count}"] = [films[index] for index in order[:count]]
    return runs


def trace_sample(film: Film) -> Sample | None:
    """The film with the heart as `train.contours` outlines it between the first and last row of the drawn one.

    None where the film is refused there.
    """
    picture, masks = load_sample(film)
    first, last = np.flatnonzero(masks[0].any(axis=1))[[0, -1]]
    try:
        heart_mask = trace_heart(film.read_pixels(), int(first), int(last)).mask
    except DataError:
        return None
    return picture, np.stack([heart_mask, *masks[1:]])


def load_samples(name: str, films: Sequence[Film]) -> list[Sample]:
    """The training films of a run, with the masks that it learns."""
    if name != TRACED:
        return [load_sample(film) for film in films]
    return [sample for sample in map(trace_sample, films) if sample is not None]


def train_run(
    architecture: str, samples: Sequence[Sample], config: Config, imagenet: dict[str, Tensor], folder: Path, key: str
) -> OnPictures:
    """The trained network of one run, from its file where the run is done."""
    torch.manual_seed(config.seed)
    network = make_vgg_unet(imagenet) if architecture == "vgg_unet" else OnPictures(UNet(), None)
    network = network.to(memory_format=torch.channels_last)
    path = folder / f"{key}.safetensors"
    if path.exists():
        network.segmenter.load_state_dict(load_file(path))
        return network.eval()
    steps_per_epoch = len(samples) // config.batch_size
    epochs = max(1, round(config.steps / steps_per_epoch))
    encoder = {f"segmenter.block{number}" for number in (4, 5)} if architecture == "vgg_unet" else set()
    own = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    tuned = [p for name, p in own if ".".join(name.split(".")[:2]) in encoder]
    fresh = [p for name, p in own if ".".join(name.split(".")[:2]) not in encoder]
    groups = [{"params": fresh, "lr": config.rate}]
    groups += [{"params": tuned, "lr": config.encoder_rate}] if tuned else []
    trained = train_epochs(
        network,
        groups,
        lambda epoch, shard, shards: iterate_batches(
            samples, config.size_px, config.batch_size, config.seed + epoch, 1.0, shard=shard, shards=shards
        ),
        loss_of_batch,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        run_folder=folder,
        key=key,
    )
    if get_accelerator().is_main_process:
        save_file({name: value.contiguous() for name, value in trained.segmenter.state_dict().items()}, path)
        (folder / "checkpoint.pt").unlink()
    return trained


def score_film(network: OnPictures, film: Film, size_px: int) -> dict[str, float]:
    """Scores of one film at its own size, cleaned as in the app; `heart_parts` is counted before cleaning."""
    picture = stretch_contrast(film.read_pixels())
    frame = square_frame(picture.shape, size_px)
    with torch.inference_mode(), mixed_precision():
        probs = torch.sigmoid(network(to_model_input(frame.to_model(picture))).float())[0].numpy()
    masks = clean_masks([frame.to_original(prob, fill=0.0) for prob in probs])
    return score_outlines(masks, film.read_masks()) | {"heart_parts": count_parts(probs[0] > 0.5)}


def summarise(rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    """`summarise_outlines`, and the mean number of parts that the heart came in."""
    return summarise_outlines(rows) | {"heart_parts": float(np.mean([row["heart_parts"] for row in rows]))}


def main(config: Config) -> None:
    """Runs what is not done yet, and writes `unets.json`: architecture, run and tested source to scores."""
    films, splits = read_films(config.data), read_splits(config.splits)
    train_films, test_films = (films_of(films, splits, split) for split in ("train", "test"))
    test_films = test_films[:: config.test_every]
    if config.size_px % 16:
        raise DataError(f"--size-px is {config.size_px}; it must be a multiple of 16.")
    imagenet = read_imagenet_features(config.imagenet)
    run = describe_run(config, films, config.splits)
    settings = {name: value for name, value in run["config"].items() if name not in ("film_counts", "test_every")}
    key = fingerprint(settings, run["films_sha256"], run["splits_sha256"])
    runs = draw_runs(train_films, config)
    scores: dict[str, Any] = {architecture: {} for architecture in ARCHITECTURES}
    for name, of_run in runs.items():
        samples = load_samples(name, of_run)
        for architecture in ARCHITECTURES:
            get_accelerator().print(f"{architecture}, {name}: {len(samples)} films", flush=True)
            network = train_run(architecture, samples, config, imagenet, config.out / f"{architecture}_{name}", key)
            rows = {source: [] for source in SOURCES}
            for film in tqdm(test_films, unit="film", mininterval=10):
                rows[film.source].append(score_film(network, film, config.size_px))
            scores[architecture][name] = {"training_films": len(samples)} | {
                source: summarise(of_source) for source, of_source in rows.items()
            }
            done = run | {"command": "python -m train.compare_unets --data DIR --out DIR", "scores": scores}
            if get_accelerator().is_main_process:
                (config.out / "unets.json").write_text(json.dumps(done, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_script(main, Config)
