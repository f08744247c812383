"""Fit the distance that tells a chest film from anything else: `python -m train.chest --data DIR --held-out NAME=PATH`.

Fitted on the training films alone; the limit is set on films held out.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from sklearn.decomposition import PCA

from heartviz.errors import DataError
from heartviz.models import ChestDistance, VGGTrunk
from heartviz.models.chest import CHEST_AXES
from heartviz.models.vgg import load_block_weights
from train.config import run_script
from train.datasets import cached
from train.folds import films_of, read_splits
from train.pretrained import read_imagenet_features
from train.provenance import describe_run, fingerprint, hash_files
from train.sources import Film
from train.sources.ctr512 import read_films
from train.sources.registry import open_sources
from train.view import compute_grids


@dataclass(frozen=True)
class Config:
    """Fit the distance from the training films, and set its limit on frontal films held out."""

    data: Path = field(metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    out: Path = field(metadata={"help": "run folder: cached features, chest.safetensors, chest_results.json"})
    held_out: tuple[str, ...] = field(default=(), metadata={"help": "more frontal films for the limit, as NAME=PATH"})
    imagenet: Path | None = field(default=None, metadata={"help": "VGG16 features file; absent: torchvision's"})
    splits: Path = field(default=Path("weights/splits.csv"), metadata={"help": "split file"})
    frontal_copies: int = field(default=0, metadata={"help": "changed copies of a training film"})
    lateral_copies: int = field(default=0, metadata={"help": "of a lateral film; none is fitted"})
    kept: float = field(default=0.99, metadata={"help": "share of the held-out films within the limit"})
    seed: int = field(default=0, metadata={"help": "seed of copies"})


def fit_distance(grids: NDArray[np.float32]) -> ChestDistance:
    """The distance from films with these features (N, 6400); N must be above the number of axes."""
    if len(grids) <= CHEST_AXES:
        raise DataError(f"{len(grids)} training pictures: more than {CHEST_AXES} are needed to fit the distance.")
    logs = np.log1p(grids)
    centre, spread = logs.mean(axis=0), logs.std(axis=0)
    # A feature that hardly varies would be worth more than all others.
    spread = np.maximum(spread, np.median(spread) / 4)
    scaled = (logs - centre) / spread
    found = PCA(CHEST_AXES, random_state=0).fit(scaled)
    distance = ChestDistance().eval()
    along = found.transform(scaled)
    across = np.square(scaled - found.inverse_transform(along)).mean(axis=1)
    for name, values in (
        ("centre", centre + spread * found.mean_),
        ("spread", spread),
        ("axes", found.components_),
        ("axis_spread", along.std(axis=0)),
        ("rest_spread", np.sqrt([across.mean()])),
    ):
        getattr(distance, name).copy_(torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)))
    return distance


def measure(distance: ChestDistance, grids: torch.Tensor) -> NDArray[np.float32]:
    """Distances of features (N, 6400)."""
    with torch.inference_mode():
        return distance.measure(grids).numpy()


def main(config: Config) -> None:
    """Writes the fitted distance, and its limit with the share of each source's held-out films within it."""
    films, splits = read_films(config.data), read_splits(config.splits)
    parts: dict[str, Sequence[Film]] = {
        "train": films_of(films, splits, "train"),
        "validation": films_of(films, splits, "validation"),
    }
    # Every second film sets the limit; the others stay for tests.
    others = [film for film in open_sources(config.held_out) if film.view != "lateral"][::2] if config.held_out else []
    parts["held_out"] = others
    trunk, imagenet = VGGTrunk().eval().to(memory_format=torch.channels_last), read_imagenet_features(config.imagenet)
    for number in (1, 2, 3):
        load_block_weights(getattr(trunk, f"block{number}"), number, imagenet)
    grids = {}
    for part, chosen in parts.items():
        if chosen:
            key = fingerprint(hash_files(film.image_path for film in chosen), config.frontal_copies, config.seed)
            path = config.out / f"features_{part}.pt"
            grids[part] = cached(path, key, lambda chosen=chosen: compute_grids(chosen, config, trunk))
    distance = fit_distance(grids["train"]["grid"].numpy())
    held = {part: measure(distance, made["grid"][made["copy"] == 0]) for part, made in grids.items()}
    limit = float(
        np.quantile(np.concatenate([values for part, values in held.items() if part != "train"]), config.kept)
    )
    results = describe_run(config, parts["train"], config.splits) | {
        "threshold": round(limit, 4),
        "within": {part: [int((values <= limit).sum()), len(values)] for part, values in held.items()},
        "quantiles": {part: [float(np.quantile(values, q)) for q in (0.5, 0.9, 1)] for part, values in held.items()},
    }
    config.out.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.contiguous() for name, value in distance.state_dict().items()}, config.out / "chest.safetensors"
    )
    (config.out / "chest_results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({name: results[name] for name in ("threshold", "within", "quantiles")}, indent=2))


if __name__ == "__main__":
    run_script(main, Config)
