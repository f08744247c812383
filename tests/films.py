"""Films in every format, written from known gray values."""

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGBaseline8Bit

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


def claim_jpeg_size(height: int, width: int) -> bytes:
    payload = save_picture(Image.fromarray(SMOOTH_U8), "JPEG")
    start = payload.index(b"\xff\xc0") + 5
    return payload[:start] + struct.pack(">HH", height, width) + payload[start + 4 :]


def write_jpeg_dicom(stream: bytes, **elements) -> bytes:
    dataset = make_dataset(SMOOTH_U8, 8, PixelData=encapsulate([stream]), **elements)
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset["PixelData"].is_undefined_length = True
    return dump_dataset(dataset)
