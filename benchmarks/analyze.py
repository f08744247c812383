"""Cost of one warm analysis by stage, as a ratio to its floor in the same run: `python -m benchmarks.analyze`.

The floor is the bare convolutions that the mathematics needs, channels-last, with the models' own weights: those of
VGG16 and the decoder at 320 px for the segmentation, those of VGG16 at the classifiers' size for each prediction (the
trunk, and block 4 where two tasks share it, once for each arm), and their input gradients for each map. No ReLU, no
pooling, no film, no mask.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch import nn

from heartviz.errors import HeartvizError
from heartviz.phantom import draw_chest
from heartviz.pipeline import analyze
from heartviz.preprocess import CLASSIFIER_SIZE_PX, SEGMENTER_SIZE_PX
from heartviz.records import ARMS
from heartviz.weights import Models, load_models

Convolution = tuple[nn.Conv2d, torch.Tensor]
TRUNK = ("block1", "block2", "block3")
# Stride at which each part's convolutions run.
STRIDES = {"block1": 1, "block2": 2, "block3": 4, "block4": 8, "block5": 16, "decode8": 8, "decode4": 4, "decode2": 2}


def convolutions_of(module: nn.Module, part: str, size_px: int) -> list[Convolution]:
    """Each convolution of one part with a random input of the shape it gets there."""
    side = size_px // STRIDES[part]
    layers = [layer for layer in getattr(module, part) if isinstance(layer, nn.Conv2d)]
    return [
        (layer, torch.randn(1, layer.in_channels, side, side).to(memory_format=torch.channels_last)) for layer in layers
    ]


def run_forward(convolutions: list[Convolution]) -> None:
    """Every convolution once."""
    with torch.inference_mode():
        for layer, given in convolutions:
            nn.functional.conv2d(given, layer.weight, layer.bias, padding=1)


def run_input_gradient(convolutions: list[Convolution]) -> None:
    """The gradient of every convolution by its input, once."""
    for layer, given in convolutions:
        out = torch.ones(1, layer.out_channels, *given.shape[2:]).to(memory_format=torch.channels_last)
        torch.ops.aten.convolution_backward(
            out, given, layer.weight, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [True, False, False]
        )


def build_floor(models: Models) -> dict[str, Callable[[], None]]:
    """Stage to a function that runs its bare convolutions."""
    segment = [c for part in TRUNK for c in convolutions_of(models.trunk, part, SEGMENTER_SIZE_PX)]
    for part in ("block4", "block5", "decode8", "decode4", "decode2"):
        segment += convolutions_of(models.segmenter, part, SEGMENTER_SIZE_PX)
    classify, explain = [], []
    for arm in ARMS:
        trunk = [c for part in TRUNK for c in convolutions_of(models.trunk, part, CLASSIFIER_SIZE_PX)]
        congenital, heart_size = (models.classifiers[task, arm].network for task in ("congenital", "heart_size"))
        own = [c for part in ("block4", "block5") for c in convolutions_of(congenital, part, CLASSIFIER_SIZE_PX)]
        other = convolutions_of(heart_size, "block5", CLASSIFIER_SIZE_PX)
        if heart_size.block4 is not congenital.block4:
            other += convolutions_of(heart_size, "block4", CLASSIFIER_SIZE_PX)
        classify += trunk + own + other
        explain += trunk + own
    return {
        "segment": lambda: run_forward(segment),
        "classify": lambda: run_forward(classify),
        "explain": lambda: run_input_gradient(explain),
    }


def seconds_of(run: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def time_start() -> float:
    """Seconds from starting Python to models that are loaded and the app's page built, in a new process."""
    code = "import app; app.build_demo(app.make_engine(app.load_models()))"
    return seconds_of(
        lambda: subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[1])
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", nargs="?", type=Path, help="a film; absent: a drawn chest")
    parser.add_argument("--repeats", type=int, default=7, help="timed runs after two that warm up")
    options = parser.parse_args()
    models = load_models()
    source = options.film or draw_chest(1)[0]
    floor = build_floor(models)
    times: dict[str, list[float]] = {}
    for repeat in range(options.repeats + 2):
        seconds = {f"floor {stage}": seconds_of(run) for stage, run in floor.items()}
        started = time.perf_counter()
        try:
            report = analyze(source, models)
        except HeartvizError as error:
            sys.exit(f"benchmarks.analyze: {error}")
        seconds["total"] = time.perf_counter() - started
        seconds |= report.seconds
        if repeat >= 2:
            for name, value in seconds.items():
                times.setdefault(name, []).append(value)
    medians = {name: median(values) for name, values in times.items()}
    height, width = report.radiograph.pixels.shape
    print(f"film {width} x {height} px, {torch.get_num_threads()} threads, median of {options.repeats} runs")
    print(f"{'stage':<10}{'seconds':>9}{'floor':>9}{'ratio':>8}")
    for stage in ("load", "segment", "classify", "explain", "measure"):
        bare = medians.get(f"floor {stage}")
        end = f"{bare:>9.3f}{medians[stage] / bare:>8.2f}" if bare else f"{'-':>9}{'-':>8}"
        print(f"{stage:<10}{medians[stage]:>9.3f}{end}")
    whole = sum(value for name, value in medians.items() if name.startswith("floor"))
    print(f"{'total':<10}{medians['total']:>9.3f}{whole:>9.3f}{medians['total'] / whole:>8.2f}")
    print(f"start to page built with models loaded {time_start():.1f} s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
