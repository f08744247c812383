"""Who has left is forgotten, and so are the files: theirs, nobody's, and old ones."""

import os
import time
from pathlib import Path

import pytest

from heartviz.ui import leaving
from heartviz.ui.leaving import LONGEST_S, UNOWNED_TIMES, Guests
from heartviz.ui.upload import OwnFile


@pytest.fixture
def forgotten():
    return []


@pytest.fixture
def guests(tmp_path, forgotten):
    (tmp_path / "shipped.png").touch()
    return Guests(tmp_path, forgotten.append, forget_after_s=0.0)


def put_film(folder: Path, name: str, age_s: float = 0.0) -> Path:
    path = folder / f"hash of {name}" / name
    path.parent.mkdir()
    path.write_bytes(b"film")
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def name_it(path: Path) -> bytes:
    return b'{"path":"' + str(path).encode() + b'","orig_name":"x"}'


def test_a_session_that_left_is_forgotten_with_its_files_and_their_folders(tmp_path, guests, forgotten):
    guests.forget_after_s = 100.0
    film = put_film(tmp_path, "Müller (1).dcm")
    guests.arrive("a")
    guests.note_files("a", name_it(film))
    guests.leave("a")
    guests.sweep()
    assert film.exists()
    assert forgotten == []
    guests.forget_after_s = 0.0
    guests.sweep()
    assert forgotten == ["a"]
    assert not film.parent.exists()
    guests.sweep()
    assert forgotten == ["a"]
    assert (tmp_path / "shipped.png").exists()


def test_a_page_that_comes_back_in_time_keeps_its_film(tmp_path, guests, forgotten):
    film = put_film(tmp_path, "film")
    for _ in range(2):
        guests.arrive("a")
    guests.note_files("a", name_it(film))
    guests.leave("a")
    guests.sweep()
    assert film.exists()
    guests.leave("a")
    guests.arrive("a")
    guests.sweep()
    assert film.exists()
    assert (len(guests), forgotten) == (1, [])


def test_a_file_that_another_page_shows_too_stays(tmp_path, guests):
    film = put_film(tmp_path, "film")
    for session in ("a", "b"):
        guests.arrive(session)
        guests.note_files(session, name_it(film))
    guests.leave("a")
    guests.sweep()
    assert film.exists()
    guests.leave("b")
    guests.sweep()
    assert not film.exists()


def test_files_of_nobody_and_old_ones_go(tmp_path, guests):
    guests.forget_after_s = 10.0
    nobodys = put_film(tmp_path, "nobody's", UNOWNED_TIMES * 10 + 1)
    fresh = put_film(tmp_path, "fresh", UNOWNED_TIMES * 10 - 5)
    old, young = put_film(tmp_path, "old", LONGEST_S + 1), put_film(tmp_path, "young", LONGEST_S - 5)
    guests.arrive("a")
    guests.note_files("a", name_it(old) + name_it(young))
    guests.sweep()
    assert [path.exists() for path in (nobodys, fresh, old, young)] == [False, True, False, True]


def test_a_program_without_a_connection_leaves_after_its_question(tmp_path, guests, forgotten):
    film = put_film(tmp_path, "film")
    guests.note_files("program", name_it(film))
    guests.sweep()
    assert forgotten == ["program"]
    assert not film.exists()


@pytest.mark.parametrize("named", ["//{outside}", "/../{name}", "/hash/../../{name}", "/hash/..", "/../.."])
def test_no_message_can_name_a_file_outside(tmp_path, forgotten, named):
    folder, outside = tmp_path / "uploads", tmp_path / "mine.txt"
    (folder / "hash").mkdir(parents=True)
    outside.write_text("mine")
    guests = Guests(folder, forgotten.append, forget_after_s=0.0)
    address = str(folder) + named.format(outside=str(outside).lstrip("/"), name=outside.name)
    guests.note_files("a", b'{"path":"' + address.encode() + b'"}')
    guests.sweep()
    assert outside.read_text() == "mine"


def test_a_name_that_is_a_folder_or_too_long_does_not_stop_the_sweep(tmp_path, forgotten):
    guests = Guests(tmp_path, forgotten.append, forget_after_s=0.0)
    film = put_film(tmp_path, "film", age_s=LONGEST_S + 1)
    (tmp_path / "a" / "folder" / "within").mkdir(parents=True)
    for name in ("a/folder", "a/" + 300 * "x"):
        guests.note_files("a", b'"' + str(tmp_path / name).encode() + b'"')
    guests.sweep()
    assert forgotten == ["a"]
    assert not film.exists()


def test_one_that_cannot_be_forgotten_does_not_keep_the_others(tmp_path):
    asked = []

    def forget(session):
        asked.append(session)
        raise RuntimeError("changed while it was walked")

    guests = Guests(tmp_path, forget, forget_after_s=0.0)
    for session in ("a", "b"):
        guests.arrive(session)
        guests.leave(session)
    guests.sweep()
    assert asked == ["a", "b"]


def test_a_file_of_a_question_that_waits_or_runs_stays_however_old(tmp_path, forgotten):
    asked = {}
    guests = Guests(tmp_path, forgotten.append, forget_after_s=0.0, list_asked=lambda: asked)
    film = put_film(tmp_path, "a page's", LONGEST_S + 1)
    programs = put_film(tmp_path, "a program's", LONGEST_S + 1)
    guests.arrive("page")
    for session, path in (("page", film), ("program", programs)):
        asked[session] = {path}
        guests.note_files(session, name_it(path))
    guests.sweep()
    assert (film.exists(), programs.exists(), forgotten) == (True, True, [])
    asked.clear()
    guests.sweep()
    assert (film.exists(), programs.exists(), forgotten) == (False, False, ["program"])


def test_a_film_of_a_slow_upload_is_as_new_until_the_last_has_come(tmp_path, guests, monkeypatch):
    guests.forget_after_s = 10.0
    with guests.uploading():
        first, left = tmp_path / "tmp1", tmp_path / "tmp2"
        for part in (first, left):
            with part.open("wb") as file:
                OwnFile(file, filename="film")
            os.utime(part, (time.time() - UNOWNED_TIMES * 10 - 1,) * 2)
        guests.sweep()
        assert first.exists()
        (tmp_path / "hash").mkdir()
        named = first.rename(tmp_path / "hash" / "film")  # As Gradio does when all have come.
        guests.sweep()
    assert named.exists()
    assert not left.exists()
    monkeypatch.setattr(leaving, "LONGEST_UPLOAD_S", 0.0)
    with guests.uploading():
        with left.open("wb") as file:
            OwnFile(file, filename="film")
        os.utime(left, (time.time() - UNOWNED_TIMES * 10 - 1,) * 2)
        guests.sweep()
        assert not left.exists()
