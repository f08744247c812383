"""DICOM files that unpack to far more than they are, or whose parts are so many or so long that reading never ends."""

import struct
import zlib
from collections.abc import Callable

import numpy as np
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from tests.films import RAMP_12_BIT, RAMP_U8, dump_dataset, make_dataset, write_dicom
from tests.hostile.claims import claim_jpeg_size, encapsulated, jpeg_2000
from tests.hostile.picture_bombs import (
    MOST,
    behind_header,
    deflate_zeros,
    jpeg_of_many_parts,
    jpeg_of_many_scans,
    large_jpeg,
    segment,
)

PIXEL_DATA = b"\xe0\x7f\x10\x00"
NESTED, PRIVATE = b"\x08\x00\x40\x11", b"\x09\x00\x10\x10"
OPEN_ITEM = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
END_ITEM, END_SEQUENCE = b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"

DEEP = 10_000


def rle_dicom(segments: list[bytes], side: int, bits: int = 8) -> bytes:
    offsets = [64 + sum(map(len, segments[:place])) for place in range(len(segments))]
    header = struct.pack(f"<{1 + len(offsets)}I", len(offsets), *offsets)
    frame = header + bytes(64 - len(header)) + b"".join(segments)
    frame += bytes(len(frame) % 2)
    return encapsulated(RLELossless, frame, side, BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1)


def element(tag: bytes, vr: bytes, value: bytes) -> bytes:
    """One element, explicit and little endian."""
    if vr in (b"OB", b"OV", b"OW", b"SQ", b"UN", b"UT"):
        return tag + vr + b"\0\0" + struct.pack("<I", len(value)) + value
    return tag + vr + struct.pack("<H", len(value)) + value


def with_elements(added: bytes, before: bytes = PIXEL_DATA, **elements: object) -> bytes:
    """A whole film with bytes put before an element of it."""
    payload = write_dicom(RAMP_12_BIT, **elements)
    at = payload.index(before, 200)
    return payload[:at] + added + payload[at:]


def item(value: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(value)) + value


def open_sequence(tag: bytes) -> bytes:
    return tag + b"SQ\0\0\xff\xff\xff\xff"


def implicit_with(tag: bytes, value: bytes) -> bytes:
    """A film without VRs, where every element may be as long as it likes, with one of them."""
    dataset = make_dataset(RAMP_12_BIT, 12)
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    payload = dump_dataset(dataset)
    at = payload.index(PIXEL_DATA, 200)
    return payload[:at] + tag + struct.pack("<I", len(value)) + value + payload[at:]


def many(tag: bytes, vr: bytes, count: int) -> bytes:
    """Empty elements, all of one tag."""
    return element(tag, vr, b"") * count


def numbered(groups: range, numbers: range) -> bytes:
    """Empty elements, each of a tag of its own."""
    return b"".join(element(struct.pack("<HH", group, number), b"LO", b"") for group in groups for number in numbers)


def deflated(size: int) -> bytes:
    """A deflated DICOM whose private element before the picture is of so many zero bytes."""
    dataset = make_dataset(RAMP_12_BIT, 12)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    whole = dump_dataset(dataset)
    start = 132 + 12 + struct.unpack_from("<I", whole, 140)[0]
    plain = zlib.decompress(whole[start:], -zlib.MAX_WBITS)
    at = plain.index(PIXEL_DATA + b"OW")
    head = plain[:at] + PIXEL_DATA + b"OW\0\0" + struct.pack("<I", size)
    return whole[:start] + deflate_zeros(size, -zlib.MAX_WBITS, head)


def palette_dicom() -> bytes:
    """A film in palette colour whose segmented tables unpack to thousands of millions of entries."""
    dataset = make_dataset(RAMP_U8, 8, "PALETTE COLOR")
    linear = struct.pack("<3H", 0, 1, 0) + struct.pack("<3H", 1, 65535, 255) * 30_000
    for colour in ("Red", "Green", "Blue"):
        dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        dataset.add_new(f"Segmented{colour}PaletteColorLookupTableData", "OW", linear)
    return dump_dataset(dataset)


def lookup_table(of: bytes) -> bytes:
    return with_elements(element(b"\x28\x00\x10\x30", b"SQ", item(of * (MOST // len(of)))))


def jpeg_2000_of_small_precincts() -> bytes:
    """A codestream of 5,000 x 5,000 px cut into precincts of 2 x 2."""
    stream = jpeg_2000(5000)
    at = stream.index(b"\xff\x52")
    length = struct.unpack_from(">H", stream, at + 2)[0]
    levels = stream[at + 9]
    style = bytes([stream[at + 4] | 1]) + stream[at + 5 : at + 14] + b"\x11" * (levels + 1)
    return stream[:at] + b"\xff\x52" + struct.pack(">H", 2 + len(style)) + style + stream[at + 2 + length :]


def jpeg_2000_of_small_blocks() -> bytes:
    stream = jpeg_2000(5000)
    at = stream.index(b"\xff\x52")
    return stream[: at + 10] + b"\0\0" + stream[at + 12 :]


DICOM_BOMBS: dict[str, Callable[[], bytes]] = {
    "DICOM deflated, 100 MB": lambda: deflated(100_000_000),
    "DICOM deflated, 700 MB": lambda: deflated(700_000_000),
    "DICOM deflated, 4 GB": lambda: deflated(4_000_000_000),
    "DICOM RLE of more than it says": lambda: rle_dicom([b"\x81\7" * 40_000_000], 200),
    "DICOM RLE of runs of one": lambda: rle_dicom([b"\0\7" * 25_000_000] * 2, 5000, 16),
    "DICOM RLE of nothing": lambda: rle_dicom([b"\x80" * MOST], 200),
    "DICOM RLE, 25 million pixels": lambda: rle_dicom([(b"\x7f" + bytes(range(128))) * 195_313] * 2, 5000, 16),
    "DICOM RLE of fragments": lambda: encapsulated(RLELossless, bytes(8)).replace(
        b"\xfe\xff\xdd\xe0", item(b"") * (MOST // 8) + b"\xfe\xff\xdd\xe0"
    ),
    "DICOM JPEG of fragments": lambda: encapsulated(JPEGBaseline8Bit, bytes(8)).replace(
        b"\xfe\xff\xdd\xe0", item(b"") * (MOST // 8) + b"\xfe\xff\xdd\xe0"
    ),
    "DICOM JPEG of scans": lambda: encapsulated(JPEGBaseline8Bit, jpeg_of_many_scans(), 4960),
    "DICOM JPEG of fill bytes": lambda: encapsulated(JPEGBaseline8Bit, jpeg_of_many_parts(b"\xff")),
    "DICOM JPEG of long comments": lambda: encapsulated(
        JPEGBaseline8Bit, jpeg_of_many_parts(segment(0xFE, bytes(65_000)))
    ),
    "DICOM JPEG of restarts": lambda: encapsulated(
        JPEGBaseline8Bit, claim_jpeg_size(140, 131)[:-2] + b"\xff\xd0" * (MOST // 2) + b"\xff\xd9"
    ),
    "DICOM JPEG, 25 million pixels": lambda: encapsulated(
        JPEGBaseline8Bit, large_jpeg(), Rows=4960, Columns=4960
    ),
    "DICOM JPEG in colour, 25 million pixels": lambda: encapsulated(
        JPEGBaseline8Bit, large_jpeg("RGB"), Rows=4960, Columns=4960, SamplesPerPixel=3, PlanarConfiguration=0,
        PhotometricInterpretation="YBR_FULL_422",
    ),
    "DICOM YBR, 25 million pixels": lambda: dump_dataset(
        make_dataset(np.arange(74_805_120, dtype=np.uint8).reshape(4995, 4992, 3), 8, "YBR_FULL")
    ),
    "DICOM JPEG of comments": lambda: encapsulated(JPEGBaseline8Bit, jpeg_of_many_parts(segment(0xFE, b""))),
    "DICOM JPEG 2000 of small precincts": lambda: encapsulated(JPEG2000, jpeg_2000_of_small_precincts(), 5000),
    "DICOM JPEG 2000 of small blocks": lambda: encapsulated(JPEG2000, jpeg_2000_of_small_blocks(), 5000),
    "DICOM of elements": lambda: with_elements(many(PRIVATE, b"LO", MOST // 8)),
    "DICOM of elements, no preamble": lambda: with_elements(many(PRIVATE, b"LO", MOST // 8))[132:],
    "DICOM of different elements": lambda: with_elements(numbered(range(9, 1000, 2), range(0x1000, 0x8000))),
    "DICOM of items, length given": lambda: with_elements(element(NESTED, b"SQ", item(b"") * (MOST // 8))),
    "DICOM of items, no length given": lambda: with_elements(
        open_sequence(NESTED) + item(b"") * (MOST // 8) + END_SEQUENCE
    ),
    "DICOM of elements in an open item": lambda: with_elements(
        open_sequence(NESTED) + OPEN_ITEM + numbered(range(9, 10), range(65_536)) * 300 + END_ITEM + END_SEQUENCE
    ),
    "DICOM lookup table of elements": lambda: lookup_table(numbered(range(9, 12, 2), range(65_536))),
    "DICOM lookup tables": lambda: with_elements(element(b"\x28\x00\x10\x30", b"SQ", item(b"") * (MOST // 8))),
    "DICOM window of many numbers": lambda: implicit_with(b"\x28\x00\x50\x10", b"1\\" * (MOST // 2)),
    "DICOM window of many numbers, unknown VR": lambda: with_elements(
        element(b"\x28\x00\x50\x10", b"UN", b"1\\" * (MOST // 2))
    ),
    "DICOM spacing of many numbers": lambda: implicit_with(b"\x28\x00\x30\x00", b"1\\" * (MOST // 2)),
    "DICOM padding of many numbers": lambda: implicit_with(b"\x28\x00\x20\x01", b"\7\7" * (MOST // 2)),
    "DICOM character sets": lambda: implicit_with(b"\x08\x00\x05\x00", b"a\\" * (MOST // 2)),
    "DICOM rows of many numbers": lambda: implicit_with(b"\x28\x00\x10\x00", b"\1\0" * (MOST // 2)),
    "DICOM syntax of many": lambda: behind_header(
        element(b"\x02\x00\x10\x00", b"UN", b"1\\" * (MOST // 2)), 158, write_dicom(RAMP_12_BIT)
    ),
    "DICOM meta of elements": lambda: behind_header(
        many(b"\x02\x00\x02\x01", b"OB", MOST // 12), 158, write_dicom(RAMP_12_BIT)
    ),
    "DICOM segmented palettes": palette_dicom,
    f"DICOM {DEEP:,} deep, no lengths": lambda: with_elements(
        (open_sequence(NESTED) + OPEN_ITEM) * DEEP + (END_ITEM + END_SEQUENCE) * DEEP
    ),
    f"DICOM {DEEP:,} deep, no ends": lambda: with_elements((open_sequence(NESTED) + OPEN_ITEM) * DEEP),
    "DICOM 10 million deep": lambda: with_elements((open_sequence(NESTED) + OPEN_ITEM) * 9_000_000),
    "DICOM open value without end": lambda: with_elements(b"\x09\x00\x10\x10OB\0\0\xff\xff\xff\xff" + bytes(MOST)),
    "DICOM open pixels without end": lambda: encapsulated(JPEGBaseline8Bit, bytes(MOST)).replace(
        b"\xfe\xff\xdd\xe0\0\0\0\0", b""
    ),
}  # fmt: skip
