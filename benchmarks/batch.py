"""Films a minute of one process and of 1 and 2 Ray workers, beside the same run's floor: `python -m benchmarks.batch`.

The floor is what one core would do if a film were nothing but the bare convolutions that it needs (benchmarks.analyze).
Starting Ray and loading the models is counted apart: time runs from the first film that is done to the last. A machine
with two cores has none left for two workers and Ray itself; say with the table what else ran.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch

from benchmarks.analyze import build_floor, seconds_of
from heartviz.batch import Outcome, Settings, Source
from heartviz.batch.one import make_analyst
from heartviz.batch.ray_engine import run_on_ray
from heartviz.batch.run import run_here
from heartviz.phantom import draw_chest
from heartviz.weights import load_models


def write_films(folder: Path, count: int) -> list[Source]:
    """Drawn films, each another one."""
    sources = []
    for seed in range(count):
        path = folder / f"{seed:03d}.png"
        path.write_bytes(cv2.imencode(".png", np.round(draw_chest(seed)[0] * 255).astype(np.uint8))[1].tobytes())
        sources.append(Source(path.name, str(path)))
    return sources


def measure(outcomes: Iterable[tuple[int, Outcome]]) -> tuple[float, float]:
    """Seconds to the first film, and seconds a film from the first to the last."""
    started = time.perf_counter()
    times = []
    for _, outcome in outcomes:
        if not outcome.accepted:
            raise SystemExit(f"benchmarks.batch: a drawn film was refused: {outcome.numbers['messages']}")
        times.append(time.perf_counter() - started)
    return times[0], (times[-1] - times[0]) / (len(times) - 1)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=24)
    options = parser.parse_args()
    # One core a worker, as Ray gives them.
    torch.set_num_threads(1)
    models = load_models()
    floor_runs = build_floor(models).values()
    floor = median(sum(seconds_of(run) for run in floor_runs) for _ in range(3))
    print(f"{options.films} drawn films of 560 x 640 px, one core a worker, {os.cpu_count()} cores")
    print(f"floor: {floor:.2f} s a film, {60 / floor:.1f} films a minute and core")
    print(f"{'engine':<18}{'first film':>11}{'s a film':>10}{'films/min':>11}{'of the floor':>14}")
    with tempfile.TemporaryDirectory() as folder:
        sources = write_films(Path(folder), options.films)
        engines = {"here": partial(run_here, sources, make_analyst(Settings(), models))}
        for workers in (1, 2):
            engines[f"ray, {workers} worker{'s' * (workers > 1)}"] = partial(
                run_on_ray, sources, Settings(), None, workers
            )
        for name, run in engines.items():
            first, each = measure(run())
            print(f"{name:<18}{first:>10.1f}s{each:>10.2f}{60 / each:>11.1f}{floor / each:>14.2f}", flush=True)
    spent = median(sum(seconds_of(run) for run in floor_runs) for _ in range(3))
    print(f"floor again at the end: {spent:.2f} s a film")


if __name__ == "__main__":
    main()
