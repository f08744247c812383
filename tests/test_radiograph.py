"""Where films come from and what is refused: paths, bytes, arrays, other and damaged files; awkward real films."""

import os
import struct
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.uid import (
    JPEG2000Lossless,
    RLELossless,
)

import heartviz.dicom
import heartviz.radiograph
from heartviz.errors import RadiographError
from heartviz.radiograph import load_radiograph
from tests.films import (
    HEIGHT,
    RAMP_12_BIT,
    RAMP_U8,
    RAMP_U16,
    SMOOTH_U8,
    WIDTH,
    assert_gray,
    claim_jpeg_size,
    compress_dicom,
    fill,
    save_picture,
    write_dicom,
    write_jpeg_dicom,
    write_png,
)

# ---- sizes and sources ----


def test_path_string_bytearray_and_radiograph(tmp_path: Path) -> None:
    path = tmp_path / "film.dcm"
    path.write_bytes(write_png(RAMP_U8))
    films = [load_radiograph(source) for source in (path, str(path), bytearray(path.read_bytes()))]
    for film in films:
        assert_gray(film, RAMP_U8 / 255)
    assert load_radiograph(films[0]) is films[0]
    assert not films[0].pixels.flags.writeable


def test_missing_path(tmp_path: Path) -> None:
    with pytest.raises(RadiographError, match="^There is no file at the path given") as caught:
        load_radiograph(tmp_path / "gone.png")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(RadiographError, match="^It is a folder; give the path of one film"):
        load_radiograph(tmp_path)


def test_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RadiographError, match="^It is a device or pipe"):
        load_radiograph(tmp_path / "pipe")


def test_path_that_cannot_be_opened() -> None:
    with pytest.raises(RadiographError, match="can't be opened. Check its path"):
        load_radiograph("a\0b.png")


def test_unknown_source() -> None:
    with pytest.raises(RadiographError, match="Got list; a film is given as a file's bytes, its path, or a numpy"):
        load_radiograph([1, 2, 3])


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    for source in (b"", tmp_path / "empty.png"):
        with pytest.raises(RadiographError, match="The file is empty"):
            load_radiograph(source)


def test_file_over_200_mb(tmp_path: Path) -> None:
    path = tmp_path / "large.dcm"
    with path.open("wb") as file:
        file.truncate(300_000_000)
    with pytest.raises(RadiographError, match="The file has 300 MB; at most 200 MB are read"):
        load_radiograph(path)


def test_bytes_over_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartviz.radiograph, "MAX_FILE_BYTES", 1000)
    with pytest.raises(RadiographError, match="Upload one film, not a series"):
        load_radiograph(b"\0" * 1001)


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"  <!DOCTYPE html><html></html>", "a web page"),
        (b"\xef\xbb\xbf<html>", "a web page"),
        (b"%PDF-1.7\n\x00\xff", "a PDF document"),
        (b"PK\x03\x04\x14\0\0\0", "a ZIP archive"),
        (b"PK\x05\x06" + b"\0" * 18, "an empty ZIP archive"),
        (b"\x1f\x8b\x08\0\0\0", "a gzip archive"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC or AVIF picture"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a bare JPEG 2000 picture"),
        ("Größe;Befund\r\n".encode() * 200, "a text file"),
    ],
)
def test_other_files_are_named(payload: bytes, kind: str) -> None:
    with pytest.raises(RadiographError, match=f"The file is {kind}.*Upload the film itself as PNG, JPEG"):
        load_radiograph(payload)


def test_unknown_bytes() -> None:
    with pytest.raises(RadiographError, match="not a picture that can be read here"):
        load_radiograph(bytes(range(256)) * 10)


@pytest.mark.parametrize("format_name", ["PNG", "JPEG"])
def test_small_picture_is_refused(format_name: str) -> None:
    image = Image.fromarray(np.tile(SMOOTH_U8, (1, 5))[:90, :640])
    with pytest.raises(RadiographError, match="Image is 640 x 90 px; the shorter side must be at least 128"):
        load_radiograph(save_picture(image, format_name))


def test_one_row_is_refused() -> None:
    with pytest.raises(RadiographError, match="Image is 131 x 1 px"):
        load_radiograph(RAMP_U8[:1])


def test_shortest_allowed_side() -> None:
    assert load_radiograph(np.tile(RAMP_U8, (1, 2))[:128, :200]).pixels.shape == (128, 200)


@pytest.mark.parametrize("side", [5_001, 60_000])
def test_claims_of_too_many_pixels_are_refused_from_the_header(side: int) -> None:
    tiff = save_picture(Image.fromarray(RAMP_U8), "TIFF")
    for tag, value in ((256, WIDTH), (257, HEIGHT)):
        tiff = tiff.replace(struct.pack("<HHII", tag, 4, 1, value), struct.pack("<HHII", tag, 4, 1, side))
        tiff = tiff.replace(struct.pack("<HHIHH", tag, 3, 1, value, 0), struct.pack("<HHIHH", tag, 3, 1, side, 0))
    dicom = write_dicom(RAMP_12_BIT, Rows=side, Columns=side)
    for payload in (write_png(RAMP_U8, side, side), claim_jpeg_size(side, side), tiff, dicom):
        with pytest.raises(RadiographError, match="Image claims .*25,000,000"):
            load_radiograph(payload)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_constant_picture_is_refused(value: int) -> None:
    for source in (np.full_like(RAMP_U8, value), write_png(np.full_like(RAMP_U8, value))):
        with pytest.raises(RadiographError, match="Every pixel has the same gray value"):
            load_radiograph(source)


# ---- arrays ----


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (RAMP_U8, RAMP_U8 / 255),
        (RAMP_U16, RAMP_U16 / 65535),
        (RAMP_U16.astype(">u2"), RAMP_U16 / 65535),
        (RAMP_U8 > 100, (RAMP_U8 > 100).astype(np.float32)),
        (RAMP_U8.astype(np.float64) / 300, RAMP_U8 / 300),
        (RAMP_U8.astype(np.float32) / 255, RAMP_U8 / 255),
        (np.stack([RAMP_U8] * 3, axis=-1), RAMP_U8 / 255),
        (RAMP_U8[::-1, ::-1], RAMP_U8[::-1, ::-1] / 255),
    ],
    ids=["uint8", "uint16", "big-endian", "bool", "float64", "float32", "RGB", "strided"],
)
def test_arrays(samples: NDArray, expected: NDArray) -> None:
    film = load_radiograph(samples)
    assert_gray(film, expected)
    assert film.description == f"array, {WIDTH} x {HEIGHT} px"
    assert film.messages == ()


def test_other_whole_numbers_are_scaled_by_their_range() -> None:
    film = load_radiograph(fill(-1000, -500, 0, 1000, dtype=np.int16))
    np.testing.assert_allclose(film.pixels[0, :4], [0, 0.25, 0.5, 1], atol=1e-6)
    assert film.messages == ("Whole numbers from -1000 to 1000 were scaled to 0..1.",)


def test_rgba_array_over_black() -> None:
    samples = np.stack([RAMP_U8] * 4, axis=-1).astype(np.float64) / 255
    samples[..., 3] = 0.5
    assert_gray(load_radiograph(samples), RAMP_U8 / 510)


def test_array_is_copied_and_left_alone() -> None:
    samples = RAMP_U8.astype(np.float32) / 255
    film = load_radiograph(samples)
    samples[:] = 0.5
    assert_gray(film, RAMP_U8 / 255)


@pytest.mark.parametrize("shape", [(200,), (200, 200, 2), (2, 200, 200, 3)])
def test_array_shapes_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(RadiographError, match="Array has shape .*; needed is"):
        load_radiograph(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("kind", ["complex64", "object", "U1"])
def test_array_types_refused(kind: str) -> None:
    with pytest.raises(RadiographError, match="Array is of type .*; needed are whole numbers or floats"):
        load_radiograph(np.zeros((200, 200), kind))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_array_with_nan_or_infinity(bad: float) -> None:
    samples = RAMP_U8 / 255
    samples[3, 4] = bad
    with pytest.raises(RadiographError, match="NaN or infinite values"):
        load_radiograph(samples)


@pytest.mark.parametrize(("low", "high"), [(0.0, 255.0), (-0.5, 0.5)])
def test_float_array_outside_0_to_1(low: float, high: float) -> None:
    samples = low + (high - low) * (RAMP_U8 / 255)
    with pytest.raises(RadiographError, match=f"Float array runs from {low:g} to {high:g}; scale it to 0..1"):
        load_radiograph(samples)


# ---- damage, and real files ----


def mutate(payload: bytes, rng: np.random.Generator) -> bytes:
    damaged = bytearray(payload)
    # Half of the time only the header, where most of what can go wrong is written.
    reach = len(damaged) if rng.random() < 0.5 else min(len(damaged), 1200)
    for position in rng.integers(0, reach, size=rng.integers(1, 6)):
        damaged[position] = rng.integers(256)
    if rng.random() < 0.2:
        damaged = damaged[: rng.integers(len(damaged))]
    return bytes(damaged)


DAMAGED = {
    "PNG": lambda: write_png(RAMP_U8),
    "JPEG": lambda: save_picture(Image.fromarray(SMOOTH_U8), "JPEG"),
    "TIFF": lambda: save_picture(Image.fromarray(RAMP_U8), "TIFF"),
    "DICOM raw": lambda: write_dicom(RAMP_12_BIT, WindowCenter=2048, WindowWidth=4096, PixelPaddingValue=0),
    "DICOM JPEG 2000": lambda: compress_dicom(JPEG2000Lossless),
    "DICOM RLE": lambda: compress_dicom(RLELossless),
    "DICOM JPEG": lambda: write_jpeg_dicom(save_picture(Image.fromarray(SMOOTH_U8), "JPEG")),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_bytes_give_a_film_or_words(kind: str) -> None:
    payload, rng = DAMAGED[kind](), np.random.default_rng(20240501)
    refused = 0
    for _ in range(300):
        try:
            film = load_radiograph(mutate(payload, rng))
        except RadiographError as error:
            refused += 1
            assert str(error).endswith((".", ")"))
        else:
            assert np.isfinite(film.pixels).all()
            assert film.pixels.min() >= 0
            assert film.pixels.max() <= 1
    assert refused > 0


AWKWARD_DESCRIPTIONS = {
    "dicom__RG1_J2KI.dcm": "DICOM, 1841 x 1955 px, 15 bit, MONOCHROME1 inverted, window applied",
    "dicom__rsna_jpeg_mono2.dcm": "DICOM, 1024 x 1024 px, 8 bit, MONOCHROME2",
    "dicom_ood__RG2_RLE.dcm": "DICOM, 1760 x 2140 px, 10 bit, MONOCHROME2, window applied",
    "dicom_ood__RG3_JPLL.dcm": "DICOM, 1760 x 1760 px, 10 bit, MONOCHROME1 inverted, window applied",
    "dicom_ood__XA1_J2KR.dcm": "DICOM, 1024 x 1024 px, 10 bit, MONOCHROME2",
    "rgba_png__00000100_000.png": "PNG, 1024 x 1024 px, 8 bit RGBA",
    "photo_or_tinted__000005-5-a.jpg": "JPEG, 381 x 328 px, 8 bit RGB",
    "paediatric__00011386_000.png": "PNG, 1024 x 1024 px, 8 bit gray",
}


@pytest.mark.parametrize("name", AWKWARD_DESCRIPTIONS)
def test_awkward_files_that_are_read(shared_data: Path, name: str) -> None:
    assert load_radiograph(shared_data / "awkward" / name).description == AWKWARD_DESCRIPTIONS[name]


@pytest.mark.parametrize(
    ("name", "words"),
    [("corrupt__MR_truncated.dcm", "This DICOM is an MR slice"), ("corrupt__test1.dcm", "The file is a web page")],
)
def test_awkward_files_that_are_refused(shared_data: Path, name: str, words: str) -> None:
    with pytest.raises(RadiographError, match=words):
        load_radiograph(shared_data / "awkward" / name)


def test_monochrome1_film_comes_out_bone_bright(shared_data: Path) -> None:
    path = shared_data / "awkward" / "dicom__RG1_J2KI.dcm"
    stored = pydicom.dcmread(path).pixel_array.astype(np.float64)
    # Window centre 15000, width 30000 in the file, then inverted: 1 - ((x - 14999.5) / 29999 + 0.5)
    assert_gray(load_radiograph(path), 0.5 - (stored - 14999.5) / 29999, tolerance=1e-5)
