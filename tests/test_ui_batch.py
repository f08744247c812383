"""The Batch page and "Take it home" without a browser: what they give, and that nothing of an upload is left."""

import csv
import io
import json
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from heartviz.errors import GateError
from heartviz.gate import OFFERED
from heartviz.phantom import draw_chest
from heartviz.records import Radiograph
from heartviz.ui import batch, take_home
from heartviz.ui.doors import LARGEST, UPLOAD
from heartviz.ui.held import Shelf
from tests.drawn_report import FakeCompute, make_report, make_segmentation
from tests.full_disk import full_disk

SMALL = (168, 147)


@pytest.fixture(scope="module")
def film() -> bytes:
    return cv2.imencode(".png", np.round(draw_chest(1, 1.0, SMALL)[0] * 255).astype(np.uint8))[1].tobytes()


@pytest.fixture(scope="module")
def report():
    pixels, found = make_segmentation(size=SMALL)
    return make_report(Radiograph(pixels), found)


def upload(folder: Path, *named: tuple[str, bytes]) -> list[Path]:
    """Files as Gradio hands them over, each in a folder of its own."""
    paths = [folder / f"hash {place}" / name for place, (name, _) in enumerate(named)]
    for path, (_, content) in zip(paths, named, strict=True):
        path.parent.mkdir()
        path.write_bytes(content)
    return paths


def test_a_file_to_take_home_is_there_while_it_is_fetched_and_gone_then(report):
    held = Shelf().keep(report)
    for kind, start in (("html", b"<!doctype html>"), ("pdf", b"%PDF-"), ("zip", b"PK")):
        given = take_home.make_download(kind, held, "Course 3")
        path, note = next(given)
        assert Path(path).read_bytes().startswith(start)
        assert note == ""
        assert list(given) == []
        assert not Path(path).parent.exists()


def test_without_a_film_there_is_nothing_to_take_home(report):
    for held in (None, Shelf().keep(report)):
        if held is not None:
            held.forget()
        ((path, note),) = take_home.make_download("html", held, "")
        assert path is None
        assert "Drop it again" in note


def test_a_fault_while_a_file_is_made_is_said(report, monkeypatch):
    monkeypatch.setattr(take_home, "make_files", lambda *_: json.loads("Mustermann"))
    ((path, note),) = take_home.make_download("pdf", Shelf().keep(report), "")
    assert path is None
    assert "JSONDecodeError" in note
    assert "Mustermann" not in note


def test_the_table_fills_bad_files_are_listed_and_uploads_deleted(film, tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("inside.png", film)
        archive.writestr("../outside.png", film)
    paths = upload(tmp_path, ("Mustermann.png", film), ("bad", b""), ("films.zip", stream.getvalue()))
    compute = FakeCompute()
    views = list(batch.run_films(compute.engine(), paths, "heart_size"))
    assert [view.table.count("<tr>") for view in views] == [0, 2, 3, 4, 5]
    assert "1 of 4 films" in views[1].status
    assert "2 of 4 films analysed, 2 not accepted" in views[-1].status
    assert compute.analyzed == [("heart_size", None, "picture_seen")] * 2
    assert "leads out of the ZIP" in views[-1].table
    assert list(tmp_path.iterdir()) == []
    table = list(csv.DictReader(io.StringIO(batch.make_table("csv", views[-1].held).decode())))
    assert [line["file"] for line in table] == [
        "Mustermann.png",
        "bad",
        "films.zip/inside.png",
        "films.zip/../outside.png",
    ]
    assert [line["accepted"] for line in table] == ["True", "False", "True", "False"]
    page = batch.make_table("html", views[-1].held).decode()
    assert "Mustermann" not in page
    assert "ab" * 32 in page  # the segmenter's hash in drawn_report


def refuse_once(offer: str):
    """An engine's `analyze` that refuses a film until it is corrected, as one that would pass by `offer`."""
    seen = []

    def analyze(radiograph, *asked):
        seen.append(radiograph.messages)
        if not any("corrected" in words for words in radiograph.messages):
            raise GateError("It is upside down.", offer=offer)
        return FakeCompute().engine().analyze(radiograph, *asked)

    return seen, replace(FakeCompute().engine(), analyze=analyze)


@pytest.mark.parametrize(("correct", "accepted"), [("", False), (OFFERED, True)])
def test_a_turned_film_is_put_right_only_where_the_page_asks_for_it(film, correct, accepted, tmp_path):
    seen, engine = refuse_once("turn_half")
    *_, last = batch.run_films(engine, upload(tmp_path, ("a", film)), "congenital", correct)
    assert last.held.outcomes[0].accepted == accepted
    assert len(seen) == 1 + accepted
    (line,) = csv.DictReader(io.StringIO(batch.make_table("csv", last.held).decode()))
    assert line["offered_correction"] == ("" if accepted else "turn_half")
    assert "turn_half" not in last.table
    assert (f"Tick &quot;{batch.PUT_RIGHT}&quot; on this page" in last.table) == (not accepted)
    assert "Tick" not in batch.make_table("html", last.held).decode()


def test_a_film_without_an_offer_is_refused_once(film, tmp_path):
    seen, engine = refuse_once("")
    *_, last = batch.run_films(engine, upload(tmp_path, ("a", film)), "congenital", OFFERED)
    assert not last.held.outcomes[0].accepted
    assert len(seen) == 1


def test_a_stopped_batch_keeps_its_rows_and_no_upload(film, tmp_path):
    paths = upload(tmp_path, *((f"{number}.png", film + bytes([number])) for number in range(3)))
    views = batch.run_films(FakeCompute().engine(), paths, "congenital")
    next(views)
    held = next(views).held
    views.close()
    assert list(tmp_path.iterdir()) == []
    assert "1 of 3 films analysed; stopped with 2 to go." in batch.finish(held)
    assert batch.make_table("csv", held).count(b"\r\n") == 2
    batch._forget(held)
    assert batch.make_table("csv", held) is None
    assert batch.finish(held) == batch.finish(None) == ""


def test_more_films_than_are_taken_are_refused_and_deleted(film, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "MOST_FILMS", 1)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in ("a", "b"):
            archive.writestr(name, film)
    for named in ([("a", film), ("b", film)], [("films.zip", stream.getvalue())]):
        (view,) = batch.run_films(FakeCompute().engine(), upload(tmp_path, *named), "congenital")
        assert "2 films were given; at most 1 are analysed here" in view.status
        assert view.held is None
        assert list(tmp_path.iterdir()) == []


def test_a_fault_of_the_program_is_said_and_no_upload_is_left(film, tmp_path, monkeypatch):
    def fail(paths):
        raise RuntimeError("Mustermann")

    monkeypatch.setattr(batch, "list_sources", fail)
    (view,) = batch.run_films(FakeCompute().engine(), upload(tmp_path, ("a", film)), "congenital")
    assert "RuntimeError" in view.status
    assert "Mustermann" not in view.status
    assert list(tmp_path.iterdir()) == []


def test_the_page_says_how_much_one_upload_takes():
    said = " ".join(batch._INTRODUCTION.split())
    assert "at most 100 films, 40 MB a file, 200 MB together." in said
    assert LARGEST[UPLOAD] == 200_000_000


def test_a_full_disk_is_said_and_no_half_file_is_given(report, film, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    held = Shelf().keep(report)
    with full_disk(1000):
        ((path, note),) = take_home.make_download("zip", held, "")
    assert path is None
    assert "disk is full" in note
    assert list(tmp_path.iterdir()) == []
