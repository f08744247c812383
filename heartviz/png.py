"""Whether a PNG's rows unpack to no more than its header says, from no more chunks than a film has.

The decoder would unpack gigabytes beside them, and read millions of chunks for as long as they last.
"""

import struct
import zlib

from heartviz.errors import RadiographError

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
BLOCK_BYTES = 1_000_000
HEADER_AT, FIRST_CHUNK = 8, 8
# Of the largest file in pieces of 2 kB; writers take 8 kB or more.
MOST_CHUNKS = 100_000


def read_header(payload: bytes) -> tuple[int, int, int, int]:
    """Width and height in px, bit depth and colour type; raises RadiographError for a PNG without a header.

    Source: PNG third edition, 11.2.1.
    """
    if payload[HEADER_AT + 4 : HEADER_AT + 8] != b"IHDR" or len(payload) < HEADER_AT + 25:
        raise RadiographError("The PNG does not begin with its header. Export or download it again.")
    return struct.unpack_from(">IIBB", payload, HEADER_AT + 8)


def check_rows(payload: bytes) -> None:
    """None; raises RadiographError for a PNG whose rows unpack to more than twice the picture, or without a header.

    So for one whose rows lie in more than MOST_CHUNKS chunks, however empty they are.

    Twice, for an interlaced picture has more rows. Source: PNG third edition, 5.3, 8 and 10.
    """
    width, height, depth, colour = read_header(payload)
    most = 2 * height * (2 + width * CHANNELS.get(colour, 4) * depth // 8)
    unpacker, position, chunks = zlib.decompressobj(), FIRST_CHUNK, 0
    try:
        while position + 8 <= len(payload) and not unpacker.eof:
            length, kind = struct.unpack_from(">I4s", payload, position)
            rows = payload[position + 8 : position + 8 + length] if kind == b"IDAT" else b""
            while rows and not unpacker.eof:
                most -= len(unpacker.decompress(rows, BLOCK_BYTES))
                if most < 0:
                    raise RadiographError("The PNG unpacks to more than its header says. Export or download it again.")
                rows = unpacker.unconsumed_tail
            position += 12 + length
            chunks += 1
            if chunks > MOST_CHUNKS:
                raise RadiographError("The PNG is cut into more chunks than any film. Save it again.")
    except zlib.error as cause:
        raise RadiographError("The PNG is damaged or cut short. Export or download it again.") from cause
