"""Bytes, path or array -> Radiograph: pictures are read here, DICOM in dicom.py; refuses what it can't read."""

import codecs
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from heartviz.codestream import is_endless_work
from heartviz.dicom import read_dicom
from heartviz.dicom_header import is_dicom
from heartviz.errors import RadiographError
from heartviz.gif import has_more_frames
from heartviz.gray import MAX_FILE_BYTES, MAX_PIXELS, check_size, to_gray
from heartviz.png import check_rows
from heartviz.ration import RationedBytes
from heartviz.records import Radiograph
from heartviz.words import READ_HERE

# Of what comes before a picture: a profile, a preview, what the camera wrote.
MOST_READS, MOST_HEADER_BYTES = 10_000, 16_000_000
PIL_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")
FORMAT_NAMES = {"MPO": "JPEG", "WEBP": "WebP"}
# First bytes of files people upload by mistake.
FOREIGN_STARTS = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive (or an Office document)",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x00\x00\x00\x0cjP  ": "a bare JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a bare JPEG 2000 picture",
}
PNG_COLOURS = {0: "gray", 2: "RGB", 3: "palette", 4: "gray and alpha", 6: "RGBA"}
PIL_COLOURS = {"1": "gray", "L": "gray", "LA": "gray and alpha"}
# RLE8 and RLE4, which Pillow unpacks pixel by pixel in Python.
BMP_RUNS = (1, 2)
# EXIF orientation -> (transposed, then rows reversed, then columns reversed); 1 is upright.
EXIF_ORIENTATION_TAG = 0x0112
EXIF_TURNS = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}

# warnings.catch_warnings changes the whole process, so one film is decoded at a time.
_DECODING = threading.Lock()


def load_radiograph(source: bytes | bytearray | str | os.PathLike | NDArray | Radiograph) -> Radiograph:
    """The film in a file's bytes, at a path, or in an array; a Radiograph comes back as it is.

    What a file is, is told by its content, never its name. Arrays are (H, W), or (H, W, 3 or 4) as RGB or RGBA; bool,
    uint8 and uint16 are scaled by their type's maximum, other integers by the values present, floats must lie in 0..1.

    Raises RadiographError, and nothing else, for whatever is not one whole picture of usable size.
    """
    if isinstance(source, Radiograph):
        return source
    if isinstance(source, np.ndarray):
        radiograph = _from_array(source)
    elif isinstance(source, bytes | bytearray):
        radiograph = _from_bytes(bytes(source))
    elif isinstance(source, str | os.PathLike):
        radiograph = _from_bytes(read_file(source))
    else:
        raise RadiographError(
            f"Got {type(source).__name__}; a film is given as a file's bytes, its path, or a numpy array."
        )
    if radiograph.pixels.min() == radiograph.pixels.max():
        raise RadiographError("Every pixel has the same gray value; there is nothing on this film. Upload another one.")
    return radiograph


def read_file(path: str | os.PathLike) -> bytes:
    """A file's bytes. Raises RadiographError for what is no file, can't be opened, is empty or too large.

    The reason never has the file's name, for it goes into tables that promise to be without.
    """
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise RadiographError("It is a folder; give the path of one film in it.")
        if not stat.S_ISREG(status.st_mode):
            raise RadiographError("It is a device or pipe; give the path of a file.")
        _check_file_size(status.st_size)
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError as cause:
        raise RadiographError("There is no file at the path given. Check the path.") from cause
    except (OSError, ValueError) as cause:
        raise RadiographError("The file can't be opened. Check its path and that you may read it.") from cause


def _check_file_size(size_bytes: int) -> None:
    if size_bytes == 0:
        raise RadiographError("The file is empty. Export or download the film again.")
    if size_bytes > MAX_FILE_BYTES:
        raise RadiographError(
            f"The file has {size_bytes / 10**6:.0f} MB; at most {MAX_FILE_BYTES // 10**6} MB are read. "
            "Upload one film, not a series."
        )


def _from_bytes(payload: bytes) -> Radiograph:
    _check_file_size(len(payload))
    with _decoding_quietly():
        # A DICOM preamble may look like a TIFF (PS3.10 7.1), so DICOM is asked first.
        if is_dicom(payload):
            return read_dicom(payload)
        _refuse_foreign(payload)
        return _read_picture(payload)


@contextmanager
def _decoding_quietly() -> Iterator[None]:
    with _DECODING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _refuse_foreign(payload: bytes) -> None:
    """None; raises RadiographError naming what the bytes are, where they are a known other thing."""
    kind = next((name for start, name in FOREIGN_STARTS.items() if payload.startswith(start)), None)
    if payload[4:8] == b"ftyp":
        kind = "a HEIC or AVIF picture or a film clip"
    opening = payload[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if kind is None and opening.startswith((b"<!doctype html", b"<html")):
        kind = "a web page (HTML), perhaps a download page saved in the film's place"
    elif kind is None and _is_text(payload[:1024]):
        kind = "a text file"
    if kind is not None:
        raise RadiographError(f"The file is {kind}, not a film. Upload the film itself as {READ_HERE}.")


def _is_text(opening: bytes) -> bool:
    try:
        # Incremental, because the opening may end inside a character.
        letters = codecs.getincrementaldecoder("utf-8")().decode(opening)
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\t\r\n\f" for letter in letters)


def _read_picture(payload: bytes) -> Radiograph:
    try:
        stream = RationedBytes(payload, MOST_READS, MOST_HEADER_BYTES)
        # WebP is read whole when it is opened, by its own library.
        stream.unmeasured = payload[8:12] == b"WEBP"
        with Image.open(stream, formats=PIL_FORMATS) as image:
            stream.lift()
            return _read_open_picture(image, payload)
    except RadiographError:
        raise
    except UnidentifiedImageError as cause:
        raise RadiographError(
            f"The file is not a picture that can be read here, or its start is damaged. Upload {READ_HERE}."
        ) from cause
    except Image.DecompressionBombError as cause:
        raise RadiographError(
            f"Image claims more than {MAX_PIXELS:,} pixels, the most that is read. Upload one film at its usual size."
        ) from cause
    except Exception as cause:  # Pillow and OpenCV raise nearly anything on damaged files
        raise RadiographError("The picture is damaged or cut short. Export or download it again.") from cause


def _read_open_picture(image: Image.Image, payload: bytes) -> Radiograph:
    width, height = image.size
    check_size(height, width)
    name = FORMAT_NAMES.get(image.format, image.format)
    messages: tuple[str, ...] = ()
    if image.format == "MPO":
        messages = (f"The JPEG holds {image.n_frames} pictures, as phones write them; the first was read.",)
    elif _has_pages(image, payload):
        raise RadiographError(f"The {name} holds several pages or frames; one film is needed. Save it as one picture.")
    _refuse_endless_work(image, payload)
    if image.format == "PNG":
        samples, bits, colour = _decode_png(payload)
        inverted = False
    else:
        samples, bits, colour, inverted = _decode_with_pillow(image)
    pixels, gray_messages = to_gray(samples, 2**bits - 1)
    messages += gray_messages
    if inverted:
        pixels = 1 - pixels
    turn = EXIF_TURNS.get(_exif_orientation(image))
    if turn is not None:
        pixels = _turn(pixels, *turn)
        messages += ("The picture was turned as its EXIF orientation says.",)
    height, width = pixels.shape
    return Radiograph(
        pixels=np.ascontiguousarray(pixels),
        description=f"{name}, {width} x {height} px, {bits} bit {colour}",
        messages=messages,
    )


def _has_pages(image: Image.Image, payload: bytes) -> bool:
    """Whether there is a second one; never counted, for a file may hold millions."""
    if image.format == "GIF":
        return has_more_frames(payload, image.tile[0].offset)
    return bool(getattr(image, "is_animated", False))


def _refuse_endless_work(image: Image.Image, payload: bytes) -> None:
    """None; raises RadiographError for a small file that would be decoded for minutes."""
    if image.format == "PNG":
        check_rows(payload)
    elif image.format in ("JPEG", "MPO") and is_endless_work(payload):
        raise RadiographError("The JPEG is cut into more parts than any film. Save it again, if possible as PNG.")
    elif image.format == "BMP" and image.info.get("compression") in BMP_RUNS:
        raise RadiographError("The BMP is packed by runs (RLE), which is not read. Save the film as PNG.")


def _decode_png(payload: bytes) -> tuple[NDArray, int, str]:
    """Samples with RGB order, their bits, words for their colours.

    OpenCV, because Pillow cuts 16 bit colour to 8 and accepts a file whose rows run out.
    """
    samples = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None:
        raise RadiographError("The PNG is damaged or cut short. Export or download it again.")
    if samples.ndim == 3:
        samples = samples[..., [2, 1, 0, 3][: samples.shape[2]]]
    # IHDR: bit depth, then colour type. OpenCV widens 1, 2 and 4 bit samples to 8.
    return samples, 8 * samples.dtype.itemsize, PNG_COLOURS.get(payload[25], "colour")


def _decode_with_pillow(image: Image.Image) -> tuple[NDArray, int, str, bool]:
    """Samples with RGB order, their bits, words for their colours, and whether white is 0."""
    tags = getattr(image, "tag_v2", {})
    tiff_bits, white_is_zero = tags.get(258, (8,))[0], tags.get(262) == 0
    colour = PIL_COLOURS.get(image.mode, image.mode)
    image.load()
    if image.mode.startswith("I;16"):
        # Pillow turns white-is-zero about for 8 bit, not for 16.
        return np.asarray(image).astype(np.uint16), tiff_bits, "gray", white_is_zero
    if tiff_bits > 8 or image.mode in ("I", "F"):
        raise RadiographError(
            f"The {image.format} holds {tiff_bits} bit {image.mode} samples, which are not read. "
            "Save the film as 16 bit gray PNG."
        )
    if image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in ("L", "LA", "RGB", "RGBA"):
        image = image.convert("RGB")
    return np.asarray(image), 8, "palette" if colour == "P" else colour, False


def _exif_orientation(image: Image.Image) -> int:
    """The EXIF orientation still to be applied, 1 where there is none; Pillow applies a TIFF's by itself."""
    if image.format == "TIFF" or not image.info.get("exif"):
        return 1
    exif = Image.Exif()
    try:
        exif.load(image.info["exif"])
        return exif.get(EXIF_ORIENTATION_TAG, 1)
    except Exception:
        return 1


def _turn(pixels: NDArray[np.float32], transposed: bool, rows_reversed: bool, cols_reversed: bool) -> NDArray:
    turned = pixels.T if transposed else pixels
    return turned[:: -1 if rows_reversed else 1, :: -1 if cols_reversed else 1]


def _from_array(samples: NDArray) -> Radiograph:
    if samples.ndim not in (2, 3) or (samples.ndim == 3 and samples.shape[2] not in (3, 4)):
        raise RadiographError(f"Array has shape {samples.shape}; needed is (H, W), or (H, W, 3 or 4) as RGB or RGBA.")
    if samples.dtype.kind not in "buif":
        raise RadiographError(f"Array is of type {samples.dtype}; needed are whole numbers or floats in 0..1.")
    height, width = samples.shape[:2]
    check_size(height, width, 1 if samples.ndim == 2 else samples.shape[2])
    messages: tuple[str, ...] = ()
    full_scale = 1.0
    if samples.dtype.kind == "f":
        if not np.isfinite(samples).all():
            raise RadiographError("Array holds NaN or infinite values; all must be finite and in 0..1.")
        low, high = float(samples.min()), float(samples.max())
        if low < 0 or high > 1:
            raise RadiographError(f"Float array runs from {low:g} to {high:g}; scale it to 0..1, air 0 and bone 1.")
    elif samples.dtype.kind == "u" and samples.dtype.itemsize <= 2:
        full_scale = float(np.iinfo(samples.dtype).max)
    elif samples.dtype.kind in "ui":
        low, high = int(samples.min()), int(samples.max())
        samples = (samples.astype(np.float64) - low) / max(high - low, 1)
        messages = (f"Whole numbers from {low} to {high} were scaled to 0..1.",)
    pixels, gray_messages = to_gray(samples, full_scale)
    return Radiograph(
        pixels=np.ascontiguousarray(pixels),
        description=f"array, {width} x {height} px",
        messages=messages + gray_messages,
    )
