"""The README says what commands print, and its commands are those that run."""

import json
from pathlib import Path

from train.tables import make_tables

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_results_are_those_of_the_shipped_models():
    results = json.loads((ROOT / "weights" / "results.json").read_text(encoding="utf-8"))
    manifest = json.loads((ROOT / "weights" / "manifest.json").read_text(encoding="utf-8"))
    assert results["models"] == {name: entry["sha256"] for name, entry in manifest["files"].items()}
    assert make_tables(results) in README


def test_ci_runs_the_readmes_test_command():
    assert "    python3 -m venv .venv && .venv/bin/pip install -r requirements-test.txt" in README
    assert "README.md" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_intended_use_is_said():
    assert "not a medical device" in README
    assert "simulated" in README.lower()
