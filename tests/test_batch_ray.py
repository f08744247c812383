"""The same films on two Ray Data actors give the same numbers as in one process (slow; skips where Ray is missing)."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import MagicMock

import cv2
import numpy as np
import pytest

from heartviz.phantom import draw_chest

ROOT = Path(__file__).resolve().parents[1]
COUNT = 4


def run_batch(films: Path, out: Path, *arguments: str) -> list[dict[str, str]]:
    """Rows of the table that the command writes for these films; a bad one is among them."""
    command = [sys.executable, "-m", "heartviz", "batch", str(films), "--out", str(out), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    with (out / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_two_workers_give_the_numbers_of_one_process(tmp_path):
    pytest.importorskip("ray", reason="Ray isn't installed: pip install -r requirements-ray.txt")
    films = tmp_path / "films"
    films.mkdir()
    for seed in range(COUNT):
        pixels = draw_chest(seed + 1)[0]
        (films / str(seed)).write_bytes(cv2.imencode(".png", np.round(pixels * 255).astype(np.uint8))[1].tobytes())
    (films / "page").write_text("<html>not a film</html>")
    here = run_batch(films, tmp_path / "here")
    ray = run_batch(films, tmp_path / "ray", "--engine", "ray", "--workers", "2")
    assert [row["accepted"] for row in here] == ["True"] * COUNT + ["False"]
    assert [row | {"seconds": ""} for row in ray] == [row | {"seconds": ""} for row in here]
    # Nothing is left to do: Ray is not even started for a batch that is done.
    again = run_batch(films, tmp_path / "ray", "--engine", "ray", "--workers", "2")
    assert [row["seconds"] for row in again] == [row["seconds"] for row in ray]


def test_without_ray_the_reason_is_said(monkeypatch, tmp_path):
    from heartviz.batch import Settings, Source
    from heartviz.batch.ray_engine import run_on_ray
    from heartviz.errors import DataError

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DataError, match="Ray is not installed: pip install"):
        next(iter(run_on_ray([Source("a", str(tmp_path / "a"))], Settings(), None, 2)))
    assert list(run_on_ray([], Settings(), None, 2)) == []


def test_what_ray_raises_on_the_way_is_said_and_ray_is_shut_down(monkeypatch, tmp_path):
    from heartviz.batch import Settings, Source
    from heartviz.batch.ray_engine import run_on_ray
    from heartviz.errors import DataError

    ray = MagicMock()
    films = ray.data.from_items.return_value.map_batches.return_value
    films.iter_rows.side_effect = RuntimeError("an actor died")
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.data", ray.data)
    with pytest.raises(DataError, match=r"Ray stopped \(RuntimeError\). What is done is kept"):
        next(iter(run_on_ray([Source("a", str(tmp_path / "a"))], Settings(), None, 2)))
    ray.shutdown.assert_called_once()
