"""Where a training step's time goes: `python -m benchmarks.training`.

Trains the VGG-U-Net for some steps on drawn chests, augmented as in `train.segmenter`, and prints what share of the
time the cores were in convolutions, what share the loop waited for films, and the largest memory.
"""

import resource
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from heartviz.models.vgg import TORCHVISION_INDICES, VGG16_CHANNELS
from heartviz.phantom import draw_chest
from train.arithmetic import has_bfloat16
from train.config import run_script
from train.loop import train_epochs
from train.segmenter import Sample, iterate_batches, loss_of_batch, make_vgg_unet

CONVOLUTIONS = ("aten::mkldnn_convolution", "aten::convolution_backward", "aten::slow_conv2d_forward")


@dataclass(frozen=True)
class Config:
    """Measure a training step of the segmenter."""

    steps: int = field(default=10, metadata={"help": "steps measured"})
    batch_size: int = field(default=4, metadata={"help": "films a step"})
    size_px: int = field(default=320, metadata={"help": "side of the picture"})
    film_px: int = field(default=512, metadata={"help": "side of a film as read"})


def draw_samples(count: int, film_px: int) -> list[Sample]:
    """Drawn films with their masks, as `train.segmenter.load_sample` gives real ones."""
    drawn = (draw_chest(seed, 1.0, (film_px, film_px)) for seed in range(count))
    return [(picture, np.stack(masks)) for picture, *masks in drawn]


def random_features() -> dict[str, torch.Tensor]:
    """Weights of VGG16's shapes: a step takes as long with these."""
    features, channels_in = {}, 3
    for indices, widths in zip(TORCHVISION_INDICES, VGG16_CHANNELS, strict=True):
        for index, channels_out in zip(indices, widths, strict=True):
            features[f"{index}.weight"] = torch.randn(channels_out, channels_in, 3, 3) * (2 / (9 * channels_in)) ** 0.5
            features[f"{index}.bias"] = torch.zeros(channels_out)
            channels_in = channels_out
    return features


def main(config: Config) -> None:
    """Prints the table."""
    torch.manual_seed(0)
    samples = draw_samples(config.batch_size * config.steps, config.film_px)
    network = make_vgg_unet(random_features())
    waited: list[float] = []

    def timed(batches: Iterable[tuple]) -> Iterator[tuple]:
        iterator = iter(batches)
        while True:
            started = time.perf_counter()
            batch = next(iterator, None)
            waited.append(time.perf_counter() - started)
            if batch is None:
                return
            yield batch

    def train(epochs: int) -> float:
        started = time.perf_counter()
        train_epochs(
            network,
            [{"params": [p for p in network.parameters() if p.requires_grad], "lr": 1e-4}],
            lambda epoch, shard, shards: timed(
                iterate_batches(samples, config.size_px, config.batch_size, epoch, 1.0, shard=shard, shards=shards)
            ),
            loss_of_batch,
            epochs=epochs,
            steps_per_epoch=config.steps,
            run_folder=None,
            key="",
        )
        return time.perf_counter() - started

    train(1)  # the first steps choose kernels
    waited.clear()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        seconds = train(1)
    convolving = sum(e.self_cpu_time_total for e in profiler.key_averages() if e.key in CONVOLUTIONS) / 1e6
    rest = seconds - convolving - sum(waited)
    arithmetic = "bfloat16" if has_bfloat16() else "float32"
    print(
        f"{config.steps} steps of {config.batch_size} films, {config.size_px} px, {torch.get_num_threads()} threads, "
        f"{arithmetic}\nstage                     seconds   share"
    )
    for name, value in (("convolutions", convolving), ("waiting for films", sum(waited)), ("everything else", rest)):
        print(f"{name:<24}{value:>9.2f}{value / seconds:>8.2f}")
    print(f"{'a step':<24}{seconds / config.steps:>9.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    run_script(main, Config)
