"""One small film in each format and compression that is read, made in code: what the fuzzer starts from."""

import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from tests.films import DX_CLASS, dump_dataset, make_dataset, make_lut, save_picture, write_png
from tests.hostile.claims import encapsulated

# The smallest film there is, of few gray levels, so that a thousand of them are mutated in a second.
HEIGHT, WIDTH = 129, 130
ROWS, COLS = np.mgrid[:HEIGHT, :WIDTH]
STEPS_U8 = (40 * (ROWS // 32) + 20 * (COLS // 40)).astype(np.uint8)
STEPS_U16 = (16 * STEPS_U8).astype(np.uint16)
STEPS = Image.fromarray(STEPS_U8)
COLOURS = Image.merge("RGB", [STEPS, STEPS.transpose(Image.Transpose.FLIP_LEFT_RIGHT), STEPS])


def dicom(**elements: object) -> bytes:
    return dump_dataset(make_dataset(STEPS_U16, 12, **elements))


def dicom_in(syntax: str) -> bytes:
    big = syntax == ExplicitVRBigEndian
    dataset = make_dataset(STEPS_U16.astype(">u2") if big else STEPS_U16, 12)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset["PixelData"].VR = "OW"
    return dump_dataset(dataset)


def compressed(syntax: str) -> bytes:
    dataset = make_dataset(STEPS_U16, 12)
    dataset.compress(syntax)
    return dump_dataset(dataset)


def jpeg_dicom(stream: bytes) -> bytes:
    return encapsulated(JPEGBaseline8Bit, stream, Rows=HEIGHT, Columns=WIDTH)


def everything() -> bytes:
    """A film with all that is ever read of one."""
    return dicom(
        WindowCenter=[2048, 100],
        WindowWidth=[4096, 10],
        RescaleSlope=1,
        RescaleIntercept=-5,
        PixelPaddingValue=4000,
        PixelSpacing=[0.2, 0.2],
        PatientAge="040Y",
        NumberOfFrames=1,
        PresentationLUTShape="INVERSE",
        SpecificCharacterSet="ISO_IR 100",
        ModalityLUTSequence=[make_lut(list(range(3000)), 0, 12)],
        VOILUTSequence=[make_lut(list(range(1000)), 0, 10), make_lut([3, 2, 1], 0, 8)],
    )


def palette() -> bytes:
    dataset = make_dataset(STEPS_U8 // 64, 8, "PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [4, 0, 16])
        dataset.add_new(f"{colour}PaletteColorLookupTableData", "OW", struct.pack("<4H", 0, 9000, 30000, 65535))
    return dump_dataset(dataset)


def colour_dicom(photometric: str) -> bytes:
    return dump_dataset(make_dataset(np.asarray(COLOURS), 8, photometric))


def gdcm_dicom(name: str) -> bytes:
    """A film in a compression that only gdcm writes; the plain film where gdcm is missing."""
    try:
        import gdcm
    except ImportError:
        return dicom()
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = Path(folder) / "plain.dcm", Path(folder) / "packed.dcm"
        plain.write_bytes(dicom())
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(plain))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, name)))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(str(packed))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return packed.read_bytes()


SEEDS: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: write_png(STEPS_U8),
    "PNG 16 bit": lambda: write_png(STEPS_U16),
    "PNG colour": lambda: save_picture(COLOURS, "PNG"),
    "PNG palette": lambda: save_picture(STEPS.convert("P"), "PNG", transparency=3),
    "PNG animated": lambda: save_picture(STEPS, "PNG", save_all=True, append_images=[STEPS.rotate(180)]),
    "JPEG": lambda: save_picture(STEPS, "JPEG", quality=30),
    "JPEG progressive colour": lambda: save_picture(COLOURS, "JPEG", quality=30, progressive=True),
    "JPEG turned": lambda: save_picture(
        STEPS, "JPEG", quality=30, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0"
    ),
    "JPEG of two": lambda: save_picture(STEPS, "MPO", save_all=True, append_images=[STEPS], quality=30),
    "TIFF": lambda: save_picture(STEPS, "TIFF"),
    "TIFF 16 bit": lambda: save_picture(Image.fromarray(STEPS_U16), "TIFF"),
    "TIFF deflated": lambda: save_picture(STEPS, "TIFF", compression="tiff_deflate"),
    "TIFF LZW": lambda: save_picture(COLOURS, "TIFF", compression="tiff_lzw"),
    "TIFF JPEG": lambda: save_picture(STEPS, "TIFF", compression="jpeg"),
    "TIFF fax": lambda: save_picture(STEPS.convert("1"), "TIFF", compression="group4"),
    "TIFF packed bits": lambda: save_picture(STEPS, "TIFF", compression="packbits"),
    "BMP": lambda: save_picture(STEPS, "BMP"),
    "BMP colour": lambda: save_picture(COLOURS, "BMP"),
    "WebP": lambda: save_picture(COLOURS, "WEBP", quality=20),
    "WebP lossless": lambda: save_picture(STEPS.convert("RGBA"), "WEBP", lossless=True),
    "WebP animated": lambda: save_picture(STEPS, "WEBP", save_all=True, append_images=[STEPS.rotate(180)]),
    "GIF": lambda: save_picture(STEPS, "GIF", comment=b"film"),
    "GIF animated": lambda: save_picture(STEPS, "GIF", save_all=True, append_images=[STEPS.rotate(180)]),
    "DICOM": dicom,
    "DICOM with everything": everything,
    "DICOM without preamble": lambda: dicom()[132:],
    "DICOM implicit": lambda: dicom_in(ImplicitVRLittleEndian),
    "DICOM big endian": lambda: dicom_in(ExplicitVRBigEndian),
    "DICOM deflated": lambda: dicom_in(DeflatedExplicitVRLittleEndian),
    "DICOM RLE": lambda: compressed(RLELossless),
    "DICOM JPEG 2000": lambda: compressed(JPEG2000Lossless),
    "DICOM JPEG": lambda: jpeg_dicom(save_picture(STEPS, "JPEG", quality=30)),
    "DICOM JPEG progressive": lambda: jpeg_dicom(save_picture(STEPS, "JPEG", quality=30, progressive=True)),
    "DICOM JPEG-LS": lambda: gdcm_dicom("JPEGLSLossless"),
    "DICOM JPEG lossless": lambda: gdcm_dicom("JPEGLosslessProcess14_1"),
    "DICOM palette": palette,
    "DICOM RGB": lambda: colour_dicom("RGB"),
    "DICOM YBR": lambda: colour_dicom("YBR_FULL"),
    "DICOM of a class": lambda: dicom(SOPClassUID=DX_CLASS, Modality="CR"),
}
