"""What the Shortcut page's live head learns from: `python -m train.live_features --data DIR --out DIR`.

Films in both labels, signs SIMULATED, without and with each cue, as the three models are shown them; the trunk's
features of each, averaged on a grid and projected on the directions in which the training films differ most. Numbers
only: no picture can be made from them.
"""

import json
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from sklearn.decomposition import PCA
from torch import nn
from tqdm import tqdm

from heartviz.cue_trial import pool_features
from heartviz.interventions.cues import CUES, NO_CUE
from heartviz.live_head import SHOWN_AS
from heartviz.weights import load_models
from train.config import run_script
from train.datasets import cached
from train.folds import films_of, read_splits
from train.provenance import describe_run, fingerprint
from train.shortcut_films import ARMS, ShownFilms, compute_pictures, show
from train.sources.ctr512 import read_films


@dataclass(frozen=True, kw_only=True)
class Config(ShownFilms):
    """Write the features that the Shortcut page's live head learns from."""

    every: int = field(default=2, metadata={"help": "every Nth training film; all test films"})
    grid: int = field(default=4, metadata={"help": "cells along each side that features are averaged in"})
    directions: int = field(default=64, metadata={"help": "numbers kept of each picture"})


def main(config: Config) -> None:
    """Writes live_features.safetensors into the run folder."""
    films, splits = read_films(config.data), read_splits(config.splits)
    learnt, tested = films_of(films, splits, "train")[:: config.every], films_of(films, splits, config.split)
    films = [*learnt, *tested]
    models = load_models(config.weights)
    run = describe_run(config, films, config.splits)
    config.out.mkdir(parents=True, exist_ok=True)
    key = fingerprint({}, run["films_sha256"], models.sha256["segmenter"], config.size_px, config.seed)
    networks = (models.trunk, models.segmenter)
    made = cached(config.out / "live_pictures.pt", key, partial(compute_pictures, films, config, networks))
    arrays: dict[str, NDArray] = {}
    for arm, name in SHOWN_AS.items():
        pooled = {
            cue: _pool(cue, ARMS[name].test, {part: of.numpy() for part, of in made.items()}, config, models.trunk)
            for cue in (NO_CUE, *CUES)
        }
        together = np.concatenate([of[: len(learnt)].reshape(2 * len(learnt), -1) for of in pooled.values()])
        mean, spread = together.mean(axis=0), together.std(axis=0) + 1e-3 * together.std()
        basis = PCA(config.directions, random_state=0).fit((together - mean) / spread).components_.T
        arrays |= {f"mean/{arm}": mean, f"spread/{arm}": spread, f"basis/{arm}": basis}
        arrays |= {f"features/{arm}/{cue}": (of - mean) / spread @ basis for cue, of in pooled.items()}
    told = {
        "command": "python -m train.live_features --data DIR --out DIR",
        "sources": [film.source for film in films],
        "train_films": len(learnt),
        "size_px": config.size_px,
        "grid": config.grid,
        "seed": config.seed,
        "films_sha256": run["films_sha256"],
        "trunk_sha256": models.sha256["trunk"],
    }
    halves = {name: np.ascontiguousarray(of, dtype=np.float16) for name, of in arrays.items()}
    path = config.out / "live_features.safetensors"
    save_file(halves, path, metadata={"heartviz": json.dumps(told)})
    print(path)


def _pool(cue: str, shown: str, made: dict[str, NDArray], config: Config, trunk: nn.Module) -> NDArray[np.float32]:
    """Pooled features (films, 2, d) of all films in both labels, the cue planted in every one."""
    places = [(place, label) for place in range(len(made["pictures"])) for label in (0, 1)]
    parts = []
    with torch.inference_mode():
        for first in tqdm(range(0, len(places), 16), unit="batch", mininterval=30, desc=f"{cue}, {shown}"):
            batch = [
                show(*each, cue, cue != NO_CUE, shown, made, (), config.seed) for each in places[first : first + 16]
            ]
            parts.append(pool_features(trunk, torch.from_numpy(np.stack(batch))[:, None], config.grid).numpy())
    return np.concatenate(parts).reshape(len(made["pictures"]), 2, -1)


if __name__ == "__main__":
    run_script(main, Config)
