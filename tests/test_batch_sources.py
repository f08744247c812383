"""What a batch is made of: files, folders and ZIPs, what is left out, and what is refused in words."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from heartviz.batch import (
    Source,
    list_sources,
)
from heartviz.batch import sources as listing
from heartviz.errors import DataError, RadiographError
from tests.chest import write_film

ROOT = Path(__file__).resolve().parents[1]


def refusals(found: list[Source]) -> dict[str, str]:
    return {source.name: source.refused for source in found}


def test_folders_are_searched_and_clutter_and_the_output_left_out(tmp_path):
    for name in ("b/film.png", "a", ".DS_Store", "__MACOSX/x.png", "Thumbs.db", "out/films/x.png"):
        write_film(tmp_path / name)
    found = list_sources([tmp_path, tmp_path / "none.dcm"], leave_out=tmp_path / "out")
    assert [source.name for source in found] == ["a", "b/film.png", "none.dcm"]
    with pytest.raises(RadiographError, match="There is no file at"):
        found[-1].read()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="There is no film"):
        list_sources([tmp_path / "empty"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="This system has no named pipes.")
def test_a_named_pipe_is_refused_not_waited_for(tmp_path):
    """In a process of its own, which can be ended where it waits."""
    os.mkfifo(tmp_path / "pipe")
    code = "import sys, pathlib, heartviz.batch as b; print(b.list_sources([pathlib.Path(sys.argv[1])])[0].name)"
    command = [sys.executable, "-c", code, str(tmp_path / "pipe")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "pipe\n"
    with pytest.raises(RadiographError, match="^It is a device or pipe"):
        Source("pipe", str(tmp_path / "pipe")).read()


def test_a_zip_is_told_by_its_content_and_read_without_unpacking(tmp_path):
    film = write_film(tmp_path / "film.png").read_bytes()
    path = tmp_path / "films"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("folder/", b"")
        archive.writestr("folder/one", film)
        archive.writestr("__MACOSX/folder/._one", b"clutter")
    (found,) = list_sources([path])
    assert found.name == "films/folder/one"
    assert found.read() == film
    assert sorted(each.name for each in tmp_path.iterdir()) == ["film.png", "films"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_in_a_zip_are_both_read(tmp_path):
    path = tmp_path / "films.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("folder/", b"")
        archive.writestr("film", b"first")
        archive.writestr("film", b"second")
    assert [source.read() for source in list_sources([path])] == [b"first", b"second"]


def test_harmful_members_are_refused_in_words_and_the_rest_is_read(tmp_path):
    path = tmp_path / "films.zip"
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("../out.png", "/etc/film", "C:/film", "..\\film"):
            archive.writestr(zipfile.ZipInfo(name), b"film")
        archive.writestr(link, b"/etc/passwd")
        archive.writestr("bomb", bytes(20_000_000))
        archive.writestr("black", bytes(1_000_000))
        archive.writestr("secret", b"film")
        archive.writestr("good", b"film")
    content = bytearray(path.read_bytes())
    # Bit 0 of the flags in the directory's entry of "secret": encrypted.
    entry = content.rindex(b"secret") - 46
    assert content[entry : entry + 4] == b"PK\x01\x02"
    content[entry + 8] |= 1
    path.write_bytes(content)
    told = {name.removeprefix("films.zip/"): why for name, why in refusals(list_sources([path])).items()}
    for name in ("../out.png", "/etc/film", "C:/film"):
        assert "leads out of the ZIP" in told[name]
    assert sum("leads out" in why for why in told.values()) == 4
    assert "is a link" in told["link"]
    assert "more than 200 times smaller" in told["bomb"]
    assert "encrypted" in told["secret"]
    assert told["good"] == told["black"] == ""


def test_limits_of_count_and_size(tmp_path, monkeypatch):
    path = tmp_path / "films.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3):
            archive.writestr(str(number), b"film")
    monkeypatch.setattr(listing, "MOST_IN_ZIP", 2)
    assert "holds 3 files, more than the 2 files" in list_sources([path])[0].refused
    monkeypatch.setattr(listing, "MOST_DIRECTORY_BYTES", 100)
    assert "holds more than the 2 files" in list_sources([path])[0].refused
    monkeypatch.undo()
    monkeypatch.setattr(listing, "MOST_UNPACKED_BYTES", 11)
    assert "unpacks to more than" in list_sources([path])[0].refused
    monkeypatch.undo()
    monkeypatch.setattr(listing, "MAX_FILE_BYTES", 3)
    assert all("at most 0 MB are read" in source.refused for source in list_sources([path]))


def test_damaged_and_empty_zips_are_refused(tmp_path):
    path = tmp_path / "films.zip"
    with zipfile.ZipFile(path, "w"):
        pass
    assert "holds no file" in list_sources([path])[0].refused
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("film", bytes(range(256)) * 100)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    assert "damaged or cut short" in list_sources([path])[0].refused
    path.write_bytes(whole[:100] + b"\0" * 100 + whole[200:])
    (found,) = list_sources([path])
    with pytest.raises(RadiographError, match="can't be unpacked"):
        found.read()
