"""Train the decoder that finds the heart on films taken from the side: `python -m train.lateral --films DIR --out DIR`.

The films are drawn (`python -m heartviz phantom --view lateral`), since no public lateral film has a heart mask; the
paper outlined its lateral hearts by hand. Trunk and encoder stay as the shipped segmenter has them, so that nothing
changes on frontal films.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from heartviz.errors import DataError
from heartviz.measure import bootstrap_interval
from heartviz.models import ENCODER, VGGTrunk, VGGUNet
from heartviz.preprocess import LATERAL_SIZE_PX
from heartviz.segment import find_lateral_heart
from train.augment import AFFINE_KINDS
from train.classifier import load_networks
from train.config import describe_config, run_script
from train.folds import draw_splits, films_of
from train.loop import train_epochs
from train.metrics import dice
from train.provenance import fingerprint, hash_encoder, hash_films, read_versions
from train.segmenter import OnPictures, Sample, iterate_batches, load_sample, loss_of_batch, validation_scores
from train.sources import Film
from train.sources.drawn import read_films

# Mirrored films are films of their own here: from the side neither lung is the left one of the picture.
AFFINE = tuple(kind for kind in AFFINE_KINDS if kind != "symmetry")


@dataclass(frozen=True)
class Config:
    """Train the decoder that finds the heart on lateral films, on drawn ones."""

    films: tuple[Path, ...] = field(metadata={"help": "folders of heartviz phantom --view lateral"})
    out: Path = field(metadata={"help": "run folder: checkpoint, log, lateral.safetensors, lateral_results.json"})
    segmenter: Path = field(
        default=Path("weights/segmenter.safetensors"), metadata={"help": "file whose encoder is used"}
    )
    imagenet: Path | None = field(default=None, metadata={"help": "VGG16 features file; absent: torchvision's"})
    size_px: int = field(default=LATERAL_SIZE_PX, metadata={"help": "picture size"})
    epochs: int = field(default=2, metadata={"help": "passes over the films, each as it is and mirrored"})
    batch_size: int = field(default=4, metadata={"help": "films a step"})
    rate: float = field(default=1e-3, metadata={"help": "learning rate"})
    augmentation: float = field(default=1.0, metadata={"help": "share of films changed in gray, strength of affine"})
    seed: int = field(default=0, metadata={"help": "seed of split, order and augmentation"})


class Mirrored(Sequence[Sample]):
    """Every film's picture and heart (1, H, W), then every one mirrored."""

    def __init__(self, films: Sequence[Film]) -> None:
        self.samples = [(picture, masks[:1]) for picture, masks in map(load_sample, films)]

    def __len__(self) -> int:
        return 2 * len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        mirrored = index >= len(self.samples)
        picture, masks = self.samples[index - len(self.samples) if mirrored else index]
        return (picture[:, ::-1], masks[..., ::-1]) if mirrored else (picture, masks)


def make_network(trunk: VGGTrunk, segmenter: VGGUNet) -> OnPictures:
    """A new decoder of one channel on the trunk and the segmenter's encoder, which are frozen."""
    decoder = VGGUNet(channel_count=1)
    decoder.block4, decoder.block5 = segmenter.block4.requires_grad_(False), segmenter.block5.requires_grad_(False)
    return OnPictures(decoder, trunk).to(memory_format=torch.channels_last)


def decoder_state(network: VGGUNet) -> dict[str, Tensor]:
    """What was learnt here: all but the encoder's blocks."""
    return {name: value.contiguous() for name, value in network.state_dict().items() if not name.startswith(ENCODER)}


def score_films(films: Sequence[Film], network: OnPictures) -> dict[str, Any]:
    """Dice of the cleaned heart mask on the films' own frame: mean with its interval, tenth, by class; n."""
    values, labels = [], np.array([film.label for film in films])
    for film in films:
        picture, masks = load_sample(film)
        values.append(dice(find_lateral_heart(picture, network.trunk, network.segmenter)[1], masks[0]))
    scores = np.array(values)
    return {
        "n": len(films),
        "heart_dice": float(scores.mean()),
        "interval": list(bootstrap_interval(scores)),
        "tenth": float(np.quantile(scores, 0.1)),
        "by_class": {str(label): float(scores[labels == label].mean()) for label in np.unique(labels)},
    }


def main(config: Config) -> None:
    """Trains on seven of ten drawn patients, validates on one, and writes what was learnt with its test score."""
    torch.manual_seed(config.seed)
    films = [film for folder in config.films for film in read_films(folder) if film.view == "lateral"]
    splits = draw_splits(films, config.seed)
    of = {split: films_of(films, splits, split) for split in ("train", "validation", "test")}
    if len(of["train"]) < config.batch_size or not of["validation"] or not of["test"]:
        raise DataError(
            f"{len(films)} lateral films are too few: draw more by heartviz phantom --view lateral --count 600."
        )
    trunk, segmenter, _ = load_networks(config)
    network = make_network(trunk, segmenter)
    training, validation = Mirrored(of["train"]), Mirrored(of["validation"])
    run = {
        "config": describe_config(config),
        "films": len(films),
        "films_sha256": hash_films(films),
        "encoder_sha256": hash_encoder(segmenter.state_dict()),
        "versions": read_versions(),
    }

    def batches(epoch: int, shard: int, shards: int) -> Iterator[tuple[Tensor, Tensor]]:
        return iterate_batches(
            training, config.size_px, config.batch_size, config.seed + epoch, config.augmentation, AFFINE, shard, shards
        )

    def validate(model: nn.Module) -> dict[str, float]:
        return validation_scores(model, validation, config.size_px, ("heart",))

    trained = train_epochs(
        network,
        [{"params": [p for p in network.segmenter.parameters() if p.requires_grad], "lr": config.rate}],
        batches,
        loss_of_batch,
        epochs=config.epochs,
        steps_per_epoch=len(training) // config.batch_size,
        run_folder=config.out / "steps",
        key=fingerprint(run),
        validate=validate,
    )
    trained.segmenter.half().float()  # rounded as it ships
    save_file(decoder_state(trained.segmenter), config.out / "lateral.safetensors")
    result = run | {"training_films": len(of["train"]), "test": score_films(of["test"], trained)}
    (config.out / "lateral_results.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result["test"], indent=2))


if __name__ == "__main__":
    run_script(main, Config)
