"""The shipped models, as shipped, on real films held out and on drawn ones (slow)."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heartviz import analyze, load_models
from heartviz.__main__ import main
from heartviz.errors import DataError, HeartvizError
from heartviz.measure import measure_cardiothoracic_ratio
from heartviz.phantom import draw_chest
from heartviz.records import ARMS
from train.folds import films_of, read_splits
from train.metrics import dice
from train.precision import compare_releases
from train.sources.ctr512 import read_films

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def models():
    return load_models("local")


def test_files_are_under_120_mb_the_third_model_under_45_and_the_lateral_decoder_under_6(models):
    entries = models.manifest["files"]
    third = sum(entry["bytes"] for entry in entries.values() if entry.get("arm") == "hardened")
    assert third < 45e6
    assert entries["lateral"]["bytes"] < 6e6
    assert sum(entry["bytes"] for entry in entries.values()) - third - entries["lateral"]["bytes"] < 120e6


def test_the_gates_limits_were_set_with_the_models_that_are_shipped(models):
    gate = models.manifest["gate"]
    assert gate["models"] == {name: models.sha256[name] for name in ("segmenter", "view", "chest")}
    assert gate["told_within"] / gate["films"]["told"] >= 0.98


def test_release_that_changes_results_is_not_shipped(models):
    chests = [draw_chest(seed)[0] for seed in (1, 2)]
    same = compare_releases(models, models, chests)
    # Sums of convolutions are not ordered alike from run to run.
    assert same["films"] == 2
    assert same["largest_change"]["answers"] == 0
    assert max(same["largest_change"].values()) < 1e-4
    warmer = {key: replace(model, temperature=2 * model.temperature) for key, model in models.classifiers.items()}
    with pytest.raises(DataError, match="Half precision changes results"):
        compare_releases(replace(models, classifiers=warmer), models, chests)


def test_drawn_chests_are_read_rightly(models):
    for seed, heart_scale in ((1, 1.0), (2, 1.35)):
        pixels, heart, left_lung, right_lung = draw_chest(seed, heart_scale)
        report = analyze(pixels, models)
        true_ratio = measure_cardiothoracic_ratio(heart, left_lung | right_lung).ratio
        assert abs(report.cardiothoracic.ratio - true_ratio) < 0.05
        assert dice(report.segmentation.heart_mask, heart) > 0.8
        assert dice(report.segmentation.left_lung_mask, left_lung) > 0.85


def test_films_held_out_are_outlined_and_explained(models, shared_data):
    held_out = films_of(read_films(shared_data / "ctr512"), read_splits(ROOT / "weights" / "splits.csv"), "test")[::10]
    hearts, lungs = [], []
    for film in held_out:
        report = analyze(film.image_path, models)
        masks = film.read_masks()
        hearts.append(dice(report.segmentation.heart_mask, masks[0]))
        lungs += [
            dice(report.segmentation.left_lung_mask, masks[1]),
            dice(report.segmentation.right_lung_mask, masks[2]),
        ]
        for arm in ARMS:
            shares = report.explanation.shares[arm]
            assert sum(shares.share.values()) == pytest.approx(1.0)
            assert sum(shares.chance.values()) == pytest.approx(1.0)
    # Well below what train.evaluate prints, for eight films may be hard ones.
    assert np.mean(hearts) > 0.90
    assert np.mean(lungs) > 0.92


def test_awkward_files_are_accepted_or_refused_in_words(models, shared_data):
    folder = shared_data / "awkward"
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        try:
            analyze(folder / row["file"], models)
            accepted, reason = True, ""
        except HeartvizError as error:
            accepted, reason = False, str(error)
        if row["category"].startswith(("dicom_ood", "ood", "corrupt")):
            assert not accepted, row["file"]
            assert len(reason) > 40
        if row["category"] in ("dicom", "rgba_png", "photo_or_tinted"):
            assert accepted, f"{row['file']}: {reason}"


def test_laterals_are_refused(models, shared_data):
    paths = sorted((shared_data / "views" / "lateral").iterdir())
    accepted = []
    for path in paths:
        try:
            analyze(path, models)
            accepted.append(path.name)
        except HeartvizError:
            continue
    assert not accepted


def test_report_of_the_command_line_is_the_reports(models, shared_data, tmp_path):
    film = read_films(shared_data / "ctr512")[0]
    assert main(["analyze", str(film.image_path), "--out", str(tmp_path)]) == 0
    written = json.loads((tmp_path / film.image_path.stem / "report.json").read_text())
    report = analyze(film.image_path, models)
    assert written["cardiothoracic_ratio"] == report.cardiothoracic.ratio
    for arm in ARMS:
        for name, probability in report.predictions["congenital"][arm].probabilities.items():
            # Sums of convolutions are not ordered alike from run to run.
            assert written["predictions"]["congenital"][arm][name] == pytest.approx(probability, abs=1e-4)
