"""The readers of data sets, each on a few films written as the set is published."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from heartviz.errors import DataError
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, picture
from tests.films import save_picture, write_dicom, write_png
from train.sources import Film, chd_cxr, ctr512, films_csv, jsrt_scr, nih14, openi, read_mask, read_table
from train.sources.registry import READERS, open_sources

CHEST_U8 = np.rint(picture() * 255).astype(np.uint8)
HALF_LEVEL = 0.5 / 255  # of the rounding to 8 bit
MASKS = {"heart": HEART, "left_lung": LEFT_LUNG, "right_lung": RIGHT_LUNG}


def put(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def put_png(path: Path, samples: np.ndarray = CHEST_U8) -> Path:
    return put(path, write_png(samples))


def put_gif(path: Path, mask: np.ndarray) -> Path:
    return put(path, save_picture(Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)), "GIF"))


def by_id(films: list[Film]) -> dict[str, Film]:
    return {film.film_id: film for film in films}


# --- the Film, its masks, tables


def test_masks_of_another_size_are_brought_to_the_film(tmp_path):
    half = np.zeros((60, 80), bool)
    half[10:20, 50:] = True
    film = Film(
        "a", "s", "p", put_png(tmp_path / "a.png", np.tile(np.arange(160, dtype=np.uint8), (140, 1))),
        heart_path=put_gif(tmp_path / "heart.gif", half),
        left_lung_path=put_png(tmp_path / "left.png", half.astype(np.uint8)),
        right_lung_path=put_png(tmp_path / "right.png", np.zeros((140, 160), np.uint8)),
    )  # fmt: skip
    heart, left, right = film.read_masks()
    # 140 / 60 rows a row, so row r shows row floor((r + 0.5) * 60 / 140): 10 from 23 on, 20 from 47 on. Columns twice.
    expected = np.zeros((140, 160), bool)
    expected[23:47, 100:] = True
    np.testing.assert_array_equal(heart, expected)
    np.testing.assert_array_equal(left, expected)
    assert not right.any()


def test_a_mask_file_that_is_none_is_refused(tmp_path):
    for name in ("mask.gif", "mask.png"):
        with pytest.raises(DataError, match=f"Cannot read .*{name} as a mask"):
            read_mask(put(tmp_path / name, "<html>not found</html>"))


def test_a_film_without_all_masks_says_what_is_needed(tmp_path):
    with pytest.raises(DataError, match="Film a of s lacks masks: heart, left lung and right lung are needed"):
        Film("a", "s", "p", tmp_path / "a.png", heart_path=tmp_path / "heart.png").read_masks()


def test_a_film_file_that_is_none_is_named(tmp_path):
    with pytest.raises(DataError, match=r"a\.png of the data set can't be used. The file is a web page"):
        Film("a", "s", "p", put(tmp_path / "a.png", "<html>not found</html>")).read_pixels()


def test_tables_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv can't be read as a table"):
        read_table(tmp_path / "none.csv", ())
    with pytest.raises(DataError, match="must be a CSV file in UTF-8"):
        read_table(put(tmp_path / "latin.csv", b"name\nM\xfcller\n"), ())
    with pytest.raises(DataError, match="has no lines below its header"):
        read_table(put(tmp_path / "empty.csv", "file,patient\n"), ("file",))
    with pytest.raises(DataError, match="has no column patient, label; it has file, view"):
        read_table(put(tmp_path / "short.csv", "file,view,\na,b,\n"), ("file", "patient", "label"))


def test_table_cells_are_stripped_and_short_or_long_lines_read(tmp_path):
    table = put(tmp_path / "table.csv", b"\xef\xbb\xbffile,patient,\n a , 1 ,,extra\nb\n")
    assert read_table(table, ("file",)) == [{"file": "a", "patient": "1"}, {"file": "b", "patient": ""}]


# --- ctr512


def test_ctr512_film_without_its_mask_is_refused(tmp_path):
    put_png(tmp_path / "jsrt" / "png" / "a.png")
    put_png(tmp_path / "jsrt" / "mask" / "heart" / "a.png")
    with pytest.raises(DataError, match=r"a\.png has no mask .*left_lung.*Unpack the whole data set again"):
        ctr512.read_films(tmp_path)


# --- JSRT with SCR


def write_jsrt(folder: Path, name: str, fold: str) -> np.ndarray:
    """One film as published, whose picture has 16 x 17 cells of different gray; returns what is stored."""
    cells = np.arange(16 * 16, dtype=np.uint16).reshape(16, 16) * 16
    stored = np.kron(cells, np.ones((128, 128), np.uint16))
    stored[0, 0], stored[0, 1] = 0, 4095
    put(folder / "All247images" / f"{name}.IMG", stored.astype(">u2").tobytes())
    for kind, cols in (("heart", slice(400, 600)), ("left lung", slice(600, 900)), ("right lung", slice(100, 400))):
        mask = np.zeros((1024, 1024), bool)
        mask[300:700, cols] = True
        put_gif(folder / "scratch" / fold / "masks" / kind / f"{name}.gif", mask)
    return stored


def test_jsrt_is_turned_air_dark_with_masks_at_its_size(tmp_path):
    stored = write_jsrt(tmp_path, "JPCLN001", "fold1")
    write_jsrt(tmp_path, "JPCNN002", "fold2")
    nodule, healthy = jsrt_scr.read_films(tmp_path)
    assert (nodule.film_id, nodule.patient_id, nodule.source) == ("jsrt/JPCLN001", "jsrt/JPCLN001", "jsrt")
    assert (nodule.label, healthy.label, nodule.view) == ("nodule", "non-nodule", "frontal")
    pixels = nodule.read_pixels()
    assert pixels.dtype == np.float32
    assert (pixels[0, 0], pixels[0, 1]) == (1.0, 0.0)  # stored 0 and 4095
    np.testing.assert_allclose(pixels, 1 - stored / 4095, rtol=0, atol=1e-6)  # float32 rounding
    heart, left, right = nodule.read_masks()
    # 1024 to 2048 doubles every row and column; the patient's left is on the right of the picture.
    for mask, cols in ((heart, slice(800, 1200)), (left, slice(1200, 1800)), (right, slice(200, 800))):
        expected = np.zeros((2048, 2048), bool)
        expected[600:1400, cols] = True
        np.testing.assert_array_equal(mask, expected)


def test_jsrt_files_of_other_size_or_byte_order_are_refused(tmp_path, monkeypatch):
    path = put(tmp_path / "JPCLN001.IMG", b"\0" * 8_388_607)
    with pytest.raises(DataError, match=r"8388607 bytes; a JSRT film has 8388608 .*All247images\.zip from http://db"):
        jsrt_scr.read_pixels(path)
    monkeypatch.setattr(jsrt_scr, "SIDE_PX", 2)  # 31 with its bytes turned about is 0x1F00 = 7936
    put(path, np.array([1, 2, 3, 31], "<u2").tobytes())
    with pytest.raises(DataError, match="holds values up to 7936; a JSRT film holds big-endian values up to 4095"):
        jsrt_scr.read_pixels(path)


def test_jsrt_without_masks_or_films_says_where_to_get_them(tmp_path):
    with pytest.raises(DataError, match=r"No film under .*db\.jsrt\.or\.jp.*isi\.uu\.nl"):
        jsrt_scr.read_films(tmp_path)
    put(tmp_path / "JPCLN001.IMG", b"\0")
    put_gif(tmp_path / "fold1" / "masks" / "heart" / "JPCLN001.gif", HEART)
    with pytest.raises(DataError, match=r"has no left lung mask.*isi\.uu\.nl"):
        jsrt_scr.read_films(tmp_path)


# --- CHD-CXR


def test_chd_cxr_reads_both_layouts_and_finds_films_saved_twice(tmp_path):
    twelve_bit = np.rint(picture() * 4095).astype(np.uint16)
    put(tmp_path / "VSD" / "siteB" / "1.dcm", write_dicom(4095 - twelve_bit, photometric="MONOCHROME1"))
    # Gray levels that vary everywhere, as on a film; flat gray saved as JPEG is all rounding.
    varied = cv2.resize(np.random.default_rng(0).integers(0, 255, (20, 18), np.uint8), (257, 301))
    put_png(tmp_path / "train" / "asd" / "1.PNG", varied)
    smaller = cv2.resize(varied, (200, 240), interpolation=cv2.INTER_AREA)
    put(tmp_path / "val" / "normal" / "2.jpg", save_picture(Image.fromarray(smaller), "JPEG", quality=80))
    put_png(tmp_path / "VSD" / "PDA" / "3.png", CHEST_U8[::-1])
    put_png(tmp_path / "test" / "4.png")
    put(tmp_path / "VSD" / "reports.txt", "ultrasound")
    films = chd_cxr.read_films(tmp_path)
    labels = {film.film_id.removeprefix("chd_cxr/"): film.label for film in films}
    assert labels == {
        "VSD/PDA/3.png": "PDA",  # the nearest folder counts
        "VSD/siteB/1.dcm": "VSD",
        "train/asd/1.PNG": "ASD",
        "val/normal/2.jpg": "Normal",
    }
    assert chd_cxr.count_classes(films) == {"Normal": 1, "ASD": 1, "VSD": 1, "PDA": 1, "TOF": 0}
    named = by_id(films)
    assert named["chd_cxr/val/normal/2.jpg"].patient_id == "chd_cxr/train/asd/1.PNG"
    assert len({film.patient_id for film in films}) == 3
    # MONOCHROME1 with no window: the range present is stretched and turned, so the heart is 1 and the darkest air 0.
    pixels, gray = named["chd_cxr/VSD/siteB/1.dcm"].read_pixels(), twelve_bit.astype(np.float64)
    np.testing.assert_allclose(pixels, (gray - gray.min()) / np.ptp(gray), rtol=0, atol=1e-6)


def test_chd_cxr_hash_by_hand():
    # Gray grows from left to right, so each of the 16 steps of each row is upwards; the mirror image has none.
    ramp = np.tile(np.linspace(0, 1, 17 * 9, dtype=np.float32), (160, 1))
    assert chd_cxr.hash_film(ramp).sum() == 256
    assert chd_cxr.hash_film(ramp[:, ::-1]).sum() == 0


def test_chd_cxr_groups_are_chains_of_near_films():
    hashes = np.zeros((5, 256), bool)
    hashes[1, :100] = True
    hashes[2, :16] = True  # 16 from the first, 8 from the last but one: joined through it
    hashes[3, :8] = True
    hashes[4, :109] = True  # 9 from the second: not joined
    np.testing.assert_array_equal(chd_cxr.group_same_films(list(hashes)), [0, 1, 0, 0, 4])


def test_chd_cxr_without_films_or_with_an_empty_class_is_refused(tmp_path):
    put_png(tmp_path / "films" / "1.png")
    with pytest.raises(DataError, match="has no folder of a class: .* folders named Normal, ASD, VSD, PDA. .*kaggle"):
        chd_cxr.read_films(tmp_path)
    put_png(tmp_path / "train" / "VSD" / "1.png")
    (tmp_path / "train" / "ASD").mkdir()
    with pytest.raises(DataError, match=r"train.ASD holds none: .*Unpack the whole download of .*kaggle"):
        chd_cxr.read_films(tmp_path)


# --- ChestX-ray14

NIH_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n"
)
NIH_LINES = (
    "00000001_000.png,Cardiomegaly|Emphysema,0,1,058Y,M,PA,2682,2749,0.143,0.143,\n"
    "00000002_000.png,No Finding,0,2,081Y,F,AP,2500,2048,0.171,0.171,\n"
    "00000001_001.png,Hernia,1,1,059Y,M,PA,2894,2729,0.143,0.143,\n"
)


def test_nih14_reads_the_download_in_parts(tmp_path):
    put(tmp_path / "Data_Entry_2017.csv", NIH_HEADER + NIH_LINES.replace("Hernia", "Mass"))
    put(tmp_path / "Data_Entry_2017_v2020.csv", NIH_HEADER.replace("Gender", "Sex") + NIH_LINES)
    put_png(tmp_path / "images" / "00000001_000.png")
    put_png(tmp_path / "images_001" / "images" / "00000002_000.png")
    put_png(tmp_path / "images_012" / "images" / "00000001_001.png")
    films = nih14.read_films(tmp_path)
    assert [(film.film_id, film.patient_id, film.label, film.view) for film in films] == [
        ("nih14/00000001_000", "nih14/1", "Cardiomegaly|Emphysema", "frontal"),
        ("nih14/00000002_000", "nih14/2", "No Finding", "frontal"),
        ("nih14/00000001_001", "nih14/1", "Hernia", "frontal"),
    ]
    np.testing.assert_allclose(films[0].read_pixels(), picture(), rtol=0, atol=HALF_LEVEL + 1e-6)


def test_nih14_reads_the_small_layout(tmp_path):
    put(tmp_path / "index.csv", "file,finding_labels,patient_id,age,sex,view\n00000100_000.png,Effusion,100,60,M,PA\n")
    put_png(tmp_path / "png" / "00000100_000.png")
    (film,) = nih14.read_films(tmp_path)
    assert (film.film_id, film.patient_id, film.label) == ("nih14/00000100_000", "nih14/100", "Effusion")


def test_nih14_half_unpacked_says_how_many_are_missing(tmp_path):
    with pytest.raises(DataError, match=r"expected Data_Entry_2017\.csv .*nihcc\.app\.box\.com"):
        nih14.read_films(tmp_path)
    put(tmp_path / "Data_Entry_2017.csv", NIH_HEADER + NIH_LINES)
    put_png(tmp_path / "images_001" / "images" / "00000001_000.png")
    with pytest.raises(DataError, match=r"2 of the 3 films .*00000002_000\.png first. Unpack all .*nihcc\.app\.box"):
        nih14.read_films(tmp_path)


# --- Open-i


def write_report(folder: Path, number: int, terms: list[str], names: list[str]) -> Path:
    majors = "".join(f"<major>{term}</major>" for term in terms)
    images = "".join(
        f'<parentImage id="{name}"><figureId>F1</figureId><caption>PA</caption></parentImage>' for name in names
    )
    return put(
        folder / "ecgen-radiology" / f"{number}.xml",
        f'<?xml version="1.0"?><eCitation><uId id="CXR{number}"/><MeSH>{majors}<automatic>heart</automatic></MeSH>'
        f"{images}</eCitation>",
    )


def test_openi_joins_reports_films_and_views(tmp_path):
    write_report(tmp_path, 1, ["normal"], ["CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001"])
    write_report(tmp_path, 2, ["Cardiomegaly/borderline", "Pulmonary Artery/enlarged"], ["CXR2_IM-0652-1001"])
    write_report(tmp_path, 3, [], ["CXR3_IM-1384-1001"])
    write_report(tmp_path, 4, ["normal"], [])
    for name in ("CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001", "CXR2_IM-0652-1001", "CXR3_IM-1384-1001"):
        put_png(tmp_path / "NLMCXR_png" / f"{name}.png")
    assert {film.view for film in openi.read_films(tmp_path)} == {None}
    put(
        tmp_path / "indiana_projections.csv",
        "uid,filename,projection\n1,1_IM-0001-4001.dcm.png,Frontal\n1,1_IM-0001-3001.dcm.png,Lateral\n"
        "2,2_IM-0652-1001.dcm.png,Frontal\n",
    )
    films = openi.read_films(tmp_path)
    assert [(film.film_id, film.patient_id, film.label, film.view) for film in films] == [
        ("openi/CXR1_1_IM-0001-3001", "openi/1", "normal", "lateral"),
        ("openi/CXR1_1_IM-0001-4001", "openi/1", "normal", "frontal"),
        ("openi/CXR2_IM-0652-1001", "openi/2", "Cardiomegaly/borderline|Pulmonary Artery/enlarged", "frontal"),
        ("openi/CXR3_IM-1384-1001", "openi/3", None, None),
    ]
    np.testing.assert_allclose(films[2].read_pixels(), picture(), rtol=0, atol=HALF_LEVEL + 1e-6)


def test_openi_that_is_not_whole_is_refused(tmp_path):
    with pytest.raises(
        DataError, match=r"No report under .*NLMCXR_png\.tgz and NLMCXR_reports\.tgz from https://openi"
    ):
        openi.read_films(tmp_path)
    report = write_report(tmp_path, 1, ["normal"], ["CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001"])
    put_png(tmp_path / "CXR1_1_IM-0001-4001.png")
    with pytest.raises(DataError, match=r"1 of the 2 films .*CXR1_1_IM-0001-3001\.png first. Get NLMCXR_png"):
        openi.read_films(tmp_path)
    put(report, report.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"1\.xml is not a whole XML file"):
        openi.read_films(tmp_path)


# --- anybody's films


def test_films_csv_reads_films_masks_and_words(tmp_path):
    put_png(tmp_path / "own" / "films" / "a.png")
    for kind, mask in MASKS.items():
        put_png(tmp_path / "own" / "masks" / f"{kind}.png", mask.astype(np.uint8))
    outside = put(tmp_path / "elsewhere" / "b.dcm", write_dicom(np.rint(picture() * 4095).astype(np.uint16)))
    table = put(
        tmp_path / "own" / "clinic.csv",
        "path,label,patient,source,view,mask,left_lung_mask,right_lung_mask\n"
        "films/a.png,VSD,p1,siteA,frontal,masks/heart.png,masks/left_lung.png,masks/right_lung.png\n"
        f"{outside},,p1,,,,,\n",
    )
    first, second = films_csv.read_films(table)
    assert (first.film_id, first.patient_id, first.source) == ("clinic/films/a.png", "clinic/p1", "siteA")
    assert (first.label, first.view) == ("VSD", "frontal")
    np.testing.assert_array_equal(first.read_masks(), np.stack([HEART, LEFT_LUNG, RIGHT_LUNG]))
    assert (second.source, second.patient_id, second.label, second.view) == ("clinic", "clinic/p1", None, None)
    assert second.heart_path is None
    assert second.read_pixels().shape == picture().shape


def test_films_csv_with_path_and_patient_alone_is_enough(tmp_path):
    put_png(tmp_path / "a.png")
    (film,) = films_csv.read_films(put(tmp_path / "mine.csv", "patient,path\n7,a.png\n"))
    assert (film.film_id, film.patient_id, film.label) == ("mine/a.png", "mine/7", None)


def test_films_csv_lists_all_that_is_wrong(tmp_path):
    put_png(tmp_path / "a.png")
    table = tmp_path / "mine.csv"
    put(table, "path,patient,view,mask\na.png,,frontal,m.png\nb.png,p2,PA,\n,p3,,\n")
    with pytest.raises(DataError) as caught:
        films_csv.read_films(table)
    for fault in (
        "line 2 has no patient",
        f"line 2 names {tmp_path / 'm.png'}, which is not there",
        f"line 3 names {tmp_path / 'b.png'}, which is not there",
        "line 3 has view PA, not frontal or lateral",
        "line 4 has no path",
    ):
        assert fault in str(caught.value)
    put(table, "path,patient\n" + "".join(f"{number}.png,p\n" for number in range(13)))
    with pytest.raises(DataError, match="; and 3 more. Mend these lines"):
        films_csv.read_films(table)
    put(table, "file,label\na.png,VSD\n")
    with pytest.raises(DataError, match="has no column path, patient; it has file, label"):
        films_csv.read_films(table)


# --- several sources


def test_sources_open_together_and_no_film_comes_twice(tmp_path):
    for name in ("mine", "yours"):
        put_png(tmp_path / name / "a.png")
        put(tmp_path / name / f"{name}.csv", "path,patient\na.png,1\n")
    specs = [f"films_csv={tmp_path / name / name}.csv" for name in ("mine", "yours")]
    films = open_sources(specs)
    assert [(film.film_id, film.patient_id) for film in films] == [("mine/a.png", "mine/1"), ("yours/a.png", "yours/1")]
    with pytest.raises(DataError, match=r"1 films come twice, mine/a\.png first"):
        open_sources([*specs, specs[0]])


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("nih15=.", "that is not a source"),
        ("ctr512", "that is not a source"),
        ("ctr512=", "that is not a source"),
        ("ctr512=nowhere", "there is no nowhere"),
    ],
)
def test_an_unknown_source_or_path_lists_the_names(spec, fault):
    with pytest.raises(DataError, match=f"Got {spec}: {fault}. Needed is NAME=PATH") as caught:
        open_sources([spec])
    assert all(name in str(caught.value) for name in READERS)
    assert {"ctr512", "jsrt_scr", "chd_cxr", "nih14", "openi", "films_csv"} <= set(READERS)
