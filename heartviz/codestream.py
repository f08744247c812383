"""Size written inside a JPEG, JPEG-LS or JPEG 2000 stream, read without decoding it."""

import struct

END_MARKER = b"\xff\xd9"
# DICOM pads a frame to an even length, some writers to more.
PADDING_BYTES = 64
JPEG_2000_START = b"\xff\x4f\xff\x51"
JPEG_LS_FRAME_MARKER = 0xF7
# Start-of-frame markers C0..CF, without DHT, JPG and DAC.
JPEG_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def is_cut_short(stream: bytes) -> bool:
    """True where the marker that ends all three kinds of stream is missing."""
    return END_MARKER not in stream[-PADDING_BYTES:]


def measure_codestream(stream: bytes) -> tuple[int, int] | None:
    """(height, width) as the stream says, None where it doesn't.

    Source: ISO/IEC 15444-1 A.5.1 (SIZ), ISO/IEC 10918-1 B.2.2 (SOF), ISO/IEC 14495-1 C.2.2.
    """
    start = stream[:1024].find(JPEG_2000_START)
    if start >= 0:
        if len(stream) < start + 24:
            return None
        right, bottom, left, top = struct.unpack_from(">4I", stream, start + 8)
        return bottom - top, right - left
    position = 2
    while position + 9 <= len(stream) and stream[position] == 0xFF:
        marker = stream[position + 1]
        if marker == JPEG_LS_FRAME_MARKER or marker in JPEG_FRAME_MARKERS:
            return struct.unpack_from(">HH", stream, position + 5)
        is_fill = marker == 0xFF
        position += 1 if is_fill else 2 + struct.unpack_from(">H", stream, position + 2)[0]
    return None
