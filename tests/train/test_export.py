"""A release: what is kept, what is new, its cards, and a push to a hub from which it comes back."""

import json
import re
import shutil
from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import torch
from huggingface_hub.utils import close_session

from heartviz import weights
from heartviz.errors import DataError, WeightsError
from heartviz.models import ChestDistance
from heartviz.shortcut_results import ShortcutResults, ShortcutRun
from tests.hub import LoopbackHub
from tests.limits import GATE
from tests.release import CHECKPOINTS, COMMIT, REPOSITORY, change_manifest
from train import export
from train.cards import card_text, make_card, shortcut_lines
from train.export import BY_ITSELF, Config, main, names_of, push_release

pytest_plugins = ["tests.release"]

SHIPPED = Path(weights.__file__).resolve().parents[1] / "weights"
VIEW_RUN = {
    "config": {"seed": 0},
    "films": 40,
    "films_sha256": "ab" * 32,
    "versions": {"heartviz": "0"},
} | {
    test: {
        "n": 40,
        "patients": 30,
        "laterals": 8,
        "lateral_patients": 7,
        "balanced_accuracy": 0.9,
        "laterals_found": 0.875,
        "laterals_found_interval": [0.47, 0.99],
        "frontals_kept": 0.925,
        "frontals_kept_interval": [0.8, 0.98],
        "wrong": {"a": 0, "b": 3},
    }
    for test in ("by_patient", "source_never_seen")
}


@pytest.fixture
def view_run(tmp_path) -> Path:
    """A run folder of train.view with a head of its own."""
    folder = tmp_path / "view"
    folder.mkdir()
    state = {"linear.weight": torch.full((1, 6400), 0.25), "linear.bias": torch.tensor([-0.5])}
    safetensors.torch.save_file(state, folder / "view.safetensors")
    (folder / "view_results.json").write_text(json.dumps(VIEW_RUN))
    return folder


@pytest.fixture
def unchecked(monkeypatch) -> None:
    """Half precision is not compared: tiny networks find no heart."""
    change = dict.fromkeys(("answers", "outline_px", "cardiothoracic_ratio", "probability", "relevance_share"), 0.0)
    checked = {"films": 12, "refused": 0, "largest_change": change}
    monkeypatch.setattr(export, "compare_releases", lambda rounded, full, pictures: checked)


def fill_cards(folder: Path) -> None:
    for name in CHECKPOINTS:
        change_manifest(folder, name, card=make_card(name, None, {}, {"trained_on": "drawn films"}))


def test_a_new_head_goes_into_a_release_that_is_otherwise_kept(weights_folder, view_run, unchecked):
    fill_cards(weights_folder)
    before = {path.name: path.read_bytes() for path in weights_folder.glob("*.safetensors")}
    main(Config(view=view_run, out=weights_folder, hub_commit="c" * 40))
    after = {path.name: path.read_bytes() for path in weights_folder.glob("*.safetensors")}
    assert {name for name in after if after[name] != before[name]} == {"view.safetensors"}
    models = weights.load_models(weights_folder)
    assert models.view.linear.bias.item() == -0.5
    entries = models.manifest["files"]
    assert {entry["hub_commit"] for entry in entries.values()} == {"c" * 40}
    assert entries["segmenter"]["card"]["trained_on"] == "drawn films"
    card = (weights_folder / "view.md").read_text()
    for words in ("not a medical device", "Intended use", "8 of them laterals", "n = 40 films", "0.470 to 0.990"):
        assert words in card
    assert "films of a source it never saw: 3 of b" in card
    assert "# segmenter" in (weights_folder / "segmenter.md").read_text()


def test_a_new_distance_brings_its_limit(weights_folder, tmp_path, unchecked):
    fill_cards(weights_folder)
    folder = tmp_path / "chest"
    folder.mkdir()
    state = {name: value.contiguous() for name, value in ChestDistance().state_dict().items()}
    safetensors.torch.save_file(state | {"rest_spread": torch.tensor([0.5])}, folder / "chest.safetensors")
    run = {"config": {}, "films": 277, "films_sha256": "ab" * 32, "versions": {"heartviz": "0"}}
    run |= {"threshold": 2.2, "within": {"train": [277, 277], "held_out": [207, 210]}}
    (folder / "chest_results.json").write_text(json.dumps(run))
    main(Config(chest=folder, out=weights_folder))
    models = weights.load_models(weights_folder)
    assert (models.chest.limit, models.chest.rest_spread.item()) == (2.2, 0.5)
    card = (weights_folder / "chest.md").read_text()
    assert "277 frontal films of adults" in card
    assert "within the limit of 2.200: 277 of 277 train, 207 of 210 held out" in card


def test_new_limits_of_the_gate_are_written_and_kept(weights_folder, tmp_path, unchecked, capsys):
    fill_cards(weights_folder)
    folder = tmp_path / "gate"
    folder.mkdir()
    with pytest.raises(DataError, match=r"No gate_results\.json in .*: run train\.gate_limits"):
        main(Config(gate=folder, out=weights_folder))
    made_of = {name: weights.load_models(weights_folder).sha256[name] for name in ("segmenter", "view", "chest")}
    run = {**GATE, "refused": GATE["refused"] | {"heart_area": [0.02, 0.2]}, "models": made_of}
    (folder / "gate_results.json").write_text(json.dumps(run))
    main(Config(gate=folder, out=weights_folder))
    assert weights.load_models(weights_folder).limits.refused["heart_area"] == (0.02, 0.2)
    assert "limits were not set with these models" not in capsys.readouterr().out
    main(Config(out=weights_folder))
    assert weights.load_models(weights_folder).limits.refused["heart_area"] == (0.02, 0.2)
    (folder / "gate_results.json").write_text(json.dumps(run | {"models": made_of | {"view": "00"}}))
    main(Config(gate=folder, out=weights_folder))
    assert "limits were not set with these models: run train.gate_limits" in capsys.readouterr().out


def test_a_release_older_than_the_view_head_gets_one(weights_folder, view_run, unchecked):
    fill_cards(weights_folder)
    path = weights_folder / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["files"]["view"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(WeightsError, match="must name"):
        weights.load_models(weights_folder)
    main(Config(view=view_run, out=weights_folder))
    assert weights.load_models(weights_folder).view.linear.bias.item() == -0.5


def test_runs_that_are_missing_are_named(weights_folder, view_run, tmp_path):
    with pytest.raises(
        DataError, match=re.escape("no release to keep trunk, segmenter, chest, lateral, congenital_plain")
    ):
        main(Config(view=view_run, out=tmp_path / "empty"))
    with pytest.raises(DataError, match="No segmenter_results.json: the run that writes it is not done"):
        main(Config(segmenter=tmp_path / "segmenter.safetensors", out=weights_folder))


def test_results_of_other_files_are_refused(weights_folder, view_run, tmp_path, unchecked):
    results = tmp_path / "results.json"
    results.write_text(json.dumps({"models": {"view": "0" * 64}}))
    with pytest.raises(DataError, match=r"measures other files than these \(trunk, .*run train.evaluate again"):
        main(Config(view=view_run, out=weights_folder, results=results))


def test_shipped_cards_are_made_from_the_shipped_numbers():
    entries = json.loads((SHIPPED / "manifest.json").read_text())["files"]
    results = json.loads((SHIPPED / "results.json").read_text())
    assert results["models"] == {name: entry["sha256"] for name, entry in entries.items() if name not in BY_ITSELF}
    for name, entry in entries.items():
        assert make_card(name, None, results, entry["card"]) == entry["card"]
        assert (SHIPPED / f"{name}.md").read_text() == card_text(name, entry)
        assert name in ("trunk", "chest") or (entry["card"]["metrics"] and entry["card"]["failures"])
    assert "SIMULATED" in (SHIPPED / "congenital_plain.md").read_text()


@pytest.fixture
def empty_hub(weights_folder, monkeypatch):
    """A hub that has nothing yet, and takes files without Xet."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    with LoopbackHub(REPOSITORY, COMMIT, {}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub
    close_session()


# The hub's client hands its own HTTP client a file in a way that is going out of use.
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
def test_a_push_is_one_commit_from_which_the_models_come_back(weights_folder, view_run, unchecked, empty_hub, capsys):
    fill_cards(weights_folder)
    main(Config(view=view_run, out=weights_folder, push=REPOSITORY))
    assert sum("/commit/main" in request for request in empty_hub.requests) == 1
    assert empty_hub.commit != COMMIT
    assert empty_hub.commit in capsys.readouterr().out
    assert set(empty_hub.files) == {
        "README.md",
        "weights/manifest.json",
        *(f"weights/{name}.{kind}" for name in CHECKPOINTS for kind in ("md", "safetensors")),
    }
    assert "not a medical device" in empty_hub.files["README.md"].decode()
    pushed = weights.load_models(weights_folder)
    for path in weights_folder.glob("*.safetensors"):
        path.unlink()
    # The manifest beside the code names the pushed commit.
    downloaded = weights.load_models("hub")
    assert downloaded.origin == f"hub {REPOSITORY} at {empty_hub.commit[:8]}, downloaded"
    assert torch.equal(downloaded.view.linear.weight, pushed.view.linear.weight)


def test_a_refused_push_says_what_to_do_and_changes_nothing(weights_folder, empty_hub):
    fill_cards(weights_folder)
    with pytest.raises(WeightsError, match="somebody/else did not take the release: .*hf auth login"):
        push_release(weights_folder, "somebody/else")
    assert empty_hub.commit == COMMIT
    assert empty_hub.files == {}


@pytest.mark.slow
def test_rounding_the_shipped_head_again_gives_the_shipped_file(tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "weights")
    state = {key: value.float() for key, value in safetensors.torch.load_file(SHIPPED / "view.safetensors").items()}
    (tmp_path / "run").mkdir()
    safetensors.torch.save_file(state, tmp_path / "run" / "view.safetensors")
    (tmp_path / "run" / "view_results.json").write_text(json.dumps(VIEW_RUN))
    main(Config(view=tmp_path / "run", out=tmp_path / "weights"))
    for path in SHIPPED.glob("*.safetensors"):
        assert (tmp_path / "weights" / path.name).read_bytes() == path.read_bytes()
    card = json.loads((tmp_path / "weights" / "manifest.json").read_text())["files"]["view"]["card"]
    assert card["half_precision"]["films"] == 12
    assert set(card["half_precision"]["largest_change"].values()) == {0.0}


def test_a_new_models_card_has_no_numbers_of_the_old_file():
    run = {"films": 396, "training_films": 277, "films_sha256": "ab", "versions": {}, "config": {}}
    card = make_card("congenital_plain", run, {}, {"metrics": ["old"], "failures": ["old"], "command": "old"})
    assert card["metrics"] == card["failures"] == []
    assert "command" not in card
    assert card["trained_on"].startswith("277 frontal films")


def test_a_run_of_one_arm_makes_that_model_only():
    runs = {"congenital": {"arms": {"hardened": {}}}, "view": {}}
    assert names_of(runs) == ("view", "congenital_hardened")


def test_cards_say_which_planted_cues_are_taken_and_that_other_models_took_them():
    assert shortcut_lines("plain", None) == []
    groups = {(0, 0): 1.0}
    runs = {
        ("marker", 0.95): (ShortcutRun("x0.2", 0.6, (0.5, 0.7), 0.1, groups),),
        ("source", 0.95): (ShortcutRun("x0.2", 0.8, (0.7, 0.9), 0.78, groups),),
        ("marker", 0.5): (ShortcutRun("x0.2", 0.8, (0.7, 0.9), 0.78, groups),),
    }
    (line,) = shortcut_lines("mask", ShortcutResults(runs, {}, 10, 4, 112, ""))
    assert "take these planted cues: marker in the corner (worst group 0.10 of 0.60); not these: the hospital" in line
    assert "4 test films" in line
    assert line.endswith("This file itself was not trained on planted cues")
