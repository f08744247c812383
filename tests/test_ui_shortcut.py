"""The Shortcut page: the file that it reads, who took the cue, and the figure's numbers in words."""

import json

import pytest

from heartviz.errors import WeightsError
from heartviz.interventions.cues import SOURCE
from heartviz.plots.shortcut import plot_shortcut
from heartviz.shortcut_results import SHORTCUT_RESULTS, SHOWN_NAMES, describe_runs, read_shortcut_results
from heartviz.ui.shortcut import table_html, words_html
from train.shortcut_films import ARMS
from train.shortcut_scores import summarise_runs
from train.shortcut_tables import Config, main

SOURCES = ["jsrt", "wingspan"]


def line(arm, cue="marker"):
    """Two films: plain VGG16 follows the cue, the others the label. (cue, film, label)."""
    follows = [[[0.1, 0.2]] * 2, [[0.9, 0.8]] * 2] if arm == "plain" else [[[0.1, 0.9]] * 2] * 2
    probability = follows if cue != SOURCE else follows[:1]
    return {"cue": cue, "strength": 0.95, "arm": arm, "seed": 0, "heart_share": 0.3, "probability": probability}


@pytest.fixture
def results(tmp_path):
    lines = [line(arm, cue) for cue in ("marker", SOURCE) for arm in ("plain", "levelled_lungs")]
    lines.append(line("plain", "none") | {"strength": 0.5, "probability": [[[0.1, 0.9]] * 2]})
    runs = summarise_runs(lines, SOURCES)
    whole = {"command": "made up", "train_films": 10, "test_films": 2, "config": {"size_px": 112}, "runs": runs}
    (tmp_path / "shortcut.json").write_text(json.dumps(whole))
    main(Config(results=tmp_path / "shortcut.json", app=tmp_path / "app.json"))
    return read_shortcut_results(tmp_path / "app.json")


def test_who_took_the_cue_is_told_from_the_groups(results):
    runs = {run.arm: run for run in results.runs["marker", 0.95]}
    assert runs["plain"].groups == {(0, 0): 1.0, (0, 1): 0.0, (1, 0): 0.0, (1, 1): 1.0}
    assert (runs["plain"].average, runs["plain"].worst, runs["plain"].takes_it) == (0.5, 0.0, True)
    assert not runs["levelled_lungs"].takes_it
    words = describe_runs(results.runs["marker", 0.95])
    assert words == (
        f"Taken by: {SHOWN_NAMES['plain']} (average 50 %, worst group 0 %). "
        f"Not by: {SHOWN_NAMES['levelled_lungs']} (average 100 %, worst group 100 %)."
    )
    assert results.strengths == [0.95]
    assert results.clean == {"plain": 1.0}
    assert "Right without any cue: The whole chest (plain VGG16) 100 %" in words_html(results, "marker", 0.95)


def test_figure_and_table_hold_the_same_numbers(results):
    figure = plot_shortcut(results.runs["marker", 0.95], "marker", 0.95, 2)
    assert "n = 2 films" in figure.layout.title.text
    with_label, against, average = figure.data
    assert list(with_label.x) == [100, 100, 100, 100]
    assert list(against.x) == [0, 100, 0, 100]
    assert list(average.x) == [50, 100]
    table = table_html(results, "marker", 0.95)
    assert "<td>0 %</td><td>100 %</td><td>0 %</td><td>0 %</td><td>100 %</td>" in table
    assert "Normal, Wingspan" in table_html(results, SOURCE, 0.95)


def test_a_missing_file_is_none_and_another_one_is_refused(tmp_path):
    assert read_shortcut_results(tmp_path / "none.json") is None
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(WeightsError, match="holds no shortcut results"):
        read_shortcut_results(tmp_path / "other.json")


def test_shipped_results_hold_every_arm_cue_and_strength():
    results = read_shortcut_results()
    if results is None:
        pytest.skip(f"{SHORTCUT_RESULTS.name} is not there")
    assert set(SHOWN_NAMES) == set(ARMS)
    for runs in results.runs.values():
        assert {run.arm for run in runs} == set(ARMS)
    assert len(results.runs) == 5 * 4
