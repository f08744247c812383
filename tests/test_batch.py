"""Batches: rows that outlive a stop, films that are there twice, the tables."""

import csv
import io
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from heartviz import __main__ as command_line
from heartviz.batch import (
    Outcome,
    Settings,
    Source,
    analyze_one,
    list_sources,
    make_index,
    plan_batch,
    run_batch,
    write_csv,
)
from heartviz.batch.ledger import Ledger
from heartviz.batch.one import describe, make_thumbnail
from heartviz.batch.run import run_here
from heartviz.batch.table import COLUMNS
from heartviz.errors import DataError, RadiographError
from heartviz.records import ARMS, Radiograph
from tests.chest import write_film
from tests.drawn_report import make_report, make_segmentation

pytest_plugins = ["tests.small_models"]


ROOT = Path(__file__).resolve().parents[1]
SMALL = (168, 147)


@pytest.fixture(scope="module")
def report():
    """A drawn chest's report, small because many are made."""
    pixels, found = make_segmentation(size=SMALL)
    return make_report(Radiograph(pixels), found)


def test_one_films_row_has_the_reports_numbers(tmp_path, report):
    outcome = analyze_one(Source("film", str(write_film(tmp_path / "film"))), lambda content: report, ["html"])
    assert set(outcome.numbers) | {"number", "file"} == set(COLUMNS)
    assert outcome.numbers["cardiothoracic_ratio"] == report.cardiothoracic.ratio
    assert outcome.numbers["congenital_mask"] == "VSD"
    assert outcome.numbers["congenital_mask_VSD"] == 0.67  # drawn_report
    for arm in ARMS:
        assert outcome.numbers[f"heart_share_{arm}"] == report.explanation.shares[arm].share["heart"]
    thumbnail = cv2.imdecode(np.frombuffer(outcome.thumbnail, np.uint8), cv2.IMREAD_COLOR)
    assert thumbnail.shape == (176, 154, 3)  # 168 x 147 px at 176 / 168
    assert {"report.html", "report.json", "heart_mask.png"} <= set(outcome.files)


def test_refusals_last_and_faults_are_tried_again(tmp_path):
    film = Source("film", str(write_film(tmp_path / "film")))

    def refuse(content):
        raise RadiographError("No film.")

    def fail(content):
        raise RuntimeError("films/Mustermann.dcm")

    refused, fault = (analyze_one(film, how) for how in (refuse, fail))
    assert (refused.accepted, refused.numbers["messages"], refused.lasting) == (False, "No film.", True)
    assert (fault.accepted, fault.lasting) == (False, False)
    assert "RuntimeError" in fault.numbers["messages"]
    assert "Mustermann" not in fault.numbers["messages"]
    with Ledger(tmp_path / "done.jsonl") as ledger:
        ledger.keep("a", refused)
        ledger.keep("b", fault)
    with Ledger(tmp_path / "done.jsonl") as ledger:
        assert set(ledger.done) == {"a"}


def test_a_film_that_could_not_be_read_is_tried_again(tmp_path, report):
    path, away = write_film(tmp_path / "film"), tmp_path / "away"
    found = list_sources([path])
    plan = plan_batch(found, str, {})
    path.rename(away)
    engine = lambda of: run_here(of, lambda content: report)  # noqa: E731
    with Ledger(tmp_path / "done.jsonl") as ledger:
        ((_, outcome),) = run_batch(found, plan, engine, ledger)
        assert "There is no file at" in outcome.numbers["messages"]
        assert not outcome.lasting
        assert not plan_batch(found, str, ledger.done).known[0].lasting
        away.rename(path)
        again = plan_batch(found, str, ledger.done)
        assert not again.known
        ((_, outcome),) = run_batch(found, again, engine, ledger)
        assert outcome.accepted


def test_films_that_are_there_twice_are_analysed_once_and_bad_ones_left_out(tmp_path, report):
    first, second = write_film(tmp_path / "a"), write_film(tmp_path / "b", 0.5)
    paths = [first, tmp_path / "none", second, first]
    found = list_sources(paths)
    plan = plan_batch(found, str, {})
    assert list(plan.known) == [1]
    assert list(plan.to_do.values()) == [[0, 3], [2]]
    asked = []
    engine = lambda of: run_here(of, lambda content: asked.append(content) or report)  # noqa: E731
    with Ledger(tmp_path / "done.jsonl") as ledger:
        places = [places for places, _ in run_batch(found, plan, engine, ledger)]
        assert places == [[0, 3], [2]]
        assert len(asked) == 2
        again = plan_batch(found, str, ledger.done)
    assert sorted(again.known) == [0, 1, 2, 3]
    assert not again.to_do


def test_another_setting_or_model_is_another_key():
    settings, models = Settings(), {"trunk": "00"}
    keys = {
        settings.key_of("film", models),
        settings.key_of("other", models),
        settings.key_of("film", {"trunk": "01"}),
        replace(settings, task="heart_size").key_of("film", models),
        replace(settings, each=("pdf",)).key_of("film", models),
    }
    assert len(keys) == 5
    assert settings.key_of("film", models) in keys


def test_a_line_that_was_cut_off_is_left_out_and_another_file_left_alone(tmp_path):
    path = tmp_path / "done.jsonl"
    outcome = Outcome({"accepted": True}, b"picture")
    with Ledger(path) as ledger:
        ledger.keep("a", outcome)
        ledger.keep("b", outcome)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with Ledger(path) as ledger:
        assert ledger.done == {"a": outcome}
        ledger.keep("b", outcome)
    assert path.read_bytes() == whole
    path.write_text("{}\n")
    with pytest.raises(DataError, match="holds no batch"):
        Ledger(path)
    path.write_bytes(whole + b"nonsense\n")
    with pytest.raises(DataError, match="Line 4 of .* is broken"):
        Ledger(path)


SLOW_BATCH = """
import sys, time
from pathlib import Path
from heartviz.batch import list_sources, plan_batch, run_batch
from heartviz.batch.ledger import Ledger
from heartviz.batch.run import run_here
from heartviz.records import Radiograph
from tests.drawn_report import make_report, make_segmentation
pixels, outlines = make_segmentation(size=(168, 147))
report = make_report(Radiograph(pixels), outlines)
def analyze(content):
    time.sleep(0.05)
    return report
folder = Path(sys.argv[1])
found = list_sources([folder / "films"])
with Ledger(folder / "done.jsonl") as ledger:
    plan = plan_batch(found, str, ledger.done)
    print(len(plan.known), flush=True)
    for _ in run_batch(found, plan, lambda of: run_here(of, analyze), ledger):
        pass
"""


def test_a_batch_that_is_killed_goes_on_with_nothing_lost_and_nothing_twice(tmp_path):
    count = 40
    for number in range(count):
        write_film(tmp_path / "films" / f"{number:02d}", 0.5 + number / 100)
    done = tmp_path / "done.jsonl"
    command = [sys.executable, "-c", SLOW_BATCH, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 300
    while not done.exists() or done.read_bytes().count(b"\n") < 1 + 5:
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    kept = done.read_bytes().count(b"\n") - 1
    assert 5 <= kept < count
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    assert int(again.stdout) == kept
    keys = [json.loads(line)["key"] for line in done.read_text().splitlines()[1:]]
    assert len(keys) == len(set(keys)) == count


def test_tables_name_films_in_the_csv_and_only_number_them_in_the_html(report):
    numbers = {"accepted": True, "film_sha256": "ab", "seconds": 1.0}
    good = Outcome(numbers | describe(report), make_thumbnail(report))
    bad = Outcome({"accepted": False, "messages": "It is <b>no</b> film."})
    table = write_csv(["=cmd()", "Mustermann.dcm", "later"], {0: good, 1: bad})
    lines = list(csv.DictReader(io.StringIO(table)))
    assert [line["file"] for line in lines] == ["'=cmd()", "Mustermann.dcm"]
    assert [line["accepted"] for line in lines] == ["True", "False"]
    assert float(lines[0]["cardiothoracic_ratio"]) == report.cardiothoracic.ratio
    assert lines[1]["cardiothoracic_ratio"] == ""
    page = make_index({0: good, 1: bad}, {"trunk": "00ff"}, 3)
    assert "Mustermann" not in page
    assert "1 of 3 films analysed, 1 not accepted. 1 still to be analysed." in page
    assert "It is &lt;b&gt;no&lt;/b&gt; film." in page
    assert page.count("data:image/jpeg") == 1
    assert "00ff" in page
    assert "not a medical device" in page


def test_command_lists_bad_files_does_the_rest_and_goes_on(models, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("heartviz.weights.load_models", lambda where=None: models)
    films = tmp_path / "films"
    write_film(films / "a.png")
    write_film(films / "b.png", 0.5)
    (films / "page.png").write_text("<html>not a film</html>")
    arguments = ["batch", str(films), "--out", str(tmp_path / "out"), "--also", "arrays"]
    assert command_line.main(arguments) == 1
    told = capsys.readouterr()
    assert "page.png: not accepted: The file is a web page" in told.err
    assert "2 of 3 films analysed" in told.out
    with (tmp_path / "out" / "results.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["file"] for line in lines] == ["a.png", "b.png", "page.png"]
    assert lines[0]["cardiothoracic_ratio"] == lines[1]["cardiothoracic_ratio"] != ""
    assert (tmp_path / "out" / "index.html").read_text().count("data:image/jpeg") == 2
    names = (f"{line['file'][0]}_{line['film_sha256'][:8]}_????" for line in lines[:2])
    first, second = (next((tmp_path / "out" / "films").glob(name)) for name in names)
    assert (first / "sensitivity_plain.npy").exists()
    assert (second / "heart_mask.png").exists()
    before = len(models.segmentations)
    assert command_line.main(arguments) == 1
    assert len(models.segmentations) == before
    assert "2 films were analysed before" in capsys.readouterr().err


def test_command_without_films_or_with_a_file_in_the_way_stops(models, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("heartviz.weights.load_models", lambda where=None: models)
    assert command_line.main(["batch", str(write_film(tmp_path / "a")), "--out", str(tmp_path / "a")]) == 2
    assert "can't be written" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert command_line.main(["batch", str(tmp_path / "empty"), "--out", str(tmp_path / "out")]) == 2
    assert "There is no film" in capsys.readouterr().err
