"""The HDF5 file of prepared films: what goes in comes out, a killed run goes on, damage is noticed."""

import dataclasses
import errno
import hashlib
import json
import multiprocessing
import os
import pickle
import signal
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from heartviz.errors import DataError
from heartviz.masks import mask_contour
from heartviz.phantom import draw_chest
from heartviz.preprocess import stretch_contrast
from train.folds import draw_splits, read_splits, write_splits
from train.hdf5 import PreparedFilm, PreparedFilms
from train.hdf5_writer import FilmWriter
from train.journal import JournalledFile, journal_path
from train.metrics import dice
from train.prepare import Config, main, prepare, prepare_film
from train.sources import Film, load_pixels

SIZE = (170, 141)
MASKS = ("heart", "left_lung", "right_lung")


def list_films(folder: Path, count: int = 14) -> list[Film]:
    """Drawn films of `folder`, two a patient, two sources and two labels in turn; every third has no masks."""
    return [
        Film(
            film_id=f"drawn/{number}",
            source=("a", "b/c")[number // 2 % 2],
            patient_id=f"p{number // 2}",
            image_path=folder / f"{number % 4}.png",
            label=("VSD", None)[number // 4 % 2],
            view=("frontal", None)[number % 2],
            **({} if number % 3 == 2 else {f"{kind}_path": folder / f"{number % 4}_{kind}.png" for kind in MASKS}),
        )
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("films")
    for number in range(4):
        picture, *masks = draw_chest(number, size=SIZE)
        cv2.imwrite(str(place / f"{number}.png"), np.rint(picture * 255).astype(np.uint8))
        for kind, mask in zip(MASKS, masks, strict=True):
            cv2.imwrite(str(place / f"{number}_{kind}.png"), mask.astype(np.uint8) * 255)
    return place


@pytest.fixture
def films(folder) -> list[Film]:
    return list_films(folder)


def config(path: Path, **changes) -> Config:
    return Config(**{"sources": ("drawn=x",), "out": path, "size_px": 48, "block_films": 3} | changes)


def contents(path: Path) -> dict[str, tuple]:
    """Every dataset's shape, type and bytes, and every attribute."""
    found = {}

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = (item.shape, item.dtype, item[()].tobytes())
        found[f"{name} attributes"] = {key: np.asarray(value).tolist() for key, value in item.attrs.items()}

    with h5py.File(path) as file:
        file.visititems(visit)
        visit("", file)
    return found


def change_reader(films: list[Film], number: int, read_fn) -> list[Film]:
    return [dataclasses.replace(film, read_fn=read_fn) if index == number else film for index, film in enumerate(films)]


def stop(_path: Path):
    raise KeyboardInterrupt


def kill(_path: Path):
    os.kill(os.getpid(), signal.SIGKILL)


def prepare_until_killed(folder: Path, path: Path) -> None:
    prepare(change_reader(list_films(folder), 8, kill), config(path))


def assert_same(first: PreparedFilm, second: PreparedFilm) -> None:
    for field in dataclasses.fields(PreparedFilm):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


def test_what_goes_in_comes_out(films, tmp_path):
    path = tmp_path / "new" / "films.h5"
    summary = prepare(films, config(path, size_px=SIZE[0]))
    splits = read_splits(tmp_path / "new" / "films.splits.csv")
    with PreparedFilms(path) as prepared:
        assert len(prepared) == len(films)
        found = {row.film_id: row for row in prepared}
    for film in films:
        row = found[film.film_id]
        # A film 170 high and 141 wide is not resized to 170: (170 - 141) // 2 = 14 empty columns at its left.
        inner = np.s_[:, 14 : 14 + SIZE[1]]
        expected = np.rint(255 * stretch_contrast(film.read_pixels()))
        np.testing.assert_array_equal(row.picture[inner], expected)
        assert not row.picture[:, :14].any()
        if film.heart_path is None:
            assert not row.has_masks.any()
            assert not row.masks.any()
            assert row.outline.shape == (0, 2)
        else:
            assert row.has_masks.all()
            np.testing.assert_array_equal(row.masks[:, :, 14 : 14 + SIZE[1]], film.read_masks())
            np.testing.assert_array_equal(row.outline, mask_contour(film.read_masks()[0]) + np.array([0, 14]))
        assert row.original_size == SIZE
        assert (row.source, row.patient_id, row.label, row.view) == (
            film.source,
            film.patient_id,
            film.label,
            film.view,
        )
        assert row.split == splits[film.film_id]
        assert row.file_sha256 == hashlib.sha256(film.image_path.read_bytes()).hexdigest()
    assert splits == draw_splits(films, seed=0)
    assert summary == json.loads((tmp_path / "new" / "films.json").read_text(encoding="utf-8"))
    # Films 0 to 3 and 8 to 11 are VSD; 0, 1, 4, 5, 8, 9, 12, 13 are of source a.
    assert summary["counts"]["label"] == {"VSD": 8, "unknown": 6}
    assert summary["counts"]["source"] == {"a": 8, "b/c": 6}
    assert summary["counts"]["view"] == {"frontal": 7, "unknown": 7}
    with h5py.File(path) as file:
        assert {f"{source}/{label}" for source in file["films"] for label in file["films"][source]} == {
            "a/VSD",
            "a/unlabelled",
            "b%2Fc/VSD",
            "b%2Fc/unlabelled",
        }
        assert file["films/a/VSD/pictures"].chunks == (1, 170, 170)
        assert file["films/a/VSD/pictures"].maxshape[0] is None


def test_masks_go_back_to_the_film(films):
    row = prepare_film(films[0], "train", 96)
    heart = row.frame.to_original(row.masks[0].astype(np.float32)) > 0.5
    # 170 px shrunk to 96: an outline of about 150 px moves by at most half a small pixel, 0.9 px, of 3,000 px of heart.
    assert dice(heart, films[0].read_masks()[0]) > 0.95


@pytest.mark.parametrize("compression", ["gzip", "lzf"])
def test_a_run_stopped_anywhere_goes_on_to_the_same_file(films, tmp_path, compression):
    whole, broken = tmp_path / "whole.h5", tmp_path / "broken.h5"
    films = change_reader(films, 5, lambda path: 1 / 0)
    prepare(films, config(whole, compression=compression))
    for number, committed in ((1, 0), (4, 3), (9, 8), (13, 11)):  # film 5 is bad, blocks are of 3
        with pytest.raises(KeyboardInterrupt):
            prepare(change_reader(films, number, stop), config(broken, compression=compression))
        with PreparedFilms(broken, unfinished=True) as prepared:
            assert len(prepared) == committed
        with pytest.raises(DataError, match="not a finished file"):
            PreparedFilms(broken)
    prepare(films, config(broken, compression=compression))
    assert contents(broken) == contents(whole)
    before = broken.read_bytes()
    prepare(films, config(broken, compression=compression))
    assert broken.read_bytes() == before


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="No SIGKILL on this system.")
def test_a_killed_process_leaves_a_file_that_goes_on(films, folder, tmp_path):
    whole, broken = tmp_path / "whole.h5", tmp_path / "broken.h5"
    process = multiprocessing.get_context("spawn").Process(target=prepare_until_killed, args=(folder, broken))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with PreparedFilms(broken, unfinished=True) as prepared:
        assert len(prepared) == 6
    prepare(films, config(whole))
    prepare(films, config(broken))
    assert contents(broken) == contents(whole)


def test_a_full_disk_is_said_and_the_run_goes_on_afterwards(films, tmp_path, monkeypatch):
    path = tmp_path / "films.h5"
    with monkeypatch.context() as patch:
        patch.setattr(
            "train.journal.np.savez", lambda *args, **kwargs: (_ for _ in ()).throw(OSError(errno.ENOSPC, ""))
        )
        with pytest.raises(DataError, match="it goes on"):
            prepare(films, config(path))
    assert prepare(films, config(path))["rows"] == len(films)


def test_bad_films_are_listed_and_skipped(films, folder, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes((folder / "0.png").read_bytes()[:2000])
    replace = dataclasses.replace
    films[0] = replace(films[0], image_path=broken)
    films[1] = replace(films[1], heart_path=tmp_path / "none.png")
    films[2] = replace(films[2], read_fn=lambda path: 1 / 0)
    films[3] = replace(films[3], read_fn=lambda path: np.full(SIZE, np.nan, np.float32))
    films[4] = replace(films[4], patient_id="p" * 257)
    films[5] = replace(films[5], patient_id=films[4].patient_id)
    films[6] = replace(films[6], image_path=tmp_path / "gone.png")
    summary = prepare(films, config(tmp_path / "films.h5"))
    reasons = {bad["film_id"]: bad["reason"] for bad in summary["bad_films"]}
    assert set(reasons) == {f"drawn/{number}" for number in range(7)}
    assert summary["rows"] == len(films) - 7
    for number, words in enumerate(("broken.png", "none.png as a mask", "ZeroDivisionError", "not all finite")):
        assert words in reasons[f"drawn/{number}"]
    assert "patient_id is longer than 256 bytes" in reasons["drawn/4"]
    assert not any(str(tmp_path) in reason for reason in reasons.values())


def test_splits_hold_patients_together(films, tmp_path):
    prepare(films, config(tmp_path / "films.h5", seed=3))
    parts = {name: PreparedFilms(tmp_path / "films.h5", split=name) for name in ("train", "validation", "test")}
    patients = {name: {row.patient_id for row in part} for name, part in parts.items()}
    assert sum(len(part) for part in parts.values()) == len(films)
    assert sum(len(part) for part in patients.values()) == 7
    for name, part in parts.items():
        assert {row.split for row in part} <= {name}
        part.close()


def test_a_split_file_is_followed_or_refused(films, tmp_path):
    path, out = tmp_path / "splits.csv", tmp_path / "films.h5"
    splits = {film.film_id: "test" if film.patient_id == "p2" else "train" for film in films}
    write_splits(splits, path)
    prepare(films, config(out, splits=path))
    with PreparedFilms(out, split="test") as prepared:
        assert {row.film_id for row in prepared} == {"drawn/4", "drawn/5"}
    write_splits(splits | {"drawn/4": "train"}, path)
    with pytest.raises(DataError, match="patient p2 in two splits"):
        prepare(films, config(out, splits=path))
    write_splits({"drawn/0": "train"}, path)
    with pytest.raises(DataError, match="drawn/1 is not in"):
        prepare(films, config(out, splits=path))
    path.write_text("film,part\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="can't be read as a split file"):
        prepare(films, config(out, splits=path))


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"size_px": 64}, "size_px"), ({"compression": "lzf"}, "compression"), ({"seed": 5}, "films_and_splits")],
)
def test_a_file_of_other_settings_is_refused(films, tmp_path, changes, words):
    path = tmp_path / "films.h5"
    assert draw_splits(films, seed=5) != draw_splits(films, seed=0)
    prepare(films, config(path))
    before = path.read_bytes()
    with pytest.raises(DataError, match=f"made with other {words}"):
        prepare(films, config(path, **changes))
    assert path.read_bytes() == before


def test_what_is_no_such_file_or_in_use_is_refused(films, tmp_path):
    path = tmp_path / "films.h5"
    path.write_bytes(b"not HDF5")
    with pytest.raises(DataError, match="is no HDF5 file"):
        prepare(films, config(path))
    with pytest.raises(DataError, match="can't be opened"):
        PreparedFilms(path)
    with h5py.File(path, "w") as file:
        file["films/a/b"] = 1
    with pytest.raises(DataError, match="not a finished file"):
        PreparedFilms(path)
    path.unlink()
    prepare(films[:2], config(path))
    with JournalledFile(path), pytest.raises(DataError, match="another run"):
        prepare(films[:2], config(path))


@pytest.mark.parametrize("dataset", ["pictures", "masks", "rows", "outline_points"])
def test_a_flipped_byte_is_noticed(films, tmp_path, dataset):
    path = tmp_path / "films.h5"
    prepare(films, config(path))
    with h5py.File(path) as file:
        chunk = file["films/a/VSD"][dataset].id.get_chunk_info(0)
        offset = chunk.byte_offset + (chunk.size // 2 if dataset in ("pictures", "masks") else 3)
    flipped = bytearray(path.read_bytes())
    flipped[offset] ^= 0x10
    path.write_bytes(flipped)
    with pytest.raises(DataError, match="1 of 14 rows are not what was written, first row 0"):
        prepare(films, config(path))
    with pytest.raises(DataError, match="not a finished file"):
        PreparedFilms(path)


def test_rows_that_are_missing_are_noticed(films, tmp_path):
    path = tmp_path / "films.h5"
    prepare(films, config(path))
    with h5py.File(path, "r+") as file:
        file["films/a/VSD/rows"].resize(2, axis=0)
    with pytest.raises(DataError, match="2 of 14 rows are not"):
        prepare(films, config(path))


def test_rows_can_be_read_in_other_processes(films, tmp_path):
    prepare(films, config(tmp_path / "films.h5"))
    with PreparedFilms(tmp_path / "films.h5") as prepared:
        sent = pickle.loads(pickle.dumps(prepared))
        prepared.close()
        with sent:
            for index in (0, 6, -1):
                assert_same(sent[index], prepared[index])
        with pytest.raises(IndexError):
            prepared[14]


def test_films_with_all_masks_can_be_chosen(films, tmp_path):
    prepare(films, config(tmp_path / "films.h5"))
    with PreparedFilms(tmp_path / "films.h5") as prepared, PreparedFilms(tmp_path / "films.h5", with_masks=True) as own:
        wanted = [film.film_id for film in prepared if film.has_masks.all()]
        assert 0 < len(wanted) < len(prepared)
        assert [film.film_id for film in own] == wanted
        assert own.hash() != prepared.hash()


def test_a_file_is_changed_wholly_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file"
    old, new = bytes(range(256)) * 40, bytes(reversed(range(256))) * 50
    path.write_bytes(old)
    with JournalledFile(path) as file:
        file.seek(100)
        file.write(new)
        file.seek(90)
        assert file.read(20) == old[90:100] + new[:10]
        assert file.seek(0, os.SEEK_END) == 100 + len(new)
    assert path.read_bytes() == old  # left without a commit

    def be_killed(file: JournalledFile) -> None:
        path.write_bytes(new[:77])
        raise KeyboardInterrupt

    with JournalledFile(path) as file:
        file.seek(100)
        file.write(new)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(JournalledFile, "_apply", be_killed)
            file.commit()
    assert journal_path(path).exists()
    with JournalledFile(path) as file:
        assert file.read(100 + len(new))[100:] == new
        file.truncate(300)
        file.seek(0)
        file.write(old[:1])
        file.commit()
    assert path.read_bytes() == old[:100] + new[:200]
    assert not journal_path(path).exists()


def test_a_journal_left_by_a_removed_file_is_not_used(films, tmp_path):
    path = tmp_path / "films.h5"
    journal_path(path).write_bytes(b"of another file")
    assert prepare(films[:2], config(path))["rows"] == 2
    journal_path(path).write_bytes(b"being made")
    with pytest.raises(DataError, match="not a finished file"):
        PreparedFilms(path)


def test_command_takes_a_users_table(folder, tmp_path, capsys):
    lines = [f"{folder / f'{number}.png'},p{number},Normal,clinic" for number in range(3)]
    (tmp_path / "mine.csv").write_text("\n".join(["path,patient,label,source", *lines]), encoding="utf-8")
    main(Config(sources=(f"films_csv={tmp_path / 'mine.csv'}",), out=tmp_path / "films.h5"))
    assert "3 films in" in capsys.readouterr().out
    summary = (tmp_path / "films.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in summary
    assert json.loads(summary)["config"]["sources"] == ["films_csv=mine.csv"]
    with PreparedFilms(tmp_path / "films.h5") as prepared:
        assert prepared[0].picture.shape == (320, 320)
        np.testing.assert_array_equal(prepared[0].original_size, load_pixels(folder / "0.png").shape)


def test_writer_refuses_before_it_changes_anything(films, tmp_path):
    path = tmp_path / "films.h5"
    prepare(films[:2], config(path))
    with pytest.raises(DataError, match="other layout"):
        FilmWriter(path, (), {"layout": 0})
