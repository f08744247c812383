"""The batch command when something goes wrong on the way: the tables are there, the reason is in words."""

import csv
import errno
import json
import os
import sys
from pathlib import Path

import pytest

from heartviz import __main__ as command_line
from heartviz import pipeline
from heartviz.batch import Outcome, run
from heartviz.batch.ledger import Ledger
from heartviz.errors import DataError, GateError
from tests.chest import write_film
from tests.full_disk import full_disk

pytest_plugins = ["tests.small_models"]


@pytest.fixture
def arguments(models, monkeypatch, tmp_path) -> list[str]:
    """A command for two films."""
    monkeypatch.setattr("heartviz.weights.load_models", lambda where=None: models)
    write_film(tmp_path / "films" / "a")
    write_film(tmp_path / "films" / "b", 0.5)
    return ["batch", str(tmp_path / "films"), "--out", str(tmp_path / "out")]


def files_of(out: Path) -> list[str]:
    assert (out / "index.html").read_text(encoding="utf-8").endswith("</html>\n")
    with (out / "results.csv").open(newline="", encoding="utf-8") as file:
        return [line["file"] for line in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        (KeyboardInterrupt(), 130, "Stopped: the same command goes on"),
        (DataError("Ray stopped."), 2, "heartviz: Ray stopped."),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "can't be written (No space left on device): make room"),
    ],
)
def test_whatever_stops_a_batch_the_tables_have_what_is_done(arguments, fault, status, words, monkeypatch, capsys):
    analyze_one = run.analyze_one

    def fail_at_second(source, *rest):
        if source.name == "b":
            raise fault
        return analyze_one(source, *rest)

    monkeypatch.setattr(run, "analyze_one", fail_at_second)
    assert command_line.main(arguments) == status
    assert words in capsys.readouterr().err
    assert files_of(Path(arguments[-1])) == ["a"]


def test_a_second_batch_with_the_same_out_is_refused(arguments, capsys):
    out = Path(arguments[-1])
    out.mkdir()
    with Ledger(out / "done.jsonl") as ledger:
        ledger.keep("a", Outcome({"accepted": True}))
        kept = (out / "done.jsonl").read_bytes()
        assert command_line.main(arguments) == 2
        assert f"heartviz: Another batch is writing to {out}: wait for its end" in capsys.readouterr().err
        assert (out / "done.jsonl").read_bytes() == kept
        assert [path.name for path in out.iterdir()] == ["done.jsonl"]
    assert command_line.main(arguments) == 0


def test_every_name_of_a_film_has_its_own_report_also_a_name_that_comes_later(arguments, models, tmp_path):
    def told() -> dict[str, str]:
        paths = Path(arguments[-1]).glob("films/*/report.json")
        return {path.parent.name[:-14]: json.loads(path.read_text(encoding="utf-8"))["file"] for path in paths}

    arguments[-2:-2] = ["--also", "arrays"]
    write_film(tmp_path / "films" / "again")
    assert command_line.main(arguments) == 0
    assert told() == {"a": "a", "again": "again", "b": "b"}
    analysed, lines = len(models.segmentations), (ledger := Path(arguments[-1]) / "done.jsonl").read_bytes()
    write_film(tmp_path / "films" / "later")
    assert command_line.main(arguments) == 0
    assert told() == {"a": "a", "again": "again", "b": "b", "later": "later"}
    assert (len(models.segmentations), ledger.read_bytes()) == (analysed + 1, lines)
    assert command_line.main(arguments) == 0
    assert len(models.segmentations) == analysed + 1
    assert files_of(Path(arguments[-1])) == ["a", "again", "b", "later"]


def test_the_same_film_under_names_alike_has_a_report_of_each(arguments, tmp_path):
    arguments[-2:-2] = ["--also", "arrays"]
    names = [
        "p/b/film.png",
        "p/b_film.png",
        "p b/film.png",
        "p_b/film.png",
        f"first/{70 * 'x'}.png",
        f"second/{70 * 'x'}.png",
    ]
    for name in names:
        write_film(tmp_path / "films" / name)
    assert command_line.main(arguments) == 0
    reports = Path(arguments[-1]).glob("films/*/report.json")
    told = [json.loads(path.read_text(encoding="utf-8"))["file"] for path in reports]
    assert sorted(told) == sorted([*names, "a", "b"])


def test_an_unforeseen_fault_of_an_engine_leaves_the_tables(arguments, monkeypatch):
    monkeypatch.setattr(run, "analyze_one", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        command_line.main(arguments)
    assert files_of(Path(arguments[-1])) == []


def test_tables_that_cannot_be_written_and_films_that_cannot_be_listed_are_said(arguments, monkeypatch, capsys):
    (Path(arguments[-1]) / "results.csv").mkdir(parents=True)
    assert command_line.main(arguments) == 2
    assert "can't be written" in capsys.readouterr().err

    def fail(paths, leave_out):
        raise PermissionError(errno.EACCES, "Permission denied", "films")

    monkeypatch.setattr("heartviz.batch.list_sources", fail)
    assert command_line.main(arguments) == 2
    assert "heartviz: films can't be read (Permission denied)." in capsys.readouterr().err


def test_turned_films_are_told_of_and_put_right_when_asked(arguments, models, monkeypatch, capsys):
    def admit(radiograph, given):
        if radiograph.pixels.mean() < 0.2 and not radiograph.messages:
            raise GateError("It is upside down.", offer="turn_half")
        return admit_film(radiograph, given)

    admit_film = pipeline.admit_film
    monkeypatch.setattr(pipeline, "admit_film", admit)
    assert command_line.main(arguments) == 1
    assert "1 not accepted can be put right: add --correct offered." in capsys.readouterr().err
    assert command_line.main([*arguments, "--correct", "offered"]) == 0
    with (Path(arguments[-1]) / "results.csv").open(newline="", encoding="utf-8") as file:
        told = {line["file"]: line["messages"] for line in csv.DictReader(file)}
    assert [
        name for name, words in told.items() if "corrected before it was analysed (turned by 180 degrees)" in words
    ] == ["b"]


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux has file names that are no text.")
def test_a_name_that_is_no_text_is_in_every_table(arguments, tmp_path):
    folder = os.fsencode(tmp_path / "films")
    os.rename(folder + b"/b", folder + b"/f\xff.png")
    gone = os.fsdecode(b"gone\xff.png")
    assert command_line.main([*arguments[:2], gone, *arguments[2:], "--also", "arrays"]) == 1
    out = Path(arguments[-1])
    assert files_of(out) == ["a", r"f\udcff.png", r"gone\udcff.png"]
    assert "There is no file at the path given" in (page := (out / "index.html").read_text(encoding="utf-8"))
    assert "gone" not in page
    told = [json.loads(path.read_text(encoding="utf-8"))["file"] for path in out.glob("films/*/report.json")]
    assert sorted(told) == ["a", r"f\udcff.png"]


def test_ctrl_c_while_films_are_read_for_their_hash_ends_in_words(arguments, monkeypatch, capsys):
    def stop(content):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "hash_content", stop)
    assert command_line.main(arguments) == 130
    assert capsys.readouterr().err.strip().endswith("Stopped: the same command goes on from here.")


def test_ctrl_c_in_another_command_ends_in_words(monkeypatch, tmp_path, capsys):
    def stop(where):
        raise KeyboardInterrupt

    monkeypatch.setattr("heartviz.weights.load_models", stop)
    assert command_line.main(["analyze", "film.png", "--out", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_a_disk_that_fills_is_said_and_nothing_half_written_is_taken_for_whole(arguments, capsys):
    out = Path(arguments[-1])
    out.mkdir()
    (out / "index.html").write_text("of an earlier run")
    with full_disk(2000):
        assert command_line.main(arguments) == 2
    assert "can't be written" in (told := capsys.readouterr().err)
    assert "make room" in told
    assert (out / "done.jsonl").stat().st_size == 2000
    assert (out / "index.html").read_text() == "of an earlier run"
    assert (out / "results.csv").read_bytes().count(b"\r\n") == 1  # Its columns, whole: no film is done.
    assert {path.name for path in out.iterdir()} == {"done.jsonl", "results.csv", "index.html"}
    assert command_line.main(arguments) == 0
    assert files_of(out) == ["a", "b"]
    lines = (out / "done.jsonl").read_text(encoding="utf-8").splitlines()
    assert [sorted(json.loads(line)) for line in lines[1:]] == [["key", "numbers", "thumbnail"]] * 2
