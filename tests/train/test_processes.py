"""Training on a prepared file, in one process and in two that share every batch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from heartviz.errors import DataError
from heartviz.models.vgg import TORCHVISION_INDICES, VGG16_CHANNELS
from heartviz.phantom import draw_chest
from train.prepare import Config as PrepareConfig
from train.prepare import prepare
from train.segmenter import Config, iterate_batches, main, open_samples
from train.sources import Film

MASKS = ("heart", "left_lung", "right_lung")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """Fourteen drawn chests of as many patients, ten of them training films."""
    folder = tmp_path_factory.mktemp("prepared")
    films = []
    for number in range(14):
        picture, *masks = draw_chest(number, size=(150, 131))
        cv2.imwrite(str(folder / f"{number}.png"), np.rint(picture * 255).astype(np.uint8))
        for kind, mask in zip(MASKS, masks, strict=True):
            cv2.imwrite(str(folder / f"{number}_{kind}.png"), mask.astype(np.uint8) * 255)
        paths = {f"{kind}_path": folder / f"{number}_{kind}.png" for kind in MASKS}
        films.append(Film(f"drawn/{number}", "drawn", f"p{number}", folder / f"{number}.png", **paths))
    prepare(films, PrepareConfig(sources=("drawn=x",), out=folder / "films.h5", size_px=64))
    return folder / "films.h5"


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory) -> Path:
    """VGG16's convolutions with random weights of the usual size."""
    generator, state, channels_in = torch.Generator().manual_seed(0), {}, 3
    for indices, widths in zip(TORCHVISION_INDICES, VGG16_CHANNELS, strict=True):
        for index, channels_out in zip(indices, widths, strict=True):
            scale = (2 / (9 * channels_in)) ** 0.5
            state[f"{index}.weight"] = scale * torch.randn(channels_out, channels_in, 3, 3, generator=generator)
            state[f"{index}.bias"] = torch.zeros(channels_out)
            channels_in = channels_out
    path = tmp_path_factory.mktemp("imagenet") / "features.safetensors"
    save_file(state, path)
    return path


def flags(prepared: Path, imagenet: Path, out: Path) -> list[str]:
    """Steps as large as the loop bears, so that gradients that were not averaged would show at once."""
    return [
        *("-m", "train.segmenter", "--prepared", str(prepared), "--imagenet", str(imagenet), "--out", str(out)),
        *("--sizes-px", "48", "--epochs", "4", "--rates", "50", "--augmentations", "1"),
    ]


def run(arguments: list[str]) -> None:
    exact = {"HEARTVIZ_ARITHMETIC": "float32", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    environment = os.environ | exact
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_two_processes_give_the_loss_curve_of_one(prepared, imagenet, tmp_path):
    run(flags(prepared, imagenet, tmp_path / "one"))
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    run([*launch, *flags(prepared, imagenet, tmp_path / "two")])
    curves, weights = [], []
    for name in ("one", "two"):
        log = (tmp_path / name / "stage1_48px" / "log.jsonl").read_text().splitlines()
        curves.append([json.loads(line)["loss"] for line in log])
        weights.append(load_file(tmp_path / name / "segmenter.safetensors"))
    assert len(curves[0]) == 4
    assert curves[0][-1] < 0.9 * curves[0][0]
    # The same float32 sums in another order. Processes that each went their own way would be off by more than 1e-3.
    np.testing.assert_allclose(curves[1], curves[0], rtol=2e-5)
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=1e-3, atol=1e-4)


def test_shards_of_a_batch_are_the_batch(prepared, imagenet, tmp_path):
    config = Config(out=tmp_path, prepared=prepared)
    samples = open_samples(config)[0]
    assert len(samples) == 10
    whole = list(iterate_batches(samples, 48, 4, 3, 1.0))
    shards = [list(iterate_batches(samples, 48, 4, 3, 1.0, shard=shard, shards=2)) for shard in (0, 1)]
    assert [len(batch[0]) for batch in whole] == [4, 4]
    for batch, first, second in zip(whole, *shards, strict=True):
        for part, one, two in zip(batch, first, second, strict=True):
            torch.testing.assert_close(part, torch.stack([one, two], dim=1).flatten(0, 1), rtol=0, atol=0)
    with pytest.raises(DataError, match="4 films can't be shared by 3 processes"):
        next(iterate_batches(samples, 48, 4, 3, 1.0, shard=0, shards=3))


@pytest.mark.parametrize("given", [{}, {"data": Path("x"), "prepared": Path("y")}])
def test_films_come_from_one_place(given, tmp_path):
    with pytest.raises(DataError, match="either --data DIR.* or --prepared FILE"):
        main(Config(out=tmp_path, **given))


def test_too_few_films_are_said(prepared, tmp_path):
    with pytest.raises(DataError, match="10 films with masks to train on and 1 to validate: a batch of 16"):
        main(Config(out=tmp_path, prepared=prepared, batch_size=16))
