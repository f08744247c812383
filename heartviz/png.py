"""Whether a PNG's rows unpack to no more than its header says: the decoder would unpack gigabytes beside them."""

import struct
import zlib

from heartviz.errors import RadiographError

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
BLOCK_BYTES = 1_000_000
HEADER_AT, FIRST_CHUNK = 8, 8


def check_rows(payload: bytes) -> None:
    """None; raises RadiographError for a PNG whose rows unpack to more than twice the picture, or with no header.

    Twice, for an interlaced picture has more rows. Source: PNG third edition, 5.3, 8 and 10.
    """
    if payload[HEADER_AT + 4 : HEADER_AT + 8] != b"IHDR" or len(payload) < HEADER_AT + 25:
        raise RadiographError("The PNG does not begin with its header. Export or download it again.")
    width, height, depth, colour = struct.unpack_from(">IIBB", payload, HEADER_AT + 8)
    most = 2 * height * (2 + width * CHANNELS.get(colour, 4) * depth // 8)
    unpacker, position = zlib.decompressobj(), FIRST_CHUNK
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
    except zlib.error as cause:
        raise RadiographError("The PNG is damaged or cut short. Export or download it again.") from cause
