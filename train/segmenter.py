"""Train the VGG-U-Net for heart and lungs: `python -m train.segmenter --data DIR --out DIR`.

`--drawn DIR` adds drawn frontal films, never to those that it is validated on. With `--prepared FILE` in place of
`--data` the films are read from the file of `train.prepare` as they are needed, so that memory does not grow with them.
`accelerate launch` or `torchrun` spreads every batch over processes.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from heartviz.errors import DataError
from heartviz.models import VGGTrunk, VGGUNet
from heartviz.models.vgg import load_block_weights
from heartviz.preprocess import normalise, square_frame, stretch_contrast
from train.arithmetic import mixed_precision
from train.augment import AFFINE_KINDS, apply_affine, apply_gray, draw_affine, draw_gray
from train.config import run_script
from train.folds import draw_splits, films_of, read_splits, write_splits
from train.hdf5 import PreparedFilms
from train.loop import get_accelerator, train_epochs
from train.losses import dice_and_cross_entropy
from train.pretrained import read_imagenet_features
from train.provenance import describe_prepared_run, describe_run, fingerprint, hash_files, hash_films
from train.sources import Film
from train.sources.ctr512 import read_films
from train.sources.drawn import read_films as read_drawn


@dataclass(frozen=True)
class Config:
    """Train the VGG-U-Net that finds heart, patient's left and right lung on frontal chest films."""

    out: Path = field(metadata={"help": "run folder: checkpoints, log, segmenter.safetensors"})
    data: Path | None = field(default=None, metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    prepared: Path | None = field(default=None, metadata={"help": "HDF5 file of train.prepare, in place of --data"})
    imagenet: Path | None = field(default=None, metadata={"help": "VGG16 features file; absent: torchvision's"})
    drawn: tuple[Path, ...] = field(default=(), metadata={"help": "folders of heartviz phantom: frontal films to add"})
    start: Path | None = field(default=None, metadata={"help": "go on from this segmenter.safetensors"})
    splits: Path = field(default=Path("weights/splits.csv"), metadata={"help": "split file; drawn when missing"})
    sizes_px: tuple[int, ...] = field(default=(224, 320, 320), metadata={"help": "picture size of each stage"})
    epochs: tuple[int, ...] = field(default=(12, 8, 10), metadata={"help": "epochs of each stage"})
    rates: tuple[float, ...] = field(default=(1.0, 0.4, 1.5), metadata={"help": "learning-rate factor of each stage"})
    augmentations: tuple[float, ...] = field(
        default=(1.0, 1.0, 0.6), metadata={"help": "of each stage: share of films changed in gray, strength of affine"}
    )
    affine: tuple[str, ...] = field(
        default=tuple(AFFINE_KINDS), metadata={"help": "affine changes drawn", "choices": tuple(AFFINE_KINDS)}
    )
    batch_size: int = field(default=4, metadata={"help": "films a step"})
    encoder_rate: float = field(default=5e-5, metadata={"help": "learning rate of blocks 4 and 5"})
    decoder_rate: float = field(default=1e-3, metadata={"help": "learning rate of the decoder"})
    seed: int = field(default=0, metadata={"help": "seed of splits, order and augmentation"})


STRUCTURES = ("heart", "left_lung", "right_lung")
Sample = tuple[NDArray[np.float32], NDArray[np.bool_]]


class OnPictures(nn.Module):
    """A segmenter with the frozen trunk that it needs, if any, so that every architecture takes pictures."""

    def __init__(self, segmenter: nn.Module, trunk: VGGTrunk | None) -> None:
        super().__init__()
        self.trunk, self.segmenter = trunk, segmenter

    def forward(self, picture: Tensor) -> Tensor:
        if self.trunk is None:
            return self.segmenter(picture)
        with torch.no_grad():
            features = self.trunk(picture)
        return self.segmenter(features)


def make_vgg_unet(imagenet: dict[str, Tensor]) -> OnPictures:
    """VGG-U-Net whose encoder is VGG16's ImageNet weights; blocks 1 to 3 are frozen."""
    trunk, segmenter = VGGTrunk(), VGGUNet()
    for number in (1, 2, 3):
        load_block_weights(getattr(trunk, f"block{number}"), number, imagenet)
    for number in (4, 5):
        load_block_weights(getattr(segmenter, f"block{number}"), number, imagenet)
    return OnPictures(segmenter, trunk).to(memory_format=torch.channels_last)


class PreparedSamples(Sequence[Sample]):
    """The films of one split of a prepared file that have all three masks, read when they are asked for."""

    def __init__(self, path: Path, split: str) -> None:
        self.films = PreparedFilms(path, split, with_masks=True)

    def __len__(self) -> int:
        return len(self.films)

    def __getitem__(self, index: int) -> Sample:
        film = self.films[index]
        return film.picture.astype(np.float32) / 255, film.masks.astype(bool)


def load_sample(film: Film) -> Sample:
    """The film with stretched contrast (H, W) and its masks (3, H, W), at full size."""
    return stretch_contrast(film.read_pixels()), film.read_masks()


def open_samples(config: Config) -> tuple[Sequence[Sample], Sequence[Sample], dict[str, Any]]:
    """Training and validation films, and what describes the run. Raises DataError unless there are some of each."""
    if config.drawn and config.prepared is not None:
        raise DataError("--drawn goes with --data: put drawn films into the prepared file by train.prepare drawn=DIR.")
    if (config.data is None) == (config.prepared is None):
        raise DataError("Give either --data DIR, a folder of films, or --prepared FILE, an HDF5 file of train.prepare.")
    if config.prepared is not None:
        train_films, validation_films = (PreparedSamples(config.prepared, split) for split in ("train", "validation"))
        run = describe_prepared_run(config, config.prepared)
    else:
        films = read_films(config.data)
        if not config.splits.exists() and get_accelerator().is_main_process:
            write_splits(draw_splits(films, config.seed), config.splits)
        get_accelerator().wait_for_everyone()
        splits = read_splits(config.splits)
        train_films, validation_films = (
            [load_sample(film) for film in films_of(films, splits, split)] for split in ("train", "validation")
        )
        drawn = [film for folder in config.drawn for film in read_drawn(folder) if film.view == "frontal"]
        train_films += [load_sample(film) for film in drawn]
        run = describe_run(config, films, config.splits) | {"drawn": len(drawn), "drawn_sha256": hash_films(drawn)}
    if len(train_films) < config.batch_size or not len(validation_films):
        raise DataError(
            f"{len(train_films)} films with masks to train on and {len(validation_films)} to validate: a batch of "
            f"{config.batch_size} and one are needed. Check the split of the films, or lower --batch-size."
        )
    return train_films, validation_films, run


def make_sample(
    picture: NDArray[np.float32],
    masks: NDArray[np.bool_],
    size_px: int,
    rng: np.random.Generator | None,
    strength: float = 1.0,
    affine: Collection[str] = tuple(AFFINE_KINDS),
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Picture (s, s) and soft masks (3, s, s) at the model's size; augmented unless `rng` is None."""
    if rng is not None:
        picture, masks = apply_affine(draw_affine(rng, strength=strength, kinds=affine), picture, masks)
        if rng.random() < strength:
            picture = stretch_contrast(apply_gray(draw_gray(rng), picture))
    frame = square_frame(picture.shape, size_px)
    return frame.to_model(picture), np.stack([frame.to_model(mask.astype(np.float32)) for mask in masks])


def iterate_batches(
    samples: Sequence[Sample],
    size_px: int,
    batch_size: int,
    seed: int,
    strength: float,
    affine: Collection[str] = tuple(AFFINE_KINDS),
    shard: int = 0,
    shards: int = 1,
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch of augmented batches in random order, made one ahead in a thread; the last short batch is left out.

    Of each batch only every `shards`-th film from `shard` on is read and made: the shards together are the batches that
    one process would make. Raises DataError for a batch that can't be shared evenly.
    """
    if batch_size % shards:
        raise DataError(f"A batch of {batch_size} films can't be shared by {shards} processes: change --batch-size.")
    order = np.random.default_rng(seed).permutation(len(samples))
    starts = range(0, len(order) - batch_size + 1, batch_size)
    groups = [order[start + shard : start + batch_size : shards] for start in starts]

    def make(group: NDArray) -> tuple[Tensor, Tensor]:
        made = [
            make_sample(*samples[index], size_px, np.random.default_rng([seed, index]), strength, affine)
            for index in group
        ]
        pictures, masks = (torch.from_numpy(np.stack(part)) for part in zip(*made, strict=True))
        return normalise(pictures[:, None]), masks

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(make, groups[0])
        for group in groups[1:]:
            ready, coming = coming, pool.submit(make, group)
            yield ready.result()
        yield coming.result()


def validation_scores(
    network: nn.Module, samples: Sequence[Sample], size_px: int, structures: Sequence[str] = STRUCTURES
) -> dict[str, float]:
    """Mean Dice of each structure at the model's size, before cleaning."""
    scores = []
    device = next(network.parameters()).device
    for picture, masks in samples:
        picture, target = make_sample(picture, masks, size_px, rng=None)
        model_input = normalise(torch.from_numpy(picture)[None, None]).to(device)
        with torch.inference_mode(), mixed_precision(device.type):
            logits = network(model_input).float()[0].cpu()
        predicted, reference = (logits > 0).numpy(), target > 0.5
        scores.append(2 * (predicted & reference).sum((1, 2)) / (predicted.sum((1, 2)) + reference.sum((1, 2))))
    return dict(zip(structures, np.mean(scores, axis=0).tolist(), strict=True))


def loss_of_batch(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Dice and cross-entropy of a batch of pictures and soft masks."""
    return dice_and_cross_entropy(network(batch[0]).float(), batch[1])


def main(config: Config) -> None:
    """Trains stage after stage and writes `segmenter.safetensors` into the run folder."""
    torch.manual_seed(config.seed)
    accelerator = get_accelerator()
    train_samples, validation_samples, run = open_samples(config)
    run |= {"start_sha256": hash_files([config.start])}
    accelerator.print(f"{len(train_samples)} training films, {len(validation_samples)} validation films", flush=True)
    network = make_vgg_unet(read_imagenet_features(config.imagenet))
    model = network.segmenter
    if config.start is not None:
        if not config.start.exists():
            raise DataError(f"No file {config.start}. --start takes the segmenter.safetensors of an earlier run.")
        model.load_state_dict({name: value.float() for name, value in load_file(config.start).items()})
    encoder = [*model.block4.parameters(), *model.block5.parameters()]
    encoder_ids = {id(parameter) for parameter in encoder}
    decoder = [parameter for parameter in model.parameters() if id(parameter) not in encoder_ids]
    stages = zip(config.sizes_px, config.epochs, config.rates, config.augmentations, strict=True)
    for number, (size_px, epochs, factor, strength) in enumerate(stages):
        accelerator.print(f"stage {number + 1}: {size_px} px, {epochs} epochs", flush=True)

        def batches(
            epoch: int, shard: int, shards: int, size_px: int = size_px, stage: int = number, strength: float = strength
        ) -> Iterator[tuple[Tensor, Tensor]]:
            seed = config.seed + 1000 * stage + epoch
            return iterate_batches(
                train_samples, size_px, config.batch_size, seed, strength, config.affine, shard, shards
            )

        trained = train_epochs(
            network,
            [
                {"params": encoder, "lr": factor * config.encoder_rate},
                {"params": decoder, "lr": factor * config.decoder_rate},
            ],
            batches,
            loss_of_batch,
            epochs=epochs,
            steps_per_epoch=len(train_samples) // config.batch_size,
            run_folder=config.out / f"stage{number + 1}_{size_px}px",
            key=fingerprint(run, number),
            validate=lambda network, size=size_px: validation_scores(network, validation_samples, size),
        )
        network.load_state_dict(trained.state_dict())
    if accelerator.is_main_process:
        write_segmenter(network, validation_samples, run | {"training_films": len(train_samples)}, config)


def write_segmenter(network: OnPictures, validation_samples: Sequence[Sample], run: dict, config: Config) -> None:
    """Writes the trained segmenter, rounded, and its results beside it."""
    # Rounded as it ships: a few pixels of an outline move VGG+Mask's answers, so that all that comes after, training
    # and calibration of the classifiers too, is to see the outlines that users will get.
    network.to("cpu").segmenter.half().float()
    state = {name: value.contiguous() for name, value in network.segmenter.state_dict().items()}
    save_file(state, config.out / "segmenter.safetensors")
    scores = validation_scores(network, validation_samples, config.sizes_px[-1])
    result = run | {"validation_films": len(validation_samples), "dice": scores}
    (config.out / "segmenter_results.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_script(main, Config)
