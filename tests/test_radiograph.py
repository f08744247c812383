"""Every format is written here and read back; expected gray values are worked out from the values written."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG2MPML,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

import heartviz.dicom
import heartviz.radiograph
from heartviz.codestream import is_cut_short, measure_codestream
from heartviz.errors import RadiographError
from heartviz.radiograph import load_radiograph
from heartviz.records import Radiograph

HEIGHT, WIDTH = 140, 131
ROWS, COLS = np.mgrid[:HEIGHT, :WIDTH]
RAMP_U8 = ((3 * ROWS + 5 * COLS) % 256).astype(np.uint8)
RAMP_U16 = ((257 * ROWS + 61 * COLS) % 65536).astype(np.uint16)
RAMP_12_BIT = ((31 * ROWS + 7 * COLS) % 4096).astype(np.uint16)
SMOOTH_U8 = (ROWS + COLS // 2).astype(np.uint8)
DX_CLASS = "1.2.840.10008.5.1.4.1.1.1.1"
PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"
# Quality 100 JPEG of a smooth ramp: rounding of the DCT and of the colour transform, in gray levels of 255.
JPEG_TOLERANCE = 3 / 255


def save_picture(image: Image.Image, format_name: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format_name, **options)
    return stream.getvalue()


def write_png(samples: NDArray, height: int | None = None, width: int | None = None) -> bytes:
    """PNG of big-endian samples (H, W) or (H, W, C); the header may claim another size."""
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    rows = b"".join(b"\0" + row.astype(samples.dtype.newbyteorder(">")).tobytes() for row in samples)
    header = struct.pack(
        ">IIBBBBB",
        width or samples.shape[1],
        height or samples.shape[0],
        8 * samples.dtype.itemsize,
        {1: 0, 2: 4, 3: 2, 4: 6}[channels],
        0,
        0,
        0,
    )
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def make_dataset(stored: NDArray, bits: int, photometric: str = "MONOCHROME2", **elements) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = DX_CLASS, "1.2.3.4", "DX"
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "SECRET-7"
    dataset.Rows, dataset.Columns = stored.shape[:2]
    dataset.SamplesPerPixel = 1 if stored.ndim == 2 else stored.shape[2]
    if dataset.SamplesPerPixel > 1:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8 * stored.dtype.itemsize, bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def dump_dataset(dataset: Dataset) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def write_dicom(stored: NDArray, bits: int = 12, photometric: str = "MONOCHROME2", **elements) -> bytes:
    return dump_dataset(make_dataset(stored, bits, photometric, **elements))


def compress_dicom(syntax: UID) -> bytes:
    dataset = make_dataset(RAMP_12_BIT, 12)
    dataset.compress(syntax)
    return dump_dataset(dataset)


def make_lut(entries: list[int], first: int, bits: int) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    item.add_new("LUTData", "OW", np.array(entries, "<u2").tobytes())
    return item


def fill(*values: int, dtype: type = np.uint16) -> NDArray:
    """A picture whose columns repeat the values, so that column i holds values[i]."""
    return np.tile(np.array(values, dtype), (HEIGHT, WIDTH // len(values) + 1))[:, :WIDTH].copy()


def stretch(stored: NDArray) -> NDArray:
    low, high = float(stored.min()), float(stored.max())
    return ((stored.astype(np.float64) - low) / (high - low)).astype(np.float32)


def assert_gray(film: Radiograph, expected: NDArray, tolerance: float = 1e-6) -> None:
    """The tolerance covers float32 rounding."""
    assert film.pixels.dtype == np.float32
    assert film.pixels.shape == expected.shape
    np.testing.assert_allclose(film.pixels, expected, rtol=0, atol=tolerance)
    assert film.pixels.min() >= 0
    assert film.pixels.max() <= 1


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
    with pytest.raises(RadiographError, match=f"The {name} holds 2 pages or frames; one film is needed"):
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
    with pytest.raises(RadiographError, match="There is no file gone.png at the path given") as caught:
        load_radiograph(tmp_path / "gone.png")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(RadiographError, match="is a folder; give the path of one film"):
        load_radiograph(tmp_path)


def test_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RadiographError, match="is a device or pipe"):
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


def claim_jpeg_size(height: int, width: int) -> bytes:
    payload = save_picture(Image.fromarray(SMOOTH_U8), "JPEG")
    start = payload.index(b"\xff\xc0") + 5
    return payload[:start] + struct.pack(">HH", height, width) + payload[start + 4 :]


@pytest.mark.parametrize("side", [11_000, 60_000])
def test_claims_of_too_many_pixels_are_refused_from_the_header(side: int) -> None:
    tiff = save_picture(Image.fromarray(RAMP_U8), "TIFF")
    for tag, value in ((256, WIDTH), (257, HEIGHT)):
        tiff = tiff.replace(struct.pack("<HHII", tag, 4, 1, value), struct.pack("<HHII", tag, 4, 1, side))
        tiff = tiff.replace(struct.pack("<HHIHH", tag, 3, 1, value, 0), struct.pack("<HHIHH", tag, 3, 1, side, 0))
    dicom = write_dicom(RAMP_12_BIT, Rows=side, Columns=side)
    for payload in (write_png(RAMP_U8, side, side), claim_jpeg_size(side, side), tiff, dicom):
        with pytest.raises(RadiographError, match="Image claims .*100,000,000"):
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


# ---- DICOM ----


def test_dicom_12_bit() -> None:
    film = load_radiograph(write_dicom(RAMP_12_BIT, ImagerPixelSpacing=[0.2, 0.1], PixelSpacing=[0.5, 0.5]))
    assert_gray(film, stretch(RAMP_12_BIT))
    assert film.description == f"DICOM, {WIDTH} x {HEIGHT} px, 12 bit, MONOCHROME2"
    assert film.spacing_mm == (0.2, 0.1)
    assert film.messages == ()


def test_dicom_16_bit_keeps_every_level() -> None:
    film = load_radiograph(write_dicom(RAMP_U16, bits=16, PixelSpacing=[0.14, 0.15]))
    low, high = int(RAMP_U16.min()), int(RAMP_U16.max())
    np.testing.assert_array_equal(np.rint(film.pixels * (high - low) + low), RAMP_U16)
    assert film.spacing_mm == (0.14, 0.15)


def test_dicom_signed() -> None:
    film = load_radiograph(write_dicom(fill(-2000, -1000, 0, 2000, dtype=np.int16), bits=16))
    np.testing.assert_allclose(film.pixels[0, :4], [0, 0.25, 0.5, 1], atol=1e-6)


@pytest.mark.parametrize("spacing", [{}, {"PixelSpacing": [0.0, 0.0]}, {"PixelSpacing": None}])
def test_dicom_without_spacing(spacing: dict) -> None:
    film = load_radiograph(write_dicom(RAMP_12_BIT, **spacing))
    assert film.spacing_mm is None
    assert film.messages == ("The file gives no pixel spacing; lengths in mm are not known.",)


def test_dicom_window_edges() -> None:
    # LINEAR, C = 2048, W = 1001: y = (x - 2047.5) / 1000 + 0.5, so 0 up to 1547.5 and 1 from 2547.5 (PS3.3 C.11.2.1.2)
    stored = fill(0, 1547, 1548, 2048, 2547, 2548, 4095)
    film = load_radiograph(write_dicom(stored, WindowCenter=2048, WindowWidth=1001))
    np.testing.assert_allclose(film.pixels[0, :7], [0, 0, 0.0005, 0.5005, 0.9995, 1, 1], atol=1e-6)
    assert film.description.endswith("MONOCHROME2, window applied")


def test_dicom_window_linear_exact() -> None:
    # y = (x - C) / W + 0.5 (PS3.3 C.11.2.1.3.2)
    elements = {"WindowCenter": 2048, "WindowWidth": 1000, "VOILUTFunction": "LINEAR_EXACT"}
    film = load_radiograph(write_dicom(fill(0, 1548, 2048, 2298, 2548, 4095), **elements))
    np.testing.assert_allclose(film.pixels[0, :6], [0, 0, 0.5, 0.75, 1, 1], atol=1e-6)


def test_dicom_window_sigmoid() -> None:
    # y = 1 / (1 + exp(-4 (x - C) / W)) (PS3.3 C.11.2.1.3.1): 1 / (1 + e**-2) half a width above the centre
    elements = {"WindowCenter": 2000, "WindowWidth": 1000, "VOILUTFunction": "SIGMOID"}
    film = load_radiograph(write_dicom(fill(1500, 2000, 2500, 0), **elements))
    np.testing.assert_allclose(film.pixels[0, :3], [1 / (1 + np.e**2), 0.5, 1 / (1 + np.e**-2)], atol=1e-6)


def test_dicom_first_of_two_windows() -> None:
    payload = write_dicom(fill(0, 1548, 2548), WindowCenter=[2048, 100], WindowWidth=[1001, 10])
    np.testing.assert_allclose(load_radiograph(payload).pixels[0, :3], [0, 0.0005, 1], atol=1e-6)


def test_dicom_window_acts_on_rescaled_values() -> None:
    # 2 * x - 1000; C = 0.5, W = 2001: y = v / 2000 + 0.5, so x = 0 -> -1000 -> 0, 500 -> 0 -> 0.5, 750 -> 500 -> 0.75
    elements = {"RescaleSlope": 2, "RescaleIntercept": -1000, "WindowCenter": 0.5, "WindowWidth": 2001}
    film = load_radiograph(write_dicom(fill(0, 500, 750, 1000), **elements))
    np.testing.assert_allclose(film.pixels[0, :4], [0, 0.5, 0.75, 1], atol=1e-6)


def test_dicom_negative_slope_turns_the_order() -> None:
    film = load_radiograph(write_dicom(fill(0, 1000, 4000), RescaleSlope=-1, RescaleIntercept=4000))
    np.testing.assert_allclose(film.pixels[0, :3], [1, 0.75, 0], atol=1e-6)


@pytest.mark.parametrize("slope", [0, 1])
def test_dicom_window_beside_the_film_is_ignored(slope: int) -> None:
    elements = {"WindowCenter": 60000, "WindowWidth": 10, "RescaleSlope": slope, "RescaleIntercept": 0}
    film = load_radiograph(write_dicom(RAMP_12_BIT, **elements))
    assert_gray(film, stretch(RAMP_12_BIT))
    assert film.description.endswith("window ignored")
    assert "shows nothing of the film; the full range was used" in film.messages[0]


@pytest.mark.parametrize("width", [0, -5, None])
def test_dicom_window_without_width_is_no_window(width: float | None) -> None:
    film = load_radiograph(write_dicom(RAMP_12_BIT, WindowCenter=100, WindowWidth=width))
    assert_gray(film, stretch(RAMP_12_BIT))
    assert film.description.endswith("MONOCHROME2")


def test_dicom_monochrome1_is_inverted_after_windowing() -> None:
    # The window of test_dicom_window_edges, then 1 - y.
    stored = fill(0, 1548, 2048, 2547, 4095)
    film = load_radiograph(write_dicom(stored, photometric="MONOCHROME1", WindowCenter=2048, WindowWidth=1001))
    np.testing.assert_allclose(film.pixels[0, :5], [1, 0.9995, 0.4995, 0.0005, 0], atol=1e-6)
    assert film.description.endswith("12 bit, MONOCHROME1 inverted, window applied")


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME2", "IDENTITY", False),
    ],
)
def test_dicom_presentation_lut_shape_inverts_once(photometric: str, shape: str, inverted: bool) -> None:
    film = load_radiograph(write_dicom(RAMP_12_BIT, photometric=photometric, PresentationLUTShape=shape))
    expected = stretch(RAMP_12_BIT)
    assert_gray(film, 1 - expected if inverted else expected)
    assert film.description.count("inverted") == inverted


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_dicom_padding_is_lowest_and_left_out_of_the_range(photometric: str) -> None:
    film = load_radiograph(write_dicom(fill(4095, 0, 1000, 2000), photometric=photometric, PixelPaddingValue=4095))
    expected = [0, 1, 0.5, 0] if photometric == "MONOCHROME1" else [0, 0, 0.5, 1]
    np.testing.assert_allclose(film.pixels[0, :4], expected, atol=1e-6)


def test_dicom_padding_range_and_sign() -> None:
    stored = fill(-2000, -1990, 0, 500, 1000, dtype=np.int16)
    dataset = make_dataset(stored, 16)
    dataset.add_new("PixelPaddingValue", "US", 65536 - 2000)
    dataset.add_new("PixelPaddingRangeLimit", "US", 65536 - 1990)
    film = load_radiograph(dump_dataset(dataset))
    np.testing.assert_allclose(film.pixels[0, :5], [0, 0, 0, 0.5, 1], atol=1e-6)


@pytest.mark.parametrize("stored", [fill(7, 7), fill(9, 7)], ids=["constant", "constant beside padding"])
def test_dicom_of_one_value_is_refused(stored: NDArray) -> None:
    payload = write_dicom(stored, photometric="MONOCHROME1", PixelPaddingValue=9)
    with pytest.raises(RadiographError, match="has the same value or is padding"):
        load_radiograph(payload)


def test_dicom_voi_lookup_table_wins_over_the_window() -> None:
    # 10 bit entries for values 100, 101, 102; outside, the first and last entry (PS3.3 C.11.2.1.1)
    elements = {"VOILUTSequence": [make_lut([0, 341, 1023], first=100, bits=10)], "WindowCenter": 5, "WindowWidth": 9}
    film = load_radiograph(write_dicom(fill(0, 100, 101, 102, 4000), **elements))
    np.testing.assert_allclose(film.pixels[0, :5], [0, 0, 341 / 1023, 1, 1], atol=1e-6)
    assert film.description.endswith("lookup table applied")


def test_dicom_modality_lookup_table_of_12_bits() -> None:
    item = make_lut([4000, 1000, 0], first=65535, bits=12)
    # First value mapped is -1, spelled as an unsigned number; -1 -> 4000, 0 -> 1000, 1 -> 0
    film = load_radiograph(write_dicom(fill(-1, 0, 1, 9, dtype=np.int16), bits=16, ModalityLUTSequence=[item]))
    np.testing.assert_allclose(film.pixels[0, :4], [1, 0.25, 0, 0], atol=1e-6)


def test_dicom_8_bit_lookup_table() -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4, 0, 8])
    item.add_new("LUTData", "OW", bytes([0, 51, 102, 255]))
    film = load_radiograph(write_dicom(fill(0, 1, 2, 3), VOILUTSequence=[item]))
    np.testing.assert_allclose(film.pixels[0, :4], [0, 0.2, 0.4, 1], atol=1e-6)


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


def write_jpeg_dicom(stream: bytes, **elements) -> bytes:
    dataset = make_dataset(SMOOTH_U8, 8, PixelData=encapsulate([stream]), **elements)
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset["PixelData"].is_undefined_length = True
    return dump_dataset(dataset)


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
    monkeypatch.setattr(heartviz.dicom, "MAX_INFLATED_BYTES", 10_000)
    dataset = make_dataset(RAMP_12_BIT, 12)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    with pytest.raises(RadiographError, match="unpacks to more than"):
        load_radiograph(dump_dataset(dataset))


def test_nothing_of_the_patient_is_read(caplog: pytest.LogCaptureFixture) -> None:
    payload = write_dicom(RAMP_12_BIT)
    film = load_radiograph(payload)
    assert "Doe" not in repr(film)
    assert "SECRET" not in repr(film)
    assert "PatientName" not in heartviz.dicom._read_dataset(payload)
    with pytest.raises(RadiographError) as caught:
        load_radiograph(payload[:-100])
    assert "Doe" not in str(caught.value)
    assert caplog.text == ""


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
