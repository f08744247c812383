"""A film's analysis to take home: what each file holds comes back from it, and none names the film."""

import base64
import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import date

import cv2
import highdicom
import numpy as np
import pydicom
import pytest
from fpdf import FPDF
from PIL import Image

from heartviz.batch import make_index
from heartviz.gate import CHECKS
from heartviz.records import ARMS, GateCheck, Radiograph
from heartviz.report import report_to_dict
from heartviz.take_home import list_file_names, make_files, make_zip
from heartviz.take_home.arrays import find_range, to_codes
from heartviz.take_home.html import make_html
from heartviz.take_home.paper import UNTITLED, Table, clean_title, write_paper
from heartviz.take_home.pdf import make_pdf
from heartviz.ui.checks import check_list
from heartviz.words import FILE_KINDS
from tests.drawn_report import FakeCompute, make_report, make_segmentation

NAMES = ("heart_mask", "left_lung_mask", "right_lung_mask")


@pytest.fixture(scope="module")
def report():
    """A drawn chest's report with controls, a message and lengths in mm."""
    pixels, found = make_segmentation(size=(323, 281))
    report = make_report(Radiograph(pixels, "PNG, 281 x 323 px, 8 bit gray"), found)
    return replace(
        report,
        explanation=FakeCompute().add_controls(report, lambda *_: None),
        radiograph=replace(report.radiograph, spacing_mm=(0.4, 0.5), messages=("Colour <b>removed</b>.",)),
        messages=("A mirrored film?",),
    )


@pytest.fixture(scope="module")
def paper(report):
    return write_paper(report, "Course 3,  Übung <b>", date(2026, 11, 25))


@pytest.fixture(scope="module")
def page(paper):
    return make_html(paper).decode()


def test_the_page_has_the_numbers_the_gates_words_and_the_models_hashes(page, report):
    width_px = report.cardiothoracic.heart_width_px
    for words in (
        f"Cardiothoracic ratio {report.cardiothoracic.ratio:.3f}",
        f"{width_px * 0.5:.0f} mm ({width_px} px)",
        "not a medical device",
        "Colour &lt;b&gt;removed&lt;/b&gt;.",
        "A mirrored film?",
        "67 %",  # VGG+Mask's VSD in drawn_report
        "looks like a control",  # plain VGG16's map in FakeCompute
        "Made on 2026-11-25",
        *report.models.values(),
    ):
        assert words in page
    assert "<h1>Course 3, Übung &lt;b&gt;</h1>" in page


def test_people_read_the_tasks_by_the_names_of_the_page(page, report):
    table = make_index({}, {}, 0)
    for words in ("Congenital signs (simulated): VSD, ASD and TOF signs", "Heart size: real films"):
        assert words in page
        assert words in table
    for key in ("congenital:", "heart_size:"):
        assert key not in page
        assert key not in table
        assert key in report_to_dict(report, None)["labels"]


def test_the_page_opens_offline_and_runs_nothing(page):
    assert not re.search(r"(src|href)\s*=\s*['\"](?!data:)", page)
    assert "url(" not in page
    assert "<script" not in page
    assert "default-src 'none'" in page
    pictures = re.findall(r"data:image/png;base64,([^']+)'", page)
    assert len(pictures) == 1 + 3 + 3 + 1
    for picture in pictures:
        image = Image.open(io.BytesIO(base64.b64decode(picture)))
        assert image.info == {}, "no text rides along in a picture"
    assert page.count(' alt="') == len(pictures)


def test_a_pdf_says_the_same_in_two_or_more_pages(paper):
    content = make_pdf(paper)
    assert content.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", content)) >= 2
    # Eight pictures; VGG+Mask's drawn map is the hardened model's too, and stands in the file once.
    assert content.count(b"/Subtype /Image") == 7
    assert len(re.findall(rb"/FontFile2 \d+ 0 R", content)) == 2, "the fonts are inside"


@pytest.fixture
def drawn(monkeypatch):
    """Page and words of each text that is drawn into a PDF after this."""
    texts = []
    monkeypatch.setattr(FPDF, "normalize_text", lambda sheet, text: texts.append((sheet.page, text)) or text)
    return texts


def test_what_the_pdf_cannot_draw_is_shown_as_such_and_said_once(report, drawn, caplog):
    made = make_pdf(write_paper(report, 'Müller <b>test</b> \u5fc3\u810f & "q"'))
    assert (1, 'Müller <b>test</b> \ufffd\ufffd & "q"') in drawn
    assert [page for page, text in drawn if "can't be drawn in this PDF" in text] == [1]
    assert caplog.messages == [], "fpdf2 warns of what a font has not"
    assert made.startswith(b"%PDF-")


def test_a_pdf_that_lacks_nothing_speaks_of_no_stand_in(paper, drawn):
    make_pdf(paper)
    assert not any("\ufffd" in text for _, text in drawn)


def test_the_gates_table_breaks_no_word_and_says_what_the_page_says(report, paper, monkeypatch):
    checks = tuple(GateCheck(name, "unknown" if name == "age" else "passed", 9 * "long words ") for name in CHECKS)
    gate = write_paper(replace(report, checks=checks)).parts[0].tables[0]
    assert [row[1] for row in gate.rows] == [*["passed"] * (len(CHECKS) - 1), "not known"]
    assert 'class="hv-sr">not known</em>' in check_list(checks)
    narrow = Table(("Check", "Verdict", "Seen"), ((17 * "a ", "unknown", 40 * "a "),))
    parts = [replace(paper.parts[0], tables=(gate, narrow)), *paper.parts[1:]]
    columns = [
        cells for part in parts for table in part.tables for cells in zip(table.head, *table.rows, strict=True)
    ]  # fmt: skip
    rooms, make_table = [], FPDF.table

    def measure(sheet, **options):
        for part in options["col_widths"]:
            width = sheet.epw * part / sum(options["col_widths"])
            words = [word for cell in columns[len(rooms)] for word in cell.split()]
            rooms.append(width - 2 * (options["padding"] + sheet.c_margin) - max(map(sheet.get_string_width, words)))
        return make_table(sheet, **options)

    monkeypatch.setattr(FPDF, "table", measure)
    make_pdf(replace(paper, parts=tuple(parts)))
    assert len(rooms) == len(columns)
    assert min(rooms) >= 0


def test_without_a_title_nothing_stands_for_the_film(report):
    assert write_paper(report).title == UNTITLED
    assert write_paper(report, " \n\t ").title == UNTITLED
    assert clean_title("a\x00\n b" + 200 * "c") == "a b" + 117 * "c"


def test_masks_come_back_from_dicom_with_their_codes(report):
    files = make_files(report, ["seg"])
    assert set(files) == {"film.dcm", "segmentation.dcm"}
    film = pydicom.dcmread(io.BytesIO(files["film.dcm"]))
    read = highdicom.seg.Segmentation.from_dataset(pydicom.dcmread(io.BytesIO(files["segmentation.dcm"])))
    assert [read.get_segment_description(number).segment_label for number in read.segment_numbers] == [
        "Heart", "Left lung", "Right lung",
    ]  # fmt: skip
    masks = read.get_pixels_by_source_instance([film.SOPInstanceUID])[0]
    found = report.segmentation
    for place, mask in enumerate((found.heart_mask, found.left_lung_mask, found.right_lung_mask)):
        np.testing.assert_array_equal(masks[..., place].astype(bool), mask)
    kinds = [read.get_segment_description(number).segmented_property_type for number in read.segment_numbers]
    assert [(kind.value, kind.scheme_designator) for kind in kinds] == [
        ("80891009", "SCT"), ("39607008", "SCT"), ("39607008", "SCT"),
    ]  # fmt: skip
    sides = [kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeValue for kind in kinds[1:]]
    assert sides == ["7771000", "24028007"]  # SNOMED CT: left, right
    assert read.StudyInstanceUID == film.StudyInstanceUID


def test_the_film_beside_the_masks_holds_its_gray_and_no_patient(report):
    film = pydicom.dcmread(io.BytesIO(make_files(report, ["seg"])["film.dcm"]))
    # One of 65535 steps, rounded.
    np.testing.assert_allclose(film.pixel_array / 65535, report.radiograph.pixels, atol=0.51 / 65535)
    assert [float(mm) for mm in film.PixelSpacing] == [0.4, 0.5]
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyDate"):
        assert not film[keyword].value, keyword
    other = pydicom.dcmread(io.BytesIO(make_files(report, ["seg"])["film.dcm"]))
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert film[keyword].value != other[keyword].value, "drawn anew, so that nothing leads back to the film"


def test_overlapping_masks_come_back_too(report):
    found = report.segmentation
    both = replace(found, heart_mask=found.heart_mask | found.left_lung_mask)
    files = make_files(replace(report, segmentation=both), ["seg"])
    read = pydicom.dcmread(io.BytesIO(files["segmentation.dcm"]))
    assert read.SegmentsOverlap == "YES"
    np.testing.assert_array_equal(read.pixel_array[0].astype(bool), both.heart_mask)
    np.testing.assert_array_equal(read.pixel_array[1].astype(bool), both.left_lung_mask)


@pytest.mark.parametrize("signed", [False, True])
def test_maps_come_back_from_arrays_and_from_16_bit(report, signed):
    explanation = report.explanation
    if signed:
        turned = {arm: replace(of, values=of.values - np.float32(0.1)) for arm, of in explanation.attributions.items()}
        explanation = replace(explanation, attributions=turned)
    files = make_files(replace(report, explanation=explanation), ["arrays"])
    scale = json.loads(files["sensitivity_scale.json"])
    assert scale["unit"] == "log odds per unit of gray"
    assert (scale["value_of_code_1"] < 0) == signed
    for arm in ARMS:
        values = explanation.attributions[arm].values
        array = np.load(io.BytesIO(files[f"sensitivity_{arm}.npy"]), allow_pickle=False)
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, values)
        codes = cv2.imdecode(np.frombuffer(files[f"sensitivity_{arm}_16bit.png"], np.uint8), cv2.IMREAD_UNCHANGED)
        assert codes.dtype == np.uint16
        np.testing.assert_array_equal(codes == 0, np.isnan(values))
        back = scale["value_of_code_1"] + (codes.astype(np.float64) - 1) * scale["step"]
        seen = np.isfinite(values)
        assert np.abs(back - values)[seen].max() <= 0.5001 * scale["step"]  # half a step, and float32's rounding


def test_a_flat_and_an_empty_map_have_codes():
    flat, empty = np.zeros((2, 3), np.float32), np.full((2, 3), np.nan, np.float32)
    assert find_range([flat, empty]) == (0.0, 0.0)
    assert (to_codes(flat, 0.0, 0.0) == 1).all()
    assert (to_codes(empty, 0.0, 0.0) == 0).all()
    # Symmetric: 0 is the middle code, (1 + 65535) / 2.
    signed = np.array([[-2.0, 0.0, 2.0]], np.float32)
    assert find_range([signed]) == (-2.0, 2.0)
    assert to_codes(signed, -2.0, 2.0).tolist() == [[1, 32768, 65535]]


def test_a_zip_holds_all_of_it_and_no_name(report):
    with zipfile.ZipFile(io.BytesIO(make_zip(report, "Course"))) as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
        numbers = json.loads(archive.read("report.json"))
        heart = cv2.imdecode(np.frombuffer(archive.read("heart_mask.png"), np.uint8), cv2.IMREAD_UNCHANGED)
        assert b"not a medical device" in archive.read("README.txt")
    made = set(make_files(report, FILE_KINDS))
    assert names == made | {f"{name}.png" for name in NAMES} | {f"sensitivity_{arm}.png" for arm in ARMS} | {
        "README.txt", "report.json",
    }  # fmt: skip
    assert made <= set(list_file_names())
    assert numbers["file"] is None
    assert numbers["cardiothoracic_ratio"] == report.cardiothoracic.ratio
    np.testing.assert_array_equal(heart == 255, report.segmentation.heart_mask)


def test_an_unknown_kind_is_refused(report):
    with pytest.raises(ValueError, match="Unknown kind 'doc': choose of html, pdf, seg, arrays"):
        make_files(report, ["doc"])


def test_a_film_that_is_wider_than_high_and_long_words_fit_the_sheet():
    pixels, found = make_segmentation(size=(300, 420))
    report = make_report(Radiograph(pixels), found)
    report = replace(report, messages=("word " * 300,))
    assert make_pdf(write_paper(report, "W" * 120)).startswith(b"%PDF-")
