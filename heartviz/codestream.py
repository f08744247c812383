"""What a JPEG, JPEG-LS, JPEG 2000 or RLE stream says of itself, read without decoding it."""

import re
import struct
from collections.abc import Iterator
from itertools import pairwise

END_MARKER = b"\xff\xd9"
# DICOM pads a frame to an even length, some writers to more.
PADDING_BYTES = 64
JPEG_START = b"\xff\xd8"
JPEG_2000_START = b"\xff\x4f\xff\x51"
JPEG_2000_FILE_START = b"\0\0\0\x0cjP  "
JPEG_LS_FRAME_MARKER = 0xF7
# Start-of-frame markers C0..CF, without DHT, JPG and DAC.
JPEG_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
HIERARCHY_MARKER, SCAN_MARKER = 0xDE, 0xDA
# What is neither a stuffed 00, a restart nor a fill byte: the start of a segment, also behind a scan.
JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
# A progressive film has some ten scans; each goes over the whole picture, though it may be of a few bytes.
MOST_SCANS = 100
MOST_SEGMENTS = 10_000
MOST_COMPONENTS = 4
# Allowed before each marker, and never used.
LONG_FILL = b"\xff" * 1000
# A decoder keeps some 300 bytes for each; usual films have one a resolution.
MOST_PRECINCTS = 500_000
# 128 bytes a run, and many shorter ones: at most 4 s.
MOST_RUNS = 15_000_000


def is_cut_short(stream: bytes) -> bool:
    """True where the marker that ends all three kinds of stream is missing."""
    return END_MARKER not in stream[-PADDING_BYTES:]


def measure_codestream(stream: bytes) -> tuple[int, int] | None:
    """(height, width) as the stream says, None where it doesn't or is of more components than any film.

    Only its own start tells what a stream is: a comment may hold another one.

    Source: ISO/IEC 15444-1 A.5.1 (SIZ) and I.4 (boxes), ISO/IEC 10918-1 B.2.2 (SOF), ISO/IEC 14495-1 C.2.2.
    """
    stream = _unbox(stream)
    if stream.startswith(JPEG_2000_START) and len(stream) >= 24:
        right, bottom, left, top = struct.unpack_from(">4I", stream, 8)
        components = int.from_bytes(stream[40:42])
        return (bottom - top, right - left) if components <= MOST_COMPONENTS else None
    for marker, position in _jpeg_segments(stream):
        if marker == HIERARCHY_MARKER:
            return None
        if marker == JPEG_LS_FRAME_MARKER or marker in JPEG_FRAME_MARKERS:
            if len(stream) < position + 8 or stream[position + 7] > MOST_COMPONENTS:
                return None
            return struct.unpack_from(">HH", stream, position + 3)
    return None


def is_endless_work(stream: bytes) -> bool:
    """True where so many scans, segments or precincts are in the stream that decoding it would never end."""
    stream = _unbox(stream)
    if stream.startswith(JPEG_2000_START):
        return _count_precincts(stream) > MOST_PRECINCTS
    scans = segments = 0
    for marker, _ in _jpeg_segments(stream):
        segments += 1
        scans += marker == SCAN_MARKER
    return scans > MOST_SCANS or segments > MOST_SEGMENTS


def measure_rle(frame: bytes) -> tuple[int, int]:
    """The bytes that the longest segment of an RLE frame unpacks to, and the runs in all; both stop at MOST_RUNS runs.

    Source: DICOM PS3.5 G.3 and G.5.
    """
    count = min(struct.unpack_from("<I", frame)[0], 15)
    offsets = [*struct.unpack_from(f"<{count}I", frame, 4), len(frame)]
    longest = runs = 0
    for start, stop in pairwise(offsets):
        length, position, stop = 0, start, min(stop, len(frame))
        while position < stop and runs <= MOST_RUNS:
            head = frame[position]
            runs += 1
            if head < 128:
                length += head + 1
                position += head + 2
            elif head > 128:
                length += 257 - head
                position += 2
            else:
                position += 1
        longest = max(longest, length)
    return longest, runs


def _unbox(stream: bytes) -> bytes:
    """The codestream in a JPEG 2000 file, which DICOM does not want but some writers put; others as they are."""
    if not stream.startswith(JPEG_2000_FILE_START):
        return stream
    position = 0
    for _ in range(100):
        if len(stream) < position + 8:
            break
        length, kind = struct.unpack_from(">I4s", stream, position)
        if kind == b"jp2c":
            return stream[position + (16 if length == 1 else 8) :]
        if length < 8:
            break
        position += length
    return b""


def _jpeg_segments(stream: bytes) -> Iterator[tuple[int, int]]:
    """Marker of each segment up to the end, and the place of its length; ends one after the most that are counted."""
    position = 2 if stream.startswith(JPEG_START) else len(stream)
    for _ in range(MOST_SEGMENTS + 1):
        found = JPEG_MARKER.search(stream, position)
        if found is None or len(stream) < found.end() + 2 or found.group() == END_MARKER:
            return
        marker = stream[found.start() + 1]
        yield marker, found.end()
        has_length = marker not in (0x01, 0xD8)
        position = found.end() + (struct.unpack_from(">H", stream, found.end())[0] if has_length else 0)


def _count_precincts(stream: bytes) -> int:
    """Precincts of all resolutions as the coding styles in the stream say, the most of any of them.

    Source: ISO/IEC 15444-1 A.6.1 and A.6.2 (COD, COC), B.6.
    """
    right, bottom, left, top = struct.unpack_from(">4I", stream, 8)
    tile_width, tile_height = struct.unpack_from(">II", stream, 24)
    tiles = -(-right // max(tile_width, 1)) * -(-bottom // max(tile_height, 1))
    wide = struct.unpack_from(">H", stream, 40)[0] > 256
    most, position, next_part = 0, 2, len(stream)
    for _ in range(MOST_SEGMENTS):
        if len(stream) < position + 4:
            break
        marker, length = struct.unpack_from(">HH", stream, position)
        body = stream[position + 4 : position + 2 + length]
        if marker == 0xFF93:  # start of data: on to the next tile-part
            position = next_part
            continue
        if marker == 0xFF90:
            part_bytes = struct.unpack_from(">I", stream, position + 6)[0] if len(body) >= 8 else 0
            next_part = position + part_bytes if part_bytes else len(stream)
        elif marker == 0xFF52 and len(body) > 5:
            most = max(most, _precincts_of(body[0], body[5:], bottom - top, right - left, tiles))
        elif marker == 0xFF53 and len(body) > 3:
            most = max(most, _precincts_of(body[1 + wide], body[2 + wide :], bottom - top, right - left, tiles))
        position += 2 + length
    return most


def _precincts_of(style: int, parameters: bytes, height: int, width: int, tiles: int) -> int:
    levels = min(parameters[0], 32)
    sizes = parameters[5 : 6 + levels] if style & 1 else bytes([0xFF]) * (levels + 1)
    found = 0
    for resolution, exponents in enumerate(sizes):
        shrunk = levels - resolution
        across = -(-width // 2 ** (shrunk + (exponents & 15)))
        down = -(-height // 2 ** (shrunk + (exponents >> 4)))
        found += max(across, 1) * max(down, 1) + tiles
    return found
