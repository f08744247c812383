"""An audit as JSON lines: the round trip, broken files in words, and going on after a stop."""

import json
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from heartviz import __main__ as command_line
from heartviz import weights
from heartviz.audit import AuditFile, collect, files, make_key, read_audit, read_key, read_shipped
from heartviz.audit.anatomy import GRID
from heartviz.audit.collect import audit_films
from heartviz.decoder import Decoder
from heartviz.errors import DataError
from heartviz.records import ARMS
from tests.chest import picture
from tests.test_audit import make_audit, make_film, two_kinds, write_list
from tests.test_decoder import BREAKS

pytest_plugins = ["tests.small_models"]


def write_file(path, films, refused=None, key="k"):
    audit = make_audit(films)
    with AuditFile(path, key, audit.task, audit.methods, audit.models, "Made up.") as file:
        for line, found in [*((film.line, film) for film in films), *(refused or {}).items()]:
            file.keep(line, found)
    return path


def test_a_second_audit_of_the_same_name_is_refused_and_takes_nothing(tmp_path):
    path = write_file(tmp_path / "a.part", two_kinds(4))
    with AuditFile(path, "k", "heart_size", ("sensitivity",), {}) as first:
        with pytest.raises(DataError, match=r"Another audit is writing to .*a\.part: wait for its end"):
            AuditFile(path, "another", "heart_size", ("sensitivity",), {})
        first.keep(9, "no heart")
    with AuditFile(path, "k", "heart_size", ("sensitivity",), {}) as again:
        assert list(again.done) == [0, 1, 2, 3]
    assert read_audit(path).refused == {9: "no heart"}


def test_a_file_that_its_audit_removes_is_nobodys_by_then(tmp_path):
    path = write_file(tmp_path / "a.part", two_kinds(4))
    with AuditFile(path, "k", "heart_size", ("sensitivity",), {}) as first:
        with pytest.raises(DataError, match="Another audit"):
            AuditFile(path, "k", "heart_size", ("sensitivity",), {})
        first.remove()
        with AuditFile(path, "k", "heart_size", ("sensitivity",), {}) as second:
            second.keep(9, "no heart")
    assert read_audit(path).refused == {9: "no heart"}


def test_a_disk_that_knows_no_locks_is_said(tmp_path, monkeypatch, models, capsys):
    monkeypatch.setattr(weights, "load_models", lambda _: models)
    monkeypatch.setattr(files, "lock_file", lambda _: (_ for _ in ()).throw(OSError(37, "No locks available")))
    cv2.imwrite(str(tmp_path / "a.png"), (255 * picture()).astype(np.uint8))
    labels = write_list(tmp_path, "file,label\na.png,Normal\na.png,VSD")
    command = ["audit", str(tmp_path), "--labels", str(labels), "--out", str(tmp_path / "report.html")]
    assert command_line.main(command) == 2
    assert "can't be written (No locks available)" in capsys.readouterr().err


def test_what_was_written_is_read_again(tmp_path):
    films = two_kinds(6)
    films[2] = replace(films[2], heart_shares={"sensitivity": dict.fromkeys(ARMS, float("nan"))})
    films[3] = replace(films[3], maps=dict.fromkeys(ARMS, np.zeros((GRID, GRID), np.float32)))
    read = read_audit(write_file(tmp_path / "a.jsonl", films, {9: "no heart"}))
    assert (read.task, read.methods, read.about) == ("heart_size", ("sensitivity",), "Made up.")
    assert (read.models, read.refused) == ({"trunk": "ab" * 32}, {9: "no heart"})
    for film, again in zip(films, read.films, strict=True):
        assert (again.line, again.label, again.group, again.ratio) == (film.line, film.label, film.group, film.ratio)
        assert (again.probabilities, again.answers) == (film.probabilities, film.answers)
        for arm in ARMS:
            # A root is off by half of 1/255 of the largest one at most: a value by 2 * 0.5/255 of the largest value,
            # 0.4 %; and somewhat more, because the map is made to sum to 1 again and most cells here are off alike.
            np.testing.assert_allclose(again.maps[arm], film.maps[arm], atol=0.01 * film.maps[arm].max())
            if film.maps[arm].any():
                assert again.maps[arm].sum() == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(again.heart, film.heart, atol=1e-6)  # every cell is the largest value
    assert np.isnan(read.films[2].heart_shares["sensitivity"]["mask"])
    np.testing.assert_allclose(read.mean_lungs, 0.6, atol=1e-6)


def test_a_last_line_that_was_cut_is_left_out_and_written_anew(tmp_path):
    path = write_file(tmp_path / "a.jsonl", two_kinds(4))
    path.write_bytes(path.read_bytes()[:-100])
    assert [film.line for film in read_audit(path).films] == [0, 1, 2]
    with AuditFile(path, "k", "heart_size", ("sensitivity",), {}) as file:
        assert list(file.done) == [0, 1, 2]
        file.keep(3, "no heart")
        file.keep(3, make_film(3))
    audit = read_audit(path)
    assert [film.line for film in audit.films] == [0, 1, 2, 3]
    assert audit.refused == {}
    with AuditFile(path, "another", "heart_size", ("sensitivity",), {}) as file:
        assert file.done == {}
    assert read_key(path) == "another"


def test_broken_and_other_files_are_told_in_words(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("a diary\n")
    for read in (read_audit, read_key):
        with pytest.raises(DataError, match="holds no audit"):
            read(path)
    with pytest.raises(DataError, match="move it away"):
        AuditFile(path, "k", "heart_size", ("sensitivity",), {})
    assert path.read_text() == "a diary\n"
    path.unlink()
    with pytest.raises(DataError, match="can't be read"):
        read_audit(tmp_path / "none.jsonl")
    lines = write_file(path, two_kinds(3)).read_text().splitlines()
    for broken in ("{}", "[1]", '{"line": 4', lines[2].replace('"heart": [', '"heart": [0, ')):
        path.write_text("\n".join([lines[0], lines[1], broken, lines[3], ""]))
        with pytest.raises(DataError, match=r"Line 3 of a.jsonl is broken"):
            read_audit(path)
    path.write_text(json.dumps(json.loads(lines[0]) | {"task": "lungs"}) + "\n")
    with pytest.raises(DataError, match="no audit that this version can read"):
        read_audit(path)
    path.write_text(lines[0][:9])  # killed while the header was written
    assert read_key(path) is None
    assert read_key(tmp_path / "none.jsonl") is None


def test_key_changes_with_every_part():
    keys = {
        make_key(b"labels", {"trunk": "a"}),
        make_key(b"labels", {"trunk": "b"}),
        make_key(b"other", {"trunk": "a"}),
    }
    assert len(keys) == 3
    assert make_key(b"labels", {"a": 1, "b": 2}) == make_key(b"labels", {"b": 2, "a": 1})


def test_shipped_audit_is_read_from_beside_the_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SHIPPED", tmp_path)
    assert read_shipped("heart_size") is None
    write_file(tmp_path / "audit_heart_size.jsonl", two_kinds(3))
    assert len(read_shipped("heart_size").films) == 3


def test_a_stopped_audit_goes_on_with_the_rest_and_gives_the_same_report(tmp_path, monkeypatch, models, capsys):
    monkeypatch.setattr(weights, "load_models", lambda _: models)
    rng = np.random.default_rng(0)
    lines = ["file,label"]
    for number in range(4):
        noisy = np.clip(picture() + rng.normal(0, 0.01, picture().shape), 0, 1)
        cv2.imwrite(str(tmp_path / f"JohnDoe{number}.png"), (255 * noisy).astype(np.uint8))
        lines.append(f"JohnDoe{number}.png,{('Normal', 'Enlarged')[number % 2]}")
    labels = write_list(tmp_path, "\n".join(lines))
    analysed, stop_at = [], [3]

    def load(decoder, path):
        if len(analysed) == stop_at[0]:
            raise KeyboardInterrupt
        analysed.append(path.name)
        return real(decoder, path)

    real = collect.Decoder.load
    monkeypatch.setattr(collect.Decoder, "load", load)
    shown = []
    monkeypatch.setattr("heartviz.audit_report.write_html", lambda audit, path: shown.append(audit))
    command = ["audit", str(tmp_path), "--labels", str(labels), "--out", str(tmp_path / "report.html")]
    part = tmp_path / "report.html.part"
    assert command_line.main(command) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert "JohnDoe" not in part.read_text()
    assert len(read_audit(part).films) == 3
    stop_at[0] = None
    assert command_line.main(command) == 0
    assert "3 films were audited before" in capsys.readouterr().err
    assert [name[-5] for name in analysed] == ["0", "1", "2", "3"]
    assert not part.exists()
    assert command_line.main(command) == 0  # all in one go
    assert len(analysed) == 8
    stopped, whole = shown
    for one, other in zip(stopped.films, whole.films, strict=True):
        assert (one.line, one.probabilities, one.heart_shares) == (other.line, other.probabilities, other.heart_shares)
        for arm in ARMS:
            np.testing.assert_array_equal(one.maps[arm], other.maps[arm])
    analysed.clear()
    stop_at[0] = 2
    assert command_line.main(command) == 130
    write_list(tmp_path, "\n".join([*lines[:-1], lines[-1].replace("Enlarged", "Normal")]))
    stop_at[0] = None
    assert command_line.main(command) == 0  # another list: anew
    assert len(analysed) == 2 + 4


def test_a_file_that_breaks_what_reads_it_is_set_aside_and_the_rest_goes_on(tmp_path, monkeypatch, models):
    monkeypatch.setattr(collect, "Decoder", lambda: Decoder((sys.executable, "-c", BREAKS), most_wait_s=20))
    (tmp_path / "JohnDoe.png").write_bytes(b"#die")
    cv2.imwrite(str(tmp_path / "whole.png"), (255 * picture()).astype(np.uint8))
    listed = [
        collect.ListedFilm(line, tmp_path / name, "Normal") for line, name in ((2, "JohnDoe.png"), (3, "whole.png"))
    ]
    audit = audit_films(listed, models, "congenital")
    assert [film.line for film in audit.films] == [3]
    assert "broke what was reading it" in audit.refused[2]
    assert "JohnDoe" not in audit.refused[2]


def test_a_film_can_be_made_when_it_is_its_turn(models):
    made = []
    film = collect.ListedFilm(1, lambda: made.append(1) or picture(), "Normal")
    done = {2: make_film(2)}
    audit = audit_films([film, collect.ListedFilm(2, lambda: made.append(2), "VSD")], models, "congenital", done=done)
    assert made == [1]
    assert [film.line for film in audit.films] == [1, 2]
