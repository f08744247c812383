"""Files of every format that claim a size they do not have."""

import struct
from collections.abc import Callable

from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from tests.films import (
    RAMP_12_BIT,
    RAMP_U8,
    SMOOTH_U8,
    claim_jpeg_size,
    dump_dataset,
    make_dataset,
    save_picture,
    write_dicom,
    write_png,
)

SIDE = 60_000


def replace_once(payload: bytes, old: bytes, new: bytes) -> bytes:
    """The payload with the one place of `old` changed; what is changed must be there."""
    assert payload.count(old) >= 1
    return payload.replace(old, new, 1)


def claim_tiff(side: int, **options: str) -> bytes:
    """A TIFF whose tags of width and height, both long, say `side`."""
    height, width = RAMP_U8.shape
    tiff = save_picture(Image.fromarray(RAMP_U8), "TIFF", **options)
    for tag, value in ((256, width), (257, height)):
        for old in (struct.pack("<HHII", tag, 4, 1, value), struct.pack("<HHIHH", tag, 3, 1, value, 0)):
            tiff = tiff.replace(old, struct.pack("<HHII", tag, 4, 1, side))
    return tiff


def claim_bmp(side: int) -> bytes:
    bmp = save_picture(Image.fromarray(RAMP_U8), "BMP")
    return bmp[:18] + struct.pack("<ii", side, side) + bmp[26:]


def claim_gif(side: int, of_frame: bool) -> bytes:
    """A GIF whose screen, or whose one frame alone, says `side`."""
    gif = save_picture(Image.fromarray(RAMP_U8), "GIF")
    height, width = RAMP_U8.shape
    small, large = struct.pack("<HH", width, height), struct.pack("<HH", side, side)
    at = gif.index(b"\x2c\0\0\0\0" + small) + 5 if of_frame else 6
    return gif[:at] + large + gif[at + 4 :]


def claim_webp(kind: str) -> bytes:
    """A WebP that says the most its kind can: 16,384 px a side, or 2**24 in the header of an extended one."""
    image = Image.fromarray(RAMP_U8).convert("RGB")
    if kind == "lossless":
        webp = save_picture(image, "WEBP", lossless=True)
        at = webp.index(b"VP8L") + 9
        bits = struct.unpack_from("<I", webp, at)[0] | 0x0FFFFFFF
        return webp[:at] + struct.pack("<I", bits) + webp[at + 4 :]
    webp = save_picture(image, "WEBP")
    at = webp.index(b"VP8 ") + 14
    lossy = webp[:at] + struct.pack("<HH", 16383, 16383) + webp[at + 4 :]
    if kind == "lossy":
        return lossy
    size = (SIDE - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size + size + webp[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def encapsulated(syntax: UID, stream: bytes, side: int | None = None, **elements: object) -> bytes:
    """A DICOM file with one compressed frame; its header says `side` too where that is given."""
    dataset = make_dataset(SMOOTH_U8, 8, PixelData=encapsulate([stream]), **elements)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset["PixelData"].is_undefined_length = True
    if side is not None:
        dataset.Rows = dataset.Columns = side
    return dump_dataset(dataset)


def jpeg_2000(side: int | None = None, components: int = 1) -> bytes:
    """A codestream; with a side, its SIZ says so, in one tile."""
    dataset = make_dataset(RAMP_12_BIT, 12)
    from pydicom.encaps import get_frame
    from pydicom.uid import JPEG2000Lossless

    dataset.compress(JPEG2000Lossless)
    stream = get_frame(dataset.PixelData, 0, number_of_frames=1)
    if side is not None:
        stream = stream[:8] + struct.pack(">8I", side, side, 0, 0, side, side, 0, 0) + stream[40:]
    if components != 1:
        kinds = stream[42:45] * components
        size = struct.pack(">H", 38 + len(kinds))
        stream = stream[:4] + size + stream[6:40] + struct.pack(">H", components) + kinds + stream[45:]
    return stream


def jpeg_ls(side: int) -> bytes:
    """The head of a JPEG-LS stream, and its end."""
    frame = b"\xff\xf7" + struct.pack(">HBHHB3B", 11, 8, side, side, 1, 1, 0x11, 0)
    scan = b"\xff\xda" + struct.pack(">HB2B3B", 8, 1, 1, 0, 0, 0, 0)
    return b"\xff\xd8" + frame + scan + bytes(100) + b"\xff\xd9"


def uncompressed(syntax: UID) -> bytes:
    stored = RAMP_12_BIT.astype(">u2") if syntax == ExplicitVRBigEndian else RAMP_12_BIT
    dataset = make_dataset(stored, 12, Rows=SIDE, Columns=SIDE)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset["PixelData"].VR = "OW"
    return dump_dataset(dataset)


def rle() -> bytes:
    dataset = make_dataset(RAMP_12_BIT, 12)
    dataset.compress(RLELossless)
    dataset.Rows = dataset.Columns = SIDE
    return dump_dataset(dataset)


def jpeg_with_decoy(mark: bytes) -> bytes:
    """A JPEG of 60,000 x 60,000 px with a comment before it that is the head of a small JPEG 2000 stream."""
    height, width = SMOOTH_U8.shape
    decoy = b"\xff\x4f\xff\x51" + struct.pack(">HH4I", 41, 0, width, height, 0, 0) + mark
    jpeg = claim_jpeg_size(SIDE, SIDE)
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(decoy) + 2) + decoy + jpeg[2:]


def jp2_with_decoy() -> bytes:
    """A JPEG 2000 file whose first box names a small picture, and whose stream is of 60,000 x 60,000 px."""
    height, width = SMOOTH_U8.shape
    decoy = b"\xff\x4f\xff\x51" + struct.pack(">HH4I", 41, 0, width, height, 0, 0)

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", 8 + len(body)) + kind + body

    header = box(b"ihdr", struct.pack(">IIHBBBB", SIDE, SIDE, 1, 11, 7, 0, 0)) + box(b"colr", b"\1\0\0\0\0\0\x11")
    return (
        box(b"jP  ", b"\r\n\x87\n")
        + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
        + box(b"free", decoy)
        + box(b"jp2h", header)
        + box(b"jp2c", jpeg_2000(SIDE))
    )


def png_of_two_headers() -> bytes:
    """A PNG that first says 30,000 x 30,000 px (as much as OpenCV opens), then the size of a small film."""
    small, large = write_png(RAMP_U8), write_png(RAMP_U8, 30_000, 30_000)
    return large[:33] + small[8:33] + small[33:]


CLAIMS: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: write_png(RAMP_U8, SIDE, SIDE),
    "JPEG": lambda: claim_jpeg_size(SIDE, SIDE),
    "TIFF": lambda: claim_tiff(SIDE),
    "TIFF deflated": lambda: claim_tiff(SIDE, compression="tiff_deflate"),
    "BMP": lambda: claim_bmp(SIDE),
    "WebP lossy": lambda: claim_webp("lossy"),
    "WebP lossless": lambda: claim_webp("lossless"),
    "WebP extended": lambda: claim_webp("extended"),
    "GIF screen": lambda: claim_gif(SIDE, of_frame=False),
    "GIF frame": lambda: claim_gif(SIDE, of_frame=True),
    "DICOM explicit": lambda: uncompressed(ExplicitVRLittleEndian),
    "DICOM implicit": lambda: uncompressed(ImplicitVRLittleEndian),
    "DICOM big endian": lambda: uncompressed(ExplicitVRBigEndian),
    "DICOM deflated": lambda: uncompressed(DeflatedExplicitVRLittleEndian),
    "DICOM RLE": rle,
    "DICOM JPEG": lambda: encapsulated(JPEGBaseline8Bit, claim_jpeg_size(SIDE, SIDE), SIDE),
    "DICOM JPEG, in the stream": lambda: encapsulated(JPEGBaseline8Bit, claim_jpeg_size(SIDE, SIDE)),
    "DICOM JPEG, beside a decoy": lambda: encapsulated(JPEGBaseline8Bit, jpeg_with_decoy(b"")),
    "DICOM JPEG-LS": lambda: encapsulated(JPEGLSLossless, jpeg_ls(SIDE), SIDE),
    "DICOM JPEG-LS, in the stream": lambda: encapsulated(JPEGLSLossless, jpeg_ls(SIDE)),
    "DICOM JPEG 2000": lambda: encapsulated(JPEG2000, jpeg_2000(SIDE), SIDE),
    "DICOM JPEG 2000, in the stream": lambda: encapsulated(JPEG2000, jpeg_2000(SIDE)),
    "DICOM JPEG 2000, beside a decoy": lambda: encapsulated(JPEG2000, jp2_with_decoy()),
    "DICOM JPEG 2000, 16,384 components": lambda: encapsulated(JPEG2000, jpeg_2000(5000, 16_384), 5000),
    "PNG of two headers": png_of_two_headers,
    "DICOM 32 bit": lambda: write_dicom(RAMP_12_BIT, BitsAllocated=32, Rows=SIDE, Columns=SIDE),
}
