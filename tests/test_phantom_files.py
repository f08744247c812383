"""Drawn films as files: the same bytes again, a table that audit reads, DICOM that says it is drawn, matched gray."""

import csv
import hashlib
import io
from dataclasses import replace

import cv2
import numpy as np
import pydicom
import pytest

from heartviz import __main__ as command_line
from heartviz.audit.collect import read_labels
from heartviz.dicom_writer import DRAWN, write_drawn_dicom
from heartviz.errors import DataError
from heartviz.phantom_files import Order, draw_film, give_gray, match_gray, read_gray_quantiles, write_films
from heartviz.radiograph import load_radiograph


def order(out, **changes) -> Order:
    return replace(Order(2, ("Normal", "VSD"), "pa", 1.0, 3, out, size_px=128), **changes)


def hashes(folder):
    return {path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.*")}


def test_the_same_order_writes_the_same_bytes_in_one_process_or_two(tmp_path):
    write_films(order(tmp_path / "one"), 1)
    told = []
    write_films(order(tmp_path / "two"), 2, told.append)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    assert told == [1, 2]
    task, films = read_labels(tmp_path / "one" / "labels.csv", tmp_path / "one")
    assert task == "congenital"
    assert [film.label for film in films] == ["Normal", "VSD"]
    film = draw_film(order(tmp_path), 1)
    written = cv2.imread(str(films[1].source), cv2.IMREAD_UNCHANGED)
    assert written.dtype == np.uint16
    np.testing.assert_allclose(written / 65535, film.pixels, atol=1 / 65535)
    heart = cv2.imread(str(tmp_path / "one" / "mask" / "heart" / films[1].source.name), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(heart == 255, film.masks["heart"])
    cause = cv2.imread(str(tmp_path / "one" / "cause" / films[0].source.name), cv2.IMREAD_UNCHANGED)
    assert not cause.any()


def test_a_number_is_the_same_person_in_health_and_illness(tmp_path):
    healthy, ill = (draw_film(order(tmp_path, kinds=(kind,)), 0) for kind in ("Normal", "ASD"))
    assert healthy.patient == ill.patient
    assert healthy.exposure == ill.exposure
    assert ill.cause.max() > 0.02
    assert not healthy.cause.any()


def test_dicom_says_that_it_is_drawn_and_comes_back(tmp_path):
    write_films(order(tmp_path, file_format="dicom", count=1), 1)
    path = tmp_path / "dicom" / "pa_3_00000.dcm"
    dataset = pydicom.dcmread(path)
    assert str(dataset.PatientName) == DRAWN
    assert dataset.ConversionType == "SYN"
    assert dataset.ContentQualification == "RESEARCH"
    assert dataset.ViewPosition == "PA"
    film = draw_film(order(tmp_path), 0)
    read = load_radiograph(path)
    np.testing.assert_allclose(read.pixels, film.pixels, atol=2 / 65535)
    assert read.spacing_mm == pytest.approx((film.pixel_mm,) * 2, abs=1e-4)
    lateral = pydicom.dcmread(io.BytesIO(write_drawn_dicom(film.pixels, "lateral", 0.5, "a", 0.5, "male", True, "p")))
    assert (lateral.ViewPosition, lateral.PatientAge, lateral.BurnedInAnnotation) == ("LL", "006M", "YES")


def test_gray_values_come_to_lie_where_those_of_the_folder_do(tmp_path):
    ramp = np.linspace(30, 90, 128 * 128).reshape(128, 128).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "film.png"), ramp)
    quantiles = read_gray_quantiles(tmp_path)
    assert quantiles.shape == (1, 101)
    matched = match_gray(draw_film(order(tmp_path), 0).pixels, quantiles[0])
    # A straight ramp has its middle in the middle; the drawn film's own is anywhere.
    assert np.median(matched) == pytest.approx(float(np.median(quantiles[0])), abs=0.01)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="could be read"):
        read_gray_quantiles(tmp_path / "empty")
    with pytest.raises(DataError, match="is no folder"):
        read_gray_quantiles(tmp_path / "none")


def test_matched_gray_keeps_the_cause_where_the_lesion_is(tmp_path):
    asked = order(tmp_path, kinds=("VSD",), like=np.linspace(0.1, 0.7, 101, dtype=np.float32)[None])
    film = give_gray(draw_film(asked, 0), asked, 0)
    chest = film.masks["lungs"] | film.masks["heart"] | film.masks["great_vessels"]
    far = cv2.dilate(chest.astype(np.uint8), np.ones((15, 15))) == 0
    # Fine detail is enhanced, so that a lesion reaches a little past its tissue.
    assert film.cause[far].mean() < 0.002 < 0.02 < film.cause[chest].mean()
    assert film.cause.max() > 0.05
    asked = replace(asked, kinds=("Normal",))
    healthy = give_gray(draw_film(asked, 0), asked, 0)
    np.testing.assert_array_equal(film.cause, np.abs(film.pixels - healthy.pixels))


def test_two_films_never_share_an_identifier_and_one_patients_films_share_the_patient(tmp_path):
    orders = [
        order(tmp_path / "a", file_format="dicom", count=1),
        order(tmp_path / "b", file_format="dicom", count=1, kinds=("TOF",)),
        order(tmp_path / "c", file_format="dicom", count=1, view="lateral"),
        order(tmp_path / "d", file_format="dicom", count=1, ages=(2, 4)),
    ]
    films = []
    for each in orders:
        write_films(each, 1)
        films.append(pydicom.dcmread(next(each.out.rglob("*.dcm"))))
    assert len({film.SOPInstanceUID for film in films}) == 4
    assert [film.PatientID == films[0].PatientID for film in films] == [True, True, True, False]


def test_a_folder_of_drawn_films_is_never_mixed_with_others(tmp_path):
    write_films(order(tmp_path, count=1), 1)
    with pytest.raises(DataError, match="holds drawn films already"):
        write_films(order(tmp_path, count=1, view="lateral"), 1)


def test_without_severity_a_film_is_called_normal_and_a_right_arch_is_told(tmp_path):
    write_films(order(tmp_path / "a", kinds=("VSD",), severity=0.0, count=1), 1)
    assert "Normal,0.0,," in (tmp_path / "a" / "labels.csv").read_text()
    asked = order(tmp_path / "b", kinds=("TOF",), count=12, size_px=64)
    write_films(asked, 1)
    with (tmp_path / "b" / "labels.csv").open() as file:
        told = ["right_arch" in line["signs"].split() for line in csv.DictReader(file)]
    assert told == [draw_film(asked, number).lesion.right_arch for number in range(12)]
    assert any(told)


def test_command_draws_and_says_what_it_drew(tmp_path, capsys):
    arguments = ["phantom", "--count", "1", "--class", "TOF", "--size", "96", "--seed", "4", "--processes", "1"]
    assert command_line.main([*arguments, "--ages", "2", "4", "--out", str(tmp_path / "out")]) == 0
    assert "none of a patient" in capsys.readouterr().out
    with (tmp_path / "out" / "labels.csv").open() as file:
        (line,) = csv.DictReader(file)
    assert line["label"] == "TOF"
    assert 2 <= float(line["age_years"]) <= 4
    assert 0.35 <= float(line["severity"]) <= 1
    (tmp_path / "file").write_text("")
    assert command_line.main([*arguments, "--out", str(tmp_path / "file")]) == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--count", "0"], "from 1 on"),
        (["--seed", "-1"], "from 0 on"),
        (["--severity", "2"], "give 0 to 1"),
        (["--ages", "9", "2"], "the lower age first"),
        (["--size", "10"], "64 to 2048"),
        (["--class", "Cold"], "invalid choice"),
    ],
)
def test_a_wrong_choice_is_said(given, words, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        command_line.main(["phantom", *given, "--out", str(tmp_path)])
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err
