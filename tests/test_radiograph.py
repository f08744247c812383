"""Every format is written here and read back; expected gray values are worked out from the values written."""

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
    JPEG_TOLERANCE,
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

# ---- PNG ----


def test_png_8_bit_gray() -> None:
    film = load_radiograph(write_png(RAMP_U8))
    assert_gray(film, RAMP_U8 / 255)
    assert film.description == f"PNG, {WIDTH} x {HEIGHT} px, 8 bit gray"
    assert film.messages == ()
    assert film.spacing_mm is None


def test_png_16_bit_keeps_every_level() -> None:
    film = load_radiograph(write_png(RAMP_U16))
    np.testing.assert_array_equal(np.rint(film.pixels * 65535), RAMP_U16)
    assert film.description.endswith("16 bit gray")


def test_png_16_bit_rgb_keeps_its_depth() -> None:
    film = load_radiograph(write_png(np.stack([RAMP_U16] * 3, axis=-1)))
    np.testing.assert_array_equal(np.rint(film.pixels * 65535), RAMP_U16)
    assert film.messages == ()


def test_png_colour_becomes_luma() -> None:
    colours = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    colours[:, 0], colours[:, 1], colours[:, 2], colours[:, 3] = (255, 0, 0), (0, 255, 0), (0, 0, 255), (100, 50, 200)
    film = load_radiograph(write_png(colours))
    # 0.299 * 100 + 0.587 * 50 + 0.114 * 200 = 29.9 + 29.35 + 22.8 = 82.05
    np.testing.assert_allclose(film.pixels[5, :5], [0.299, 0.587, 0.114, 82.05 / 255, 0], atol=1e-6)
    assert film.messages == ("The picture is in colour; its colour was removed.",)


def test_png_gray_and_alpha_over_black() -> None:
    alpha = np.full_like(RAMP_U8, 255)
    alpha[:, :10], alpha[:, 10:20] = 0, 51
    film = load_radiograph(write_png(np.stack([RAMP_U8, alpha], axis=-1)))
    expected = RAMP_U8 / 255
    expected[:, :10], expected[:, 10:20] = 0, expected[:, 10:20] / 5
    assert_gray(film, expected)
    assert film.messages == ("Parts of the picture are transparent; they were laid over black.",)


@pytest.mark.parametrize("ramp", [RAMP_U8, RAMP_U16], ids=["8 bit", "16 bit"])
def test_png_opaque_rgba_is_its_gray(ramp: NDArray) -> None:
    full_scale = np.iinfo(ramp.dtype).max
    film = load_radiograph(write_png(np.stack([ramp, ramp, ramp, np.full_like(ramp, full_scale)], axis=-1)))
    assert_gray(film, ramp / full_scale)
    assert film.messages == ()


def test_png_palette() -> None:
    image = Image.fromarray((RAMP_U8 % 2).astype(np.uint8)).convert("P")
    image.putpalette([10, 10, 10, 200, 200, 200])
    film = load_radiograph(save_picture(image, "PNG"))
    assert_gray(film, np.where(RAMP_U8 % 2 == 1, 200, 10) / 255)
    assert film.description.endswith("8 bit palette")


def test_png_one_bit() -> None:
    bits = RAMP_U8 > 100
    assert_gray(load_radiograph(save_picture(Image.fromarray(bits), "PNG")), bits.astype(np.float32))


def test_png_whose_rows_run_out_is_refused() -> None:
    with pytest.raises(RadiographError, match="PNG is damaged or cut short"):
        load_radiograph(write_png(RAMP_U8, height=2 * HEIGHT))


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.99])
@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_truncated_picture_is_refused(format_name: str, kept: float) -> None:
    payload = save_picture(Image.fromarray(RAMP_U8), format_name)
    with pytest.raises(RadiographError, match="damaged"):
        load_radiograph(payload[: int(kept * len(payload))])


# ---- JPEG and the others ----


def test_jpeg_gray() -> None:
    film = load_radiograph(save_picture(Image.fromarray(SMOOTH_U8), "JPEG", quality=100))
    assert_gray(film, SMOOTH_U8 / 255, JPEG_TOLERANCE)
    assert film.description == f"JPEG, {WIDTH} x {HEIGHT} px, 8 bit gray"


def test_jpeg_gray_saved_as_colour_has_no_message() -> None:
    image = Image.fromarray(SMOOTH_U8).convert("RGB")
    film = load_radiograph(save_picture(image, "JPEG", quality=100))
    assert_gray(film, SMOOTH_U8 / 255, JPEG_TOLERANCE)
    assert film.messages == ()


def test_tinted_jpeg_loses_its_colour() -> None:
    tinted = np.stack([SMOOTH_U8, SMOOTH_U8, np.minimum(SMOOTH_U8 + 30, 255).astype(np.uint8)], axis=-1)
    film = load_radiograph(save_picture(Image.fromarray(tinted), "JPEG", quality=100, subsampling=0))
    assert_gray(film, (SMOOTH_U8 + 0.114 * 30) / 255, JPEG_TOLERANCE)
    assert "colour was removed" in film.messages[0]


def test_jpeg_cmyk() -> None:
    black = (255 - SMOOTH_U8).astype(np.uint8)
    zero = np.zeros_like(black)
    image = Image.merge("CMYK", [Image.fromarray(channel) for channel in (zero, zero, zero, black)])
    film = load_radiograph(save_picture(image, "JPEG", quality=100))
    assert_gray(film, SMOOTH_U8 / 255, JPEG_TOLERANCE)
    assert film.description.endswith("8 bit CMYK")


def test_phone_jpeg_of_two_pictures_gives_the_first() -> None:
    other = Image.fromarray(RAMP_U8)
    payload = save_picture(Image.fromarray(SMOOTH_U8), "MPO", save_all=True, append_images=[other], quality=100)
    film = load_radiograph(payload)
    assert_gray(film, SMOOTH_U8 / 255, JPEG_TOLERANCE)
    assert film.messages == ("The JPEG holds 2 pictures, as phones write them; the first was read.",)


# What a viewer shows for each EXIF orientation, told apart with rows and columns written out.
UPRIGHT_FROM_STORED = {
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.T,
    6: lambda stored: np.rot90(stored, k=-1),
    7: lambda stored: stored[::-1, ::-1].T,
    8: lambda stored: np.rot90(stored, k=1),
}


@pytest.mark.parametrize("orientation", UPRIGHT_FROM_STORED)
@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_exif_turned_picture_is_turned_back(format_name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    film = load_radiograph(save_picture(Image.fromarray(RAMP_U8), format_name, exif=exif))
    expected = UPRIGHT_FROM_STORED[orientation](RAMP_U8) / 255
    assert_gray(film, expected)
    assert f"{expected.shape[1]} x {expected.shape[0]} px" in film.description


def test_exif_turned_jpeg_says_so() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    film = load_radiograph(save_picture(Image.fromarray(SMOOTH_U8), "JPEG", quality=100, exif=exif))
    assert_gray(film, np.rot90(SMOOTH_U8, k=-1) / 255, JPEG_TOLERANCE)
    assert film.messages == ("The picture was turned as its EXIF orientation says.",)


def test_damaged_exif_is_passed_over() -> None:
    film = load_radiograph(save_picture(Image.fromarray(RAMP_U8), "PNG", exif=b"Exif\0\0not a directory"))
    assert_gray(film, RAMP_U8 / 255)


@pytest.mark.parametrize("format_name", ["TIFF", "BMP"])
def test_other_formats(format_name: str) -> None:
    film = load_radiograph(save_picture(Image.fromarray(RAMP_U8), format_name))
    assert_gray(film, RAMP_U8 / 255)
    assert film.description == f"{format_name}, {WIDTH} x {HEIGHT} px, 8 bit gray"


def test_webp_lossless() -> None:
    film = load_radiograph(save_picture(Image.fromarray(RAMP_U8).convert("RGB"), "WEBP", lossless=True))
    assert_gray(film, RAMP_U8 / 255)
    assert film.description.startswith("WebP, ")


def test_gif_and_one_bit_tiff() -> None:
    assert_gray(load_radiograph(save_picture(Image.fromarray(RAMP_U8), "GIF")), RAMP_U8 / 255)
    bits = RAMP_U8 > 100
    assert_gray(load_radiograph(save_picture(Image.fromarray(bits), "TIFF")), bits.astype(np.float32))


def test_palette_bmp() -> None:
    image = Image.fromarray((RAMP_U8 % 2).astype(np.uint8)).convert("P")
    image.putpalette([10, 10, 10, 200, 200, 200])
    assert_gray(load_radiograph(save_picture(image, "BMP")), np.where(RAMP_U8 % 2 == 1, 200, 10) / 255)


@pytest.mark.parametrize("white_is_zero", [False, True])
def test_tiff_16_bit(white_is_zero: bool) -> None:
    tags = {262: 0 if white_is_zero else 1}
    film = load_radiograph(save_picture(Image.fromarray(RAMP_U16), "TIFF", tiffinfo=tags))
    expected = RAMP_U16 / 65535
    assert_gray(film, 1 - expected if white_is_zero else expected)
    assert film.description.endswith("16 bit gray")


def test_tiff_of_floats_is_refused() -> None:
    with pytest.raises(RadiographError, match="32 bit F samples, which are not read. Save the film as 16 bit gray PNG"):
        load_radiograph(save_picture(Image.fromarray(RAMP_U8.astype(np.float32)), "TIFF"))


@pytest.mark.parametrize(("format_name", "name"), [("TIFF", "TIFF"), ("GIF", "GIF"), ("PNG", "PNG"), ("WEBP", "WebP")])
def test_several_pages_are_refused(format_name: str, name: str) -> None:
    other = Image.fromarray(255 - RAMP_U8)
    payload = save_picture(Image.fromarray(RAMP_U8), format_name, save_all=True, append_images=[other])
    with pytest.raises(RadiographError, match=f"The {name} holds several pages or frames; one film is needed"):
        load_radiograph(payload)


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
