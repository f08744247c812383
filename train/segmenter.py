"""Train the VGG-U-Net for heart and lungs: `python -m train.segmenter --data DIR --out DIR`."""

import json
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from heartviz.errors import DataError
from heartviz.models import VGGTrunk, VGGUNet
from heartviz.models.vgg import load_block_weights
from heartviz.preprocess import normalise, square_frame, stretch_contrast
from train.augment import AFFINE_KINDS, apply_affine, apply_gray, draw_affine, draw_gray
from train.config import run_script
from train.folds import draw_splits, films_of, read_splits, write_splits
from train.loop import train_epochs
from train.losses import dice_and_cross_entropy
from train.pretrained import read_imagenet_features
from train.provenance import describe_run, fingerprint, hash_files
from train.sources import Film
from train.sources.ctr512 import read_films


@dataclass(frozen=True)
class Config:
    """Train the VGG-U-Net that finds heart, patient's left and right lung on frontal chest films."""

    data: Path = field(metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    out: Path = field(metadata={"help": "run folder: checkpoints, log, segmenter.safetensors"})
    imagenet: Path | None = field(default=None, metadata={"help": "VGG16 features file; absent: torchvision's"})
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


def load_sample(film: Film) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The film with stretched contrast (H, W) and its masks (3, H, W), at full size."""
    return stretch_contrast(film.read_pixels()), film.read_masks()


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
    samples: list[tuple[NDArray, NDArray]],
    size_px: int,
    batch_size: int,
    seed: int,
    strength: float,
    affine: Collection[str] = tuple(AFFINE_KINDS),
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch of augmented batches in random order, made one ahead in a thread; the last short batch is left out."""
    order = np.random.default_rng(seed).permutation(len(samples))
    groups = [order[start : start + batch_size] for start in range(0, len(order) - batch_size + 1, batch_size)]

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
    trunk: VGGTrunk, model: nn.Module, samples: list[tuple[NDArray, NDArray]], size_px: int
) -> dict[str, float]:
    """Mean Dice of each structure at the model's size, before cleaning."""
    scores = []
    for picture, masks in samples:
        picture, target = make_sample(picture, masks, size_px, rng=None)
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(trunk(normalise(torch.from_numpy(picture)[None, None]))).float()[0]
        predicted, reference = (logits > 0).numpy(), target > 0.5
        scores.append(2 * (predicted & reference).sum((1, 2)) / (predicted.sum((1, 2)) + reference.sum((1, 2))))
    return dict(zip(("heart", "left_lung", "right_lung"), np.mean(scores, axis=0).tolist(), strict=True))


def main(config: Config) -> None:
    """Trains stage after stage and writes `segmenter.safetensors` into the run folder."""
    torch.manual_seed(config.seed)
    films = read_films(config.data)
    if not config.splits.exists():
        write_splits(draw_splits(films, config.seed), config.splits)
    splits = read_splits(config.splits)
    train_samples = [load_sample(film) for film in films_of(films, splits, "train")]
    validation_samples = [load_sample(film) for film in films_of(films, splits, "validation")]
    print(f"{len(train_samples)} training films, {len(validation_samples)} validation films", flush=True)
    run = describe_run(config, films, config.splits) | {"start_sha256": hash_files([config.start])}

    features = read_imagenet_features(config.imagenet)
    trunk = VGGTrunk().eval().to(memory_format=torch.channels_last)
    for number in (1, 2, 3):
        load_block_weights(getattr(trunk, f"block{number}"), number, features)
    model = VGGUNet().to(memory_format=torch.channels_last)
    for number in (4, 5):
        load_block_weights(getattr(model, f"block{number}"), number, features)
    if config.start is not None:
        if not config.start.exists():
            raise DataError(f"No file {config.start}. --start takes the segmenter.safetensors of an earlier run.")
        model.load_state_dict({name: value.float() for name, value in load_file(config.start).items()})

    def loss_of_batch(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        with torch.no_grad():
            trunk_features = trunk(batch[0])
        return dice_and_cross_entropy(network(trunk_features).float(), batch[1])

    encoder = [*model.block4.parameters(), *model.block5.parameters()]
    encoder_ids = {id(parameter) for parameter in encoder}
    decoder = [parameter for parameter in model.parameters() if id(parameter) not in encoder_ids]
    stages = zip(config.sizes_px, config.epochs, config.rates, config.augmentations, strict=True)
    for number, (size_px, epochs, factor, strength) in enumerate(stages):
        print(f"stage {number + 1}: {size_px} px, {epochs} epochs", flush=True)
        trained = train_epochs(
            model,
            [
                {"params": encoder, "lr": factor * config.encoder_rate},
                {"params": decoder, "lr": factor * config.decoder_rate},
            ],
            lambda epoch, size=size_px, stage=number, strength=strength: iterate_batches(
                train_samples, size, config.batch_size, config.seed + 1000 * stage + epoch, strength, config.affine
            ),
            loss_of_batch,
            epochs=epochs,
            steps_per_epoch=len(train_samples) // config.batch_size,
            run_folder=config.out / f"stage{number + 1}_{size_px}px",
            key=fingerprint(run, number),
            validate=lambda network, size=size_px: validation_scores(trunk, network, validation_samples, size),
        )
        model.load_state_dict(trained.state_dict())
    # Rounded as it ships: a few pixels of an outline move VGG+Mask's answers, so that all that comes after, training
    # and calibration of the classifiers too, is to see the outlines that users will get.
    model.half().float()
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()}, config.out / "segmenter.safetensors"
    )
    scores = validation_scores(trunk, model, validation_samples, config.sizes_px[-1])
    result = run | {"training_films": len(train_samples), "validation_films": len(validation_samples), "dice": scores}
    (config.out / "segmenter_results.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_script(main, Config)
