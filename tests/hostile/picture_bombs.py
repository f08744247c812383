"""Pictures that unpack to far more than they are, or whose parts are so many or so long that reading never ends."""

import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.films import RAMP_U8, SMOOTH_U8, save_picture, write_png
from tests.hostile.claims import claim_jpeg_size

MOST = 190_000_000


def chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk of a PNG, its checksum right."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def deflate_zeros(count: int, wbits: int = zlib.MAX_WBITS, head: bytes = b"") -> bytes:
    """`head` and so many zero bytes, deflated without ever holding them."""
    packer, block = zlib.compressobj(9, zlib.DEFLATED, wbits), bytes(10_000_000)
    parts = [packer.compress(head)] + [packer.compress(block) for _ in range(count // len(block))]
    return b"".join(parts) + packer.compress(bytes(count % len(block))) + packer.flush()


def png(height: int, width: int, depth: int, colour: int, rows: bytes, before: bytes = b"") -> bytes:
    """A PNG of one IDAT."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def png_of_5000(depth: int, colour: int, samples: int) -> bytes:
    """The largest film, of one white sample and black ones, in some 200 kB."""
    return png(5000, 5000, depth, colour, deflate_zeros(5000 * (1 + 5000 * samples * depth // 8) - 2, head=b"\0\xff"))


def large_jpeg(mode: str = "L", **options: bool) -> bytes:
    """4,960 x 4,960 px."""
    ramp = np.tile(SMOOTH_U8, (36, 38))[:4960, :4960]
    return save_picture(Image.fromarray(ramp).convert(mode), "JPEG", **options)


def jpeg_of_many_scans(scans: int = 50_000, side: int = 4960) -> bytes:
    """A progressive JPEG of 24 million pixels whose every scan says "nothing here" in a few bytes."""
    frame = b"\xff\xc2" + struct.pack(">HBHHB3B", 11, 8, side, side, 1, 1, 0x11, 0)
    tables = b"\xff\xdb\x00\x43\x00" + b"\x01" * 64
    # Two codes of one table: 0 for "no change of DC", and of AC a run of 2**14 blocks and its 14 more bits.
    dc = b"\xff\xc4" + struct.pack(">HB", 3 + 17, 0x00) + bytes([1] + [0] * 15) + b"\0"
    ac = b"\xff\xc4" + struct.pack(">HB", 3 + 17, 0x10) + bytes([1] + [0] * 15) + b"\xe0"
    blocks = (side // 8) ** 2
    bits = "0" * blocks
    bits += "1" * (-len(bits) % 8)
    first = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")
    left, bits = blocks, ""
    while left > 0:
        run = min(left, 2**15 - 1) if left >= 2**14 else 2**14
        bits += "0" + format(run - 2**14, "014b")
        left -= run
    bits += "1" * (-len(bits) % 8)
    empty = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")

    def scan(first_place: int, last: int, high_low: int, coded: bytes) -> bytes:
        return b"\xff\xda" + struct.pack(">HB2B3B", 8, 1, 1, 0x00, first_place, last, high_low) + coded

    return b"\xff\xd8" + tables + frame + dc + ac + scan(0, 0, 0, first) + scan(1, 63, 0, empty) * scans + b"\xff\xd9"


def jpeg_of_many_parts(part: bytes, most: int = MOST) -> bytes:
    jpeg = save_picture(Image.fromarray(SMOOTH_U8), "JPEG")
    return jpeg[:2] + part * (most // len(part)) + jpeg[2:]


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(body)) + body


def tiff_of_many_tags(tags: int, size: int) -> bytes:
    """A TIFF with tags that all say: mine are all the bytes of this file."""
    tiff = save_picture(Image.fromarray(RAMP_U8), "TIFF")
    at = struct.unpack_from("<I", tiff, 4)[0]
    count = struct.unpack_from("<H", tiff, at)[0]
    entries = tiff[at + 2 : at + 2 + 12 * count]
    more = b"".join(struct.pack("<HHII", 50_000 + tag, 1, size - 1000, 8) for tag in range(tags))
    directory = struct.pack("<H", count + tags) + entries + more + bytes(4)
    body = tiff[8:] + bytes(max(0, size - len(tiff) - len(directory)))
    return tiff[:4] + struct.pack("<I", 8 + len(body)) + body + directory


def tiff_of_many_pages(most: int = MOST) -> bytes:
    """A TIFF with as many empty directories as fit."""
    tiff = save_picture(Image.fromarray(RAMP_U8), "TIFF")
    at = struct.unpack_from("<I", tiff, 4)[0]
    count = struct.unpack_from("<H", tiff, at)[0]
    link = at + 2 + 12 * count
    start = len(tiff) + len(tiff) % 2
    pages = np.zeros((most - start) // 6, dtype=np.dtype([("count", "<u2"), ("next", "<u4")]))
    pages["next"] = start + 6 * np.arange(1, len(pages) + 1)
    pages["next"][-1] = 0
    return tiff[:link] + struct.pack("<I", start) + tiff[link + 4 :] + bytes(len(tiff) % 2) + pages.tobytes()


def tiff_of_shared_strips(size: int = 100_000_000) -> bytes:
    """A deflated TIFF of 5,000 rows, each of which says: mine are all the bytes of this file."""
    side = 5000
    row = zlib.compress(bytes(side))
    body = row + bytes(size - len(row))
    offsets, counts = 8 + len(body), 8 + len(body) + 4 * side
    entries = [
        (256, 3, 1, side), (257, 3, 1, side), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (273, 4, side, offsets),
        (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, side, counts),
    ]  # fmt: skip
    lists = struct.pack("<I", 8) * side + struct.pack("<I", size) * side
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *each) for each in entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(body) + len(lists)) + body + lists + directory


def gif_of_a_long_comment(most: int = MOST) -> bytes:
    gif = save_picture(Image.fromarray(RAMP_U8), "GIF")
    at = gif.index(b"\x2c\0\0\0\0")
    return gif[:at] + b"\x21\xfe" + (b"\xff" + b"a" * 255) * (most // 256) + b"\0" + gif[at:]


def gif_of_many_frames(most: int = MOST) -> bytes:
    gif = save_picture(Image.fromarray(RAMP_U8), "GIF")
    frame = b"\x2c" + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return gif[:-1] + frame * (most // len(frame)) + b"\x3b"


def bmp_rle(body: bytes, side: int = 4992) -> bytes:
    """A BMP packed by runs."""
    palette = b"".join(bytes([gray, gray, gray, 0]) for gray in range(256))
    start = 14 + 40 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + palette + body


def behind_header(added: bytes, at: int, payload: bytes) -> bytes:
    """The payload with bytes put at a place, counted from its end where that is negative."""
    return payload[:at] + added + payload[at:]


PICTURE_BOMBS: dict[str, Callable[[], bytes]] = {
    "PNG 16 bit RGBA, 5000 x 5000": lambda: png_of_5000(16, 6, 4),
    "PNG of 1 GB more than it says": lambda: png(140, 131, 8, 0, deflate_zeros(1_000_000_000)),
    "PNG of 60,000 x 60,000 and its rows": lambda: png(60_000, 60_000, 8, 0, deflate_zeros(3_600_060_000)),
    "PNG with a text bomb": lambda: png(
        140, 131, 8, 0, zlib.compress(bytes(140 * 132)), chunk(b"zTXt", b"a\0\0" + deflate_zeros(300_000_000))
    ),
    "PNG with a profile bomb": lambda: png(
        140, 131, 8, 0, zlib.compress(bytes(140 * 132)), chunk(b"iCCP", b"a\0\0" + deflate_zeros(300_000_000))
    ),
    "PNG of chunks": lambda: behind_header(chunk(b"abCd", b"") * (MOST // 12), 33, write_png(RAMP_U8)),
    "PNG of texts": lambda: behind_header(chunk(b"tEXt", b"a\0b") * (MOST // 15), 33, write_png(RAMP_U8)),
    "PNG of empty rows": lambda: behind_header(chunk(b"IDAT", b"") * (MOST // 12), 33, write_png(RAMP_U8)),
    "PNG of chunks after the picture": lambda: behind_header(
        chunk(b"abCd", b"") * (MOST // 12), -12, write_png(RAMP_U8)
    ),
    "JPEG, 25 million pixels": large_jpeg,
    "JPEG progressive, 25 million pixels": lambda: large_jpeg(progressive=True),
    "JPEG of scans": jpeg_of_many_scans,
    "JPEG of comments": lambda: jpeg_of_many_parts(segment(0xFE, b"")),
    "JPEG of EXIF": lambda: jpeg_of_many_parts(segment(0xE1, b"Exif\0\0abcd")),
    "JPEG of long EXIF": lambda: jpeg_of_many_parts(segment(0xE1, b"Exif\0\0" + bytes(65_000))),
    "JPEG of fill bytes": lambda: jpeg_of_many_parts(b"\xff"),
    "TIFF of tags": lambda: tiff_of_many_tags(100, 100_000_000),
    "TIFF of pages": tiff_of_many_pages,
    "TIFF of shared strips": tiff_of_shared_strips,
    "TIFF deflated bomb": lambda: save_picture(Image.new("L", (5000, 5000)), "TIFF", compression="tiff_deflate"),
    "GIF of comments": gif_of_a_long_comment,
    "GIF of frames": gif_of_many_frames,
    "GIF of 25 million pixels": lambda: save_picture(Image.fromarray(np.tile(RAMP_U8, (35, 38))[:, :4950]), "GIF"),
    "BMP of runs of one": lambda: bmp_rle(b"\1\7" * 4992 * 4992),
    "BMP of ends of lines": lambda: bmp_rle(bytes(MOST)),
    "JPEG of restarts": lambda: claim_jpeg_size(140, 131)[:-2] + b"\xff\xd0" * (MOST // 2) + b"\xff\xd9",
}  # fmt: skip
