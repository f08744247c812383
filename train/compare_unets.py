"""U-Net from nothing against VGG-U-Net (paper Figs 6 to 9): `python -m train.compare_unets --data DIR --out DIR`.

Both get the same films, order, augmentation and number of steps. Each is trained on both sources, on one and tested on
the other, and on fewer and fewer films. A run that is done is not run again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from heartviz.errors import DataError
from heartviz.models import UNet, VGGTrunk, VGGUNet
from heartviz.models.vgg import load_block_weights
from heartviz.preprocess import square_frame, stretch_contrast, to_model_input
from heartviz.segment import clean_masks
from train.config import run_script
from train.folds import films_of, read_splits
from train.loop import train_epochs
from train.losses import dice_and_cross_entropy
from train.metrics import count_parts, score_outlines, summarise_outlines
from train.pretrained import read_imagenet_features
from train.provenance import describe_run, fingerprint
from train.segmenter import iterate_batches, load_sample
from train.sources import Film
from train.sources.ctr512 import read_films

ARCHITECTURES = ("unet", "vgg_unet")
SOURCES = ("jsrt", "wingspan")


@dataclass(frozen=True)
class Config:
    """Compare the plain U-Net with the VGG-U-Net at the same budget."""

    data: Path = field(metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    out: Path = field(metadata={"help": "run folder: a folder a run, and unets.json"})
    imagenet: Path | None = field(default=None, metadata={"help": "VGG16 features file; absent: torchvision's"})
    splits: Path = field(default=Path("weights/splits.csv"), metadata={"help": "split file"})
    size_px: int = field(default=192, metadata={"help": "side of the picture, a multiple of 16"})
    steps: int = field(default=600, metadata={"help": "optimiser steps of every run"})
    batch_size: int = field(default=4, metadata={"help": "films a step"})
    rate: float = field(default=1e-3, metadata={"help": "learning rate of what starts from nothing"})
    encoder_rate: float = field(default=1e-4, metadata={"help": "learning rate of VGG16's blocks 4 and 5"})
    film_counts: tuple[int, ...] = field(default=(25, 50, 100, 200, 400), metadata={"help": "learning curve"})
    test_every: int = field(default=1, metadata={"help": "tests on every Nth held-out film"})
    seed: int = field(default=0, metadata={"help": "seed of order, augmentation and weights"})


class OnPictures(nn.Module):
    """A segmenter with the trunk that it needs, so that both architectures take pictures; the trunk stays frozen."""

    def __init__(self, architecture: str, imagenet: dict[str, Tensor]) -> None:
        super().__init__()
        self.trunk = VGGTrunk().eval() if architecture == "vgg_unet" else None
        self.segmenter = VGGUNet() if architecture == "vgg_unet" else UNet()
        if self.trunk is not None:
            for number in (1, 2, 3):
                load_block_weights(getattr(self.trunk, f"block{number}"), number, imagenet)
            for number in (4, 5):
                load_block_weights(getattr(self.segmenter, f"block{number}"), number, imagenet)

    def forward(self, picture: Tensor) -> Tensor:
        if self.trunk is None:
            return self.segmenter(picture)
        with torch.no_grad():
            features = self.trunk(picture)
        return self.segmenter(features)


def draw_runs(films: Sequence[Film], config: Config) -> dict[str, list[Film]]:
    """Run name to its training films: both sources, each alone, and a growing share of both, at most all."""
    runs = {"both": list(films)} | {source: [film for film in films if film.source == source] for source in SOURCES}
    order = np.random.default_rng(config.seed).permutation(len(films))
    for count in config.film_counts:
        if count < len(films):
            runs[f"first_{count}"] = [films[index] for index in order[:count]]
    return runs


def train_run(
    architecture: str, films: Sequence[Film], config: Config, imagenet: dict[str, Tensor], folder: Path, key: str
) -> OnPictures:
    """The trained network of one run, from its file where the run is done."""
    torch.manual_seed(config.seed)
    network = OnPictures(architecture, imagenet).to(memory_format=torch.channels_last)
    path = folder / f"{key}.safetensors"
    if path.exists():
        network.segmenter.load_state_dict(load_file(path))
        return network.eval()
    samples = [load_sample(film) for film in films]
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
        lambda epoch: iterate_batches(samples, config.size_px, config.batch_size, config.seed + epoch, 1.0),
        lambda model, batch: dice_and_cross_entropy(model(batch[0]).float(), batch[1]),
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        run_folder=folder,
        key=key,
    )
    save_file({name: value.contiguous() for name, value in trained.segmenter.state_dict().items()}, path)
    (folder / "checkpoint.pt").unlink()
    return trained


def score_film(network: OnPictures, film: Film, size_px: int) -> dict[str, float]:
    """Scores of one film at its own size, cleaned as in the app; `heart_parts` is counted before cleaning."""
    picture = stretch_contrast(film.read_pixels())
    frame = square_frame(picture.shape, size_px)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
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
        for architecture in ARCHITECTURES:
            print(f"{architecture}, {name}: {len(of_run)} films", flush=True)
            network = train_run(architecture, of_run, config, imagenet, config.out / f"{architecture}_{name}", key)
            rows = {source: [] for source in SOURCES}
            for film in tqdm(test_films, unit="film", mininterval=10):
                rows[film.source].append(score_film(network, film, config.size_px))
            scores[architecture][name] = {"training_films": len(of_run)} | {
                source: summarise(of_source) for source, of_source in rows.items()
            }
            done = run | {"command": "python -m train.compare_unets --data DIR --out DIR", "scores": scores}
            (config.out / "unets.json").write_text(json.dumps(done, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_script(main, Config)
