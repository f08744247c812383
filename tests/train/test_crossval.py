"""Cross-validated tables: who is in which fold, and every score by hand."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heartviz.errors import DataError
from train.crossval import NORMALS, TASKS, Config, assign_classes, draw_fold, read_predictions, write_folds
from train.crossval_tables import make_tables, read_step, score_table
from train.paper import PAPER_TABLES
from train.paper_tables import crossval_table
from train.sources import Film
from train.tables import make_paper_tables

SOURCES = ["jsrt"] * 50 + ["wingspan"] * 61


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("normals", NORMALS)
def test_every_base_film_shows_one_class(task, normals):
    rows = assign_classes(SOURCES, task, normals, seed=3)
    assert len({row.film for row in rows}) == len(rows)
    own = {SOURCES[row.film] for row in rows if row.label == 0 and not row.swapped}
    swapped = {SOURCES[row.film] for row in rows if row.swapped}
    assert own == ({"wingspan"} if normals == "same source" else {"jsrt"})
    assert swapped == ({"jsrt"} if normals == "same source" else {"wingspan"})
    assert {SOURCES[row.film] for row in rows if row.label} == {"wingspan"}
    counts = np.bincount([row.label for row in rows if not row.swapped])
    assert len(counts) == len(TASKS[task])
    assert counts.max() - counts.min() <= 1


def test_folds_test_each_film_once_and_train_on_no_swapped_one():
    rows = assign_classes(SOURCES, "Normal-VSD-ASD", "other source", seed=0)
    swapped = {place for place, row in enumerate(rows) if row.swapped}
    tested: list[int] = []
    for train, test in draw_fold(rows, folds=5, seed=1):
        assert not set(train) & set(test)
        assert not set(train) & swapped
        assert swapped <= set(test)
        tested += [place for place in test if place not in swapped]
    assert sorted(tested) == sorted(set(range(len(rows))) - swapped)


def test_folds_are_written_first_and_hold_each_film_of_a_table_once(tmp_path):
    films = [Film(f"{source}/{number}", source, f"p{number}", Path("x")) for number, source in enumerate(SOURCES)]
    write_folds(films, Config(data=tmp_path, out=tmp_path, folds=5), tmp_path / "folds.csv")
    with (tmp_path / "folds.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["classes"] == "Normal-VSD" and row["swapped"] == "0"]
    same = [row["film_id"] for row in rows if row["normals"] == "same source"]
    # All 61 Wingspan films, each in one fold.
    assert len(same) == len(set(same)) == 61
    assert {row["fold"] for row in rows} == set("01234")
    twins = [*films, replace(films[0], film_id="jsrt/twin")]
    with pytest.raises(DataError, match="Two films are of the same patient"):
        write_folds(twins, Config(data=tmp_path, out=tmp_path), tmp_path / "folds.csv")


def make_line(fold, **changes):
    line = {
        "key": "k",
        "task": "Normal-VSD-ASD",
        "normals": "same source",
        "ratio": 0.2,
        "fold": fold,
        "film": ["wingspan/a", "wingspan/b", "wingspan/c", "wingspan/d", "jsrt/e", "jsrt/f"],
        "swapped": [False, False, False, False, True, True],
        "label": [0, 1, 2, 2, 0, 0],
        "probabilities": [
            [0.8, 0.1, 0.1],
            [0.1, 0.8, 0.1],
            [0.1, 0.1, 0.8],
            [0.1, 0.8, 0.1],
            [0.3, 0.6, 0.1],
            [0.9, 0.05, 0.05],
        ],
    }
    return line | changes


def test_scores_by_hand():
    scores = score_table([make_line(0)])
    assert scores["n"] == 4
    assert scores["accuracy"] == 0.75
    # One ASD is called VSD: against the rest Normal is right on 4, VSD on 3 and ASD on 3 of 4 films.
    assert scores["by_class"] == {"Normal": 1.0, "VSD": 0.75, "ASD": 0.75}
    # The paper's identity: overall error is half the sum of the classes' errors.
    assert 1 - scores["accuracy"] == pytest.approx(sum(1 - value for value in scores["by_class"].values()) / 2)
    assert scores["worst_group"] == scores["by_group"]["wingspan/ASD"] == 0.5
    # All four answers have confidence 0.8, three are right.
    assert scores["calibration_error"] == pytest.approx(0.05)
    swapped = scores["swapped_normals"]
    assert (swapped["n"], swapped["called_normal"], swapped["own_called_normal"]) == (2, 0.5, 1.0)
    # Chance of disease: 0.9 for the three ill, 0.7 and 0.1 for the swapped Normals: every pair is in order.
    assert swapped["auroc"] == 1.0
    assert swapped["own_auroc"] == 1.0
    # The own Normal more likely ill than all three ill; the swapped ones as before.
    turned = score_table([make_line(0, probabilities=[[0.05, 0.9, 0.05], *make_line(0)["probabilities"][1:]])])
    assert (turned["swapped_normals"]["own_auroc"], turned["swapped_normals"]["auroc"]) == (0.0, 1.0)


def test_rounded_probabilities_are_scored():
    rounded = make_line(0, probabilities=[[0.33333, 0.33333, 0.33333]] * 6)
    assert score_table([rounded])["auroc"] == 0.5


def test_variance_is_over_folds():
    worse = make_line(1, probabilities=[[0.1, 0.8, 0.1]] * 6)
    scores = score_table([make_line(0), worse])
    assert scores["accuracy"] == pytest.approx((0.75 + 0.25) / 2)
    assert scores["accuracy_variance"] == pytest.approx(0.25**2)


def test_tables_stand_beside_the_papers():
    tables = make_tables([make_line(0), make_line(1), make_line(0, ratio=0.5)])
    assert [table["folds"] for table in tables] == [2, 1]
    assert tables[0]["paper"]["accuracy"] == 0.592
    assert tables[1]["paper"] is None


def test_tables_are_made_of_the_folds_that_are_done(tmp_path):
    path = tmp_path / "predictions.jsonl"
    with pytest.raises(DataError, match="run train.crossval first"):
        read_step(path)
    path.write_text("".join(json.dumps(make_line(0, ratio=ratio)) + "\n" for ratio in (0.2, 0.5)))
    (tmp_path / "crossval.json").write_text(json.dumps({"config": {"folds": 10, "copies": 3, "size_px": 144}}))
    step = read_step(path)
    assert [row[2] for row in crossval_table(step).rows] == ["x 0.5", "x 0.2"]
    text = make_paper_tables([crossval_table(step)])
    assert "| Normal, VSD, ASD | same source | x 0.5 | 4 |" in text


def test_papers_classes_give_its_overall_accuracy():
    # Section 0 of the findings: overall = 1 - (sum of the classes' errors) / 2, printed to three digits.
    for (task, _, _), table in PAPER_TABLES.items():
        if table.by_class:
            assert len(table.by_class) == len(TASKS[task])
            assert table.accuracy == pytest.approx(1 - sum(1 - value for value in table.by_class) / 2, abs=1.1e-3)


def test_predictions_resume_after_a_line_that_was_cut_off(tmp_path):
    path = tmp_path / "predictions.jsonl"
    assert read_predictions(path, "k") == []
    path.write_text(json.dumps(make_line(0)) + "\n" + json.dumps(make_line(1))[:40])
    assert [line["fold"] for line in read_predictions(path, "k")] == [0]
    assert path.read_text() == json.dumps(make_line(0)) + "\n"
    with pytest.raises(DataError, match="of a run with other films or settings"):
        read_predictions(path, "other")
