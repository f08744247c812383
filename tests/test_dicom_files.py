"""DICOM files: syntaxes, compressions, preambles, what is refused, cut, or claimed, and nothing of the patient."""

import io
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG2MPML,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from heartviz import dicom_header
from heartviz.codestream import is_cut_short, measure_codestream
from heartviz.errors import RadiographError
from heartviz.radiograph import load_radiograph
from tests.films import (
    HEIGHT,
    JPEG_TOLERANCE,
    PDF_CLASS,
    RAMP_12_BIT,
    RAMP_U8,
    SMOOTH_U8,
    WIDTH,
    assert_gray,
    claim_jpeg_size,
    compress_dicom,
    dump_dataset,
    fill,
    make_dataset,
    save_picture,
    stretch,
    write_dicom,
    write_jpeg_dicom,
)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_dicom_uncompressed_syntaxes(syntax: UID) -> None:
    stored = RAMP_12_BIT.astype(">u2") if syntax == ExplicitVRBigEndian else RAMP_12_BIT
    dataset = make_dataset(stored, 12)
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        dataset["PixelData"].VR = "OW"
    assert_gray(load_radiograph(dump_dataset(dataset)), stretch(RAMP_12_BIT))


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless], ids=["RLE", "JPEG 2000"])
def test_dicom_lossless_compression(syntax: UID) -> None:
    assert_gray(load_radiograph(compress_dicom(syntax)), stretch(RAMP_12_BIT))


@pytest.mark.parametrize("name", ["JPEGLSLossless", "JPEGLosslessProcess14", "JPEGLosslessProcess14_1"])
def test_dicom_compressed_by_gdcm(name: str, tmp_path: Path) -> None:
    gdcm = pytest.importorskip("gdcm", reason="gdcm is the only encoder at hand for JPEG-LS and lossless JPEG.")
    (tmp_path / "raw.dcm").write_bytes(write_dicom(RAMP_12_BIT))
    reader = gdcm.ImageReader()
    reader.SetFileName(str(tmp_path / "raw.dcm"))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, name)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(tmp_path / "packed.dcm"))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    assert_gray(load_radiograph(tmp_path / "packed.dcm"), stretch(RAMP_12_BIT))


def test_dicom_baseline_jpeg() -> None:
    film = load_radiograph(write_jpeg_dicom(save_picture(Image.fromarray(SMOOTH_U8), "JPEG", quality=100)))
    assert_gray(film, stretch(SMOOTH_U8), 2 * JPEG_TOLERANCE)


def test_dicom_jpeg_cut_inside_its_fragment() -> None:
    stream = save_picture(Image.fromarray(SMOOTH_U8), "JPEG")
    with pytest.raises(RadiographError, match="compressed picture in this DICOM file is cut short"):
        load_radiograph(write_jpeg_dicom(stream[: len(stream) // 2]))


def test_dicom_jpeg_of_another_size_than_the_header_says() -> None:
    stream = claim_jpeg_size(60_000, 60_000)
    with pytest.raises(
        RadiographError, match="header says 131 x 140 px, the compressed picture in it is 60000 x 60000"
    ):
        load_radiograph(write_jpeg_dicom(stream))


def test_dicom_jpeg_without_a_size() -> None:
    with pytest.raises(RadiographError, match="compressed picture in it has no readable size"):
        load_radiograph(write_jpeg_dicom(b"\xff\xd8\xff\xd9"))


def test_codestream_sizes() -> None:
    jpeg = save_picture(Image.fromarray(SMOOTH_U8), "JPEG")
    assert measure_codestream(jpeg) == (HEIGHT, WIDTH)
    assert measure_codestream(jpeg[:2] + b"\xff" + jpeg[2:]) == (HEIGHT, WIDTH)
    # SIZ: length, capabilities, then right 331, bottom 240, left 200, top 100
    size = b"\xff\x4f\xff\x51" + struct.pack(">HH4I", 41, 0, 331, 240, 200, 100)
    assert measure_codestream(size) == (140, 131)
    assert measure_codestream(size[:10]) is None
    assert measure_codestream(b"") is None
    assert is_cut_short(jpeg[:-2])
    assert not is_cut_short(jpeg + b"\0")


def test_dicom_colour_becomes_gray() -> None:
    colours = np.stack([RAMP_U8, RAMP_U8, 255 - RAMP_U8], axis=-1)
    film = load_radiograph(write_dicom(colours, bits=8, photometric="RGB"))
    # 0.299 v + 0.587 v + 0.114 (255 - v) = 0.772 v + 29.07
    assert_gray(film, (0.772 * RAMP_U8 + 29.07) / 255)
    assert film.messages[0] == "The picture is in colour; its colour was removed."
    assert film.description.endswith("8 bit, colour")


def test_dicom_ybr_gray_has_its_luma() -> None:
    neutral = np.full_like(RAMP_U8, 128)
    film = load_radiograph(write_dicom(np.stack([RAMP_U8, neutral, neutral], axis=-1), 8, "YBR_FULL"))
    assert_gray(film, RAMP_U8 / 255)


def test_dicom_palette() -> None:
    dataset = make_dataset(fill(0, 1, 2, 3, dtype=np.uint8), 8, "PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [4, 0, 16])
        entries = np.array([0, 13107, 26214, 65535], "<u2").tobytes()
        dataset.add_new(f"{colour}PaletteColorLookupTableData", "OW", entries)
    film = load_radiograph(dump_dataset(dataset))
    np.testing.assert_allclose(film.pixels[0, :4], [0, 0.2, 0.4, 1], atol=1e-6)


def test_dicom_colours_and_samples_that_disagree() -> None:
    colours = np.stack([RAMP_U8] * 3, axis=-1)
    with pytest.raises(RadiographError, match="colours and its samples a pixel disagree"):
        load_radiograph(write_dicom(colours, 8, "MONOCHROME2"))


@pytest.mark.parametrize("implicit", [True, False])
def test_dicom_without_preamble_and_meta_information(implicit: bool) -> None:
    dataset = make_dataset(RAMP_12_BIT, 12)
    del dataset.file_meta
    stream = io.BytesIO()
    dataset.save_as(stream, implicit_vr=implicit, little_endian=True)
    assert_gray(load_radiograph(stream.getvalue()), stretch(RAMP_12_BIT))


def test_dicom_without_preamble() -> None:
    assert_gray(load_radiograph(write_dicom(RAMP_12_BIT)[132:]), stretch(RAMP_12_BIT))


def test_dicom_with_a_tiff_preamble() -> None:
    payload = write_dicom(RAMP_12_BIT)
    assert_gray(load_radiograph(b"II*\0\x08\0\0\0" + payload[8:]), stretch(RAMP_12_BIT))


def test_bytes_that_start_like_a_bare_data_set() -> None:
    with pytest.raises(RadiographError, match="not a picture that can be read here"):
        load_radiograph(b"\x08\x00" + bytes(range(256)))


@pytest.mark.parametrize(
    ("modality", "kind"),
    [
        ("CT", "a CT slice"),
        ("MR", "an MR slice"),
        ("US", "an ultrasound picture"),
        ("PT", "a PET slice"),
        ("NM", "a nuclear medicine picture"),
    ],
)
def test_dicom_of_another_modality(modality: str, kind: str) -> None:
    with pytest.raises(RadiographError, match=f"This DICOM is {kind}, not a projection radiograph"):
        load_radiograph(write_dicom(RAMP_12_BIT, Modality=modality))


@pytest.mark.parametrize("modality", ["CR", "DX", "RG", "XA", "OT", "", None])
def test_dicom_modalities_that_are_read(modality: str | None) -> None:
    assert_gray(load_radiograph(write_dicom(RAMP_12_BIT, Modality=modality)), stretch(RAMP_12_BIT))


def test_dicom_of_several_frames() -> None:
    payload = write_dicom(RAMP_12_BIT, NumberOfFrames=3, PixelData=RAMP_12_BIT.tobytes() * 3)
    with pytest.raises(RadiographError, match="This DICOM holds 3 frames; one film is needed"):
        load_radiograph(payload)


def test_dicom_without_pixel_data() -> None:
    dataset = make_dataset(RAMP_12_BIT, 12)
    del dataset.PixelData
    with pytest.raises(RadiographError, match="header but no whole pixel data"):
        load_radiograph(dump_dataset(dataset))


def test_dicom_of_a_pdf() -> None:
    dataset = make_dataset(RAMP_12_BIT, 12, SOPClassUID=PDF_CLASS, Modality="DOC")
    del dataset.PixelData, dataset.Rows
    dataset.EncapsulatedDocument = b"%PDF-1.7"
    with pytest.raises(RadiographError, match=r"holds no picture \(Encapsulated PDF Storage\)"):
        load_radiograph(dump_dataset(dataset))


def test_dicom_too_small() -> None:
    with pytest.raises(RadiographError, match="Image is 131 x 90 px"):
        load_radiograph(write_dicom(RAMP_12_BIT[:90]))


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.95])
@pytest.mark.parametrize("syntax", [None, RLELossless, JPEG2000Lossless], ids=["raw", "RLE", "JPEG 2000"])
def test_truncated_dicom(syntax: UID | None, kept: float) -> None:
    payload = write_dicom(RAMP_12_BIT) if syntax is None else compress_dicom(syntax)
    with pytest.raises(RadiographError, match="cut short"):
        load_radiograph(payload[: int(kept * len(payload))])


def claim_pixel_bytes(length: int) -> bytes:
    payload = write_dicom(RAMP_12_BIT)
    start = payload.index(b"\xe0\x7f\x10\x00OW\0\0") + 8
    return payload[:start] + struct.pack("<I", length) + payload[start + 4 :]


def test_dicom_claiming_too_few_pixel_bytes() -> None:
    with pytest.raises(RadiographError, match="damaged, cut short, or compressed") as caught:
        load_radiograph(claim_pixel_bytes(10))
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("length", [2**31, 2**32 - 2])
def test_dicom_claiming_too_many_pixel_bytes_but_with_a_whole_picture(length: int) -> None:
    assert_gray(load_radiograph(claim_pixel_bytes(length)), stretch(RAMP_12_BIT))


def test_dicom_in_an_unread_compression() -> None:
    dataset = make_dataset(SMOOTH_U8, 8, PixelData=encapsulate([b"\0\0\x01\xb3"]))
    dataset.file_meta.TransferSyntaxUID = MPEG2MPML
    dataset["PixelData"].is_undefined_length = True
    with pytest.raises(RadiographError, match="compressed in MPEG2 .*, which is not read here"):
        load_radiograph(dump_dataset(dataset))


def test_deflated_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_header, "MAX_INFLATED_BYTES", 10_000)
    dataset = make_dataset(RAMP_12_BIT, 12)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    with pytest.raises(RadiographError, match="unpacks to more than"):
        load_radiograph(dump_dataset(dataset))


def test_nothing_of_the_patient_is_read(caplog: pytest.LogCaptureFixture) -> None:
    payload = write_dicom(RAMP_12_BIT)
    film = load_radiograph(payload)
    assert "Doe" not in repr(film)
    assert "SECRET" not in repr(film)
    assert "PatientName" not in dicom_header.read_header(payload)
    with pytest.raises(RadiographError) as caught:
        load_radiograph(payload[:-100])
    assert "Doe" not in str(caught.value)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("age", "adult"),
    [("018Y", True), ("017Y", False), ("230M", True), ("006M", False), ("000Y", None), ("old", None), ("", None)],
)
def test_of_an_age_only_adult_or_not_is_kept(age: str, adult: bool | None) -> None:
    dataset = make_dataset(RAMP_12_BIT, 12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of the age that is none
        dataset.PatientAge = age
        film = load_radiograph(dump_dataset(dataset))
    assert film.adult is adult
    assert age == "" or age not in repr(film)
