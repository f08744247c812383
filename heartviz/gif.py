"""Whether a GIF holds more than one picture, asked without reading what lies between them into memory."""

# 255 bytes a block, of 25 million pixels, and many shorter ones.
MOST_BLOCKS = 1_000_000
IMAGE, EXTENSION = 0x2C, 0x21


def has_more_frames(payload: bytes, position: int) -> bool:
    """True where another picture follows the one whose blocks begin at `position`, or more blocks than any film has.

    Source: GIF89a specification, 15 and 20 to 27.
    """
    kind = IMAGE
    for _ in range(MOST_BLOCKS):
        length = payload[position] if position < len(payload) else 0
        position += 1 + length
        if length == 0:
            kind = payload[position] if position < len(payload) else 0
            if kind != EXTENSION:
                return kind == IMAGE
            position += 2
    return True
