"""What a result was made from: hashes of films, splits and files, and versions, for the JSON beside it."""

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import heartviz
from heartviz.models import ENCODER
from train.config import describe_config
from train.hdf5 import PreparedFilms
from train.sources import Film


def hash_text(text: str) -> str:
    """sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def hash_files(paths: Iterable[Path | None]) -> str:
    """One sha256 over the contents of files, in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        if path is not None:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def hash_encoder(state: Mapping[str, Tensor]) -> str:
    """One sha256 over a segmenter's encoder as it ships, in half precision."""
    digest = hashlib.sha256()
    for name in sorted(name for name in state if name.startswith(ENCODER)):
        digest.update(state[name].half().contiguous().numpy().tobytes())
    return digest.hexdigest()


def hash_films(films: Iterable[Film]) -> str:
    """One sha256 over the pictures and masks of films, in the order of their ids."""
    ordered = sorted(films, key=lambda film: film.film_id)
    return hash_files(
        path
        for film in ordered
        for path in (film.image_path, film.heart_path, film.left_lung_path, film.right_lung_path)
    )


def describe_run(config: Any, films: Iterable[Film], splits: Path) -> dict[str, Any]:
    """Config, seed, hashes of all films and of the split file, and versions, fit for JSON."""
    films = list(films)
    hashes = {"films": len(films), "films_sha256": hash_films(films), "splits_sha256": hash_files([splits])}
    return {"config": describe_config(config)} | hashes | {"versions": read_versions()}


def describe_prepared_run(config: Any, path: Path) -> dict[str, Any]:
    """As `describe_run`, for the films of a prepared file, which holds its split."""
    with PreparedFilms(path) as films:
        hashes = {"films": len(films), "films_sha256": films.hash(), "splits_sha256": films.hash()}
    return {"config": describe_config(config)} | hashes | {"versions": read_versions()}


def read_versions() -> dict[str, str]:
    """What computed: our version, Python's and the libraries'."""
    return {
        "heartviz": heartviz.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def fingerprint(run: dict[str, Any], *more: Any) -> str:
    """A short text that differs when anything differs that a cached result depends on."""
    return hash_text(json.dumps([run, *more], sort_keys=True, default=str))[:16]
