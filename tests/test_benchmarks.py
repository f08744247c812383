"""Benchmarks start: each is imported, so that a moved name does not go unnoticed until someone measures."""

import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__"))
def test_a_benchmark_finds_what_it_measures(name):
    assert callable(importlib.import_module(f"benchmarks.{name}").main)
