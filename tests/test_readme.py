"""The README says what commands print, and its commands are those that run."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from heartviz.errors import RadiographError
from heartviz.paper_results import CAUSE_RESULTS, read_paper_results
from heartviz.radiograph import load_radiograph
from heartviz.ui.panels import empty_state
from heartviz.words import READ_HERE
from train.export import BY_ITSELF
from train.shortcut_tables import STRENGTH, shortcut_table
from train.tables import make_paper_tables, make_tables

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLES = (ROOT / "docs" / "TABLES.md").read_text(encoding="utf-8")


def test_results_are_those_of_the_shipped_models():
    results = json.loads((ROOT / "weights" / "results.json").read_text(encoding="utf-8"))
    manifest = json.loads((ROOT / "weights" / "manifest.json").read_text(encoding="utf-8"))
    shipped = {name: entry["sha256"] for name, entry in manifest["files"].items() if name not in BY_ITSELF}
    assert results["models"] == shipped
    assert make_tables(results) in README
    assert make_paper_tables(read_paper_results()).strip() in TABLES
    assert make_paper_tables(read_paper_results(CAUSE_RESULTS)).strip() in TABLES
    shortcut = json.loads((ROOT / "weights" / "shortcut_results.json").read_text(encoding="utf-8"))
    assert make_paper_tables([shortcut_table(shortcut, STRENGTH)]).strip() in TABLES


def test_ci_runs_the_readmes_test_command():
    assert "    python3 -m venv .venv && .venv/bin/pip install -r requirements-test.txt" in README
    assert "README.md" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_one_wording_says_what_a_film_may_be():
    with pytest.raises(RadiographError, match=f"Upload the film itself as {READ_HERE}"):
        load_radiograph(b"no film")
    assert READ_HERE in empty_state()
    assert READ_HERE in README


def test_intended_use_is_said():
    assert "not a medical device" in README
    assert "simulated" in README.lower()


def run_git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)


def test_manifest_names_the_commit_that_holds_the_files():
    """Whoever pushes this repository to a hub has each file under the commit that the manifest names."""
    if run_git("rev-parse", "--is-shallow-repository").stdout.strip() != b"false":
        pytest.skip("this copy has no whole git history")
    manifest = json.loads((ROOT / "weights" / "manifest.json").read_text(encoding="utf-8"))
    if any(entry["hub_repository"] != "heartviz/heartviz" for entry in manifest["files"].values()):
        pytest.skip("the manifest names somebody's own hub repository, whose commits are not here")
    for entry in manifest["files"].values():
        shown = run_git("show", f"{entry['hub_commit']}:weights/{entry['file']}")
        assert shown.returncode == 0, f"{entry['hub_commit']} does not hold {entry['file']}"
        assert hashlib.sha256(shown.stdout).hexdigest() == entry["sha256"]
