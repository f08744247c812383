"""ZIP archives made to do harm."""

import bz2
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable

from tests.films import RAMP_U8, write_png
from tests.hostile.picture_bombs import deflate_zeros

GOOD = "good.png"


def pack(name: str, packed: bytes, method: int, size: int, flags: int = 0, repeat: int = 1) -> bytes:
    """A ZIP of one member, or of many that share its bytes, whose header says what it is told to say; and a film."""
    film, crc = write_png(RAMP_U8), zlib.crc32(bytes(min(size, 1000)))
    sizes = len(packed), size, len(name)
    first = b"PK\3\4" + struct.pack("<5H3I2H", 20, flags, method, 0, 0, crc, *sizes, 0) + name.encode() + packed
    second = b"PK\3\4" + struct.pack("<5H3I2H", 20, 0, 0, 0, 0, zlib.crc32(film), len(film), len(film), len(GOOD), 0)
    second += GOOD.encode() + film

    def entry(name: str, flags: int, method: int, crc: int, packed: int, size: int, at: int) -> bytes:
        head = struct.pack("<6H3I5H2I", 20, 20, flags, method, 0, 0, crc, packed, size, len(name), 0, 0, 0, 0, 0, at)
        return b"PK\1\2" + head + name.encode()

    directory = entry(name, flags, method, crc, len(packed), size, 0) * repeat
    directory += entry(GOOD, 0, 0, zlib.crc32(film), len(film), len(film), len(first))
    count = min(repeat + 1, 65_535)
    end = struct.pack("<4H2IH", 0, 0, count, count, len(directory), len(first) + len(second), 0)
    return first + second + directory + b"PK\5\6" + end


def squeeze(kind: str, size: int) -> bytes:
    """So many zero bytes, packed for a ZIP."""
    block = bytes(10_000_000)
    if kind == "bzip2":
        packer: bz2.BZ2Compressor | lzma.LZMACompressor = bz2.BZ2Compressor()
        head = b""
    else:
        filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 2**20}]
        packer = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=filters)
        properties = lzma._encode_filter_properties(filters[0])  # type: ignore[attr-defined]
        head = struct.pack("<BBH", 9, 4, len(properties)) + properties
    return head + b"".join(packer.compress(block) for _ in range(size // len(block))) + packer.flush()


def nested() -> bytes:
    inside = io.BytesIO()
    with zipfile.ZipFile(inside, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(1000))
    with zipfile.ZipFile(outside := io.BytesIO(), "w") as archive:
        archive.writestr("inside.zip", inside.getvalue())
        archive.writestr(GOOD, write_png(RAMP_U8))
    return outside.getvalue()


ZIPS: dict[str, Callable[[], bytes]] = {
    "deflated, says 1 kB, is 2 GB": lambda: pack("film", deflate_zeros(2_000_000_000, -15), 8, 1000),
    "bzip2, says 1 kB, is 100 MB": lambda: pack("film", squeeze("bzip2", 100_000_000), 12, 1000),
    "LZMA, says 1 kB, is 600 MB": lambda: pack("film", squeeze("LZMA", 600_000_000), 14, 1000),
    "bzip2, says 90 MB, is 100 MB": lambda: pack(
        "film", squeeze("bzip2", 100_000_000) + bytes(600_000), 12, 90_000_000
    ),
    "deflated, says 2 GB": lambda: pack("film", deflate_zeros(2_000_000_000, -15), 8, 2_000_000_000),
    "a million entries": lambda: pack("f", b"film", 0, 4, repeat=1_000_000),
    "100,000 entries of one letter": lambda: pack("f", b"film", 0, 4, repeat=100_000),
    "9,000 members that share 190 MB": lambda: pack(
        "film", deflate_zeros(190_000_000, -15), 8, 190_000_000, repeat=9000
    ),
    "a ZIP in it": nested,
    "a member without a name": lambda: pack("", b"film", 0, 4),
    "encrypted": lambda: pack("film", bytes(100), 0, 88, flags=1),
    "strongly encrypted": lambda: pack("film", bytes(100), 0, 88, flags=0x41),
    "patched": lambda: pack("film", bytes(100), 0, 100, flags=0x20),
    "path to the folder above": lambda: pack("../film", b"film", 0, 4),
    "path in the middle": lambda: pack("a/../../film", b"film", 0, 4),
    "path from the root": lambda: pack("/etc/film", b"film", 0, 4),
    "path of Windows": lambda: pack("..\\film", b"film", 0, 4),
    "path of a drive": lambda: pack("C:\\film", b"film", 0, 4),
    "path of a server": lambda: pack("\\\\server\\film", b"film", 0, 4),
}
