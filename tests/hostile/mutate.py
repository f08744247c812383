"""Damage that gets past the first check: PNG chunks with right checksums, DICOM elements moved and lied about."""

import random
import struct
import zlib

from tests.hostile.dicom_bombs import END_ITEM, END_SEQUENCE, OPEN_ITEM, item, open_sequence
from tests.hostile.picture_bombs import chunk

PNG_START = b"\x89PNG\r\n\x1a\n"
DICOM_START = 132
# Numbers that programs trip over, in two and in four bytes.
EDGES = [0, 1, 2, 7, 127, 128, 255, 256, 4096, 5000, 32767, 32768, 60_000, 65534, 65535]
LONG_EDGES = [*EDGES, 2**16, 25_000_000, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1]
PNG_KINDS = [b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"gAMA", b"iCCP", b"zTXt", b"eXIf", b"acTL", b"fcTL", b"fdAT"]
# Tags that the loader reads, and those that shape a file.
TAGS = [
    (0x0002, 0x0010), (0x0008, 0x0005), (0x0008, 0x0016), (0x0008, 0x0060), (0x0010, 0x1010), (0x0028, 0x0002),
    (0x0028, 0x0004), (0x0028, 0x0006), (0x0028, 0x0008), (0x0028, 0x0010), (0x0028, 0x0011), (0x0028, 0x0030),
    (0x0028, 0x0100), (0x0028, 0x0101), (0x0028, 0x0102), (0x0028, 0x0103), (0x0028, 0x0120), (0x0028, 0x0121),
    (0x0028, 0x1050), (0x0028, 0x1051), (0x0028, 0x1052), (0x0028, 0x1053), (0x0028, 0x1056), (0x0028, 0x1101),
    (0x0028, 0x1201), (0x0028, 0x3000), (0x0028, 0x3002), (0x0028, 0x3006), (0x0028, 0x3010), (0x2050, 0x0020),
    (0x7FE0, 0x0010), (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD),
]  # fmt: skip
VRS = [b"AS", b"CS", b"DS", b"IS", b"LO", b"OB", b"OW", b"SQ", b"UI", b"UN", b"US", b"SS", b"UL", b"UT", b"FD", b"OV"]
LONG_VRS = {b"OB", b"OW", b"OV", b"SQ", b"UN", b"UT", b"OD", b"OF", b"OL", b"UC", b"UR", b"SV", b"UV"}


def mutate(payload: bytes, rng: random.Random) -> bytes:
    """The payload damaged in one to four places; by its structure where it has one."""
    for _ in range(rng.randint(1, 4)):
        if payload.startswith(PNG_START) and rng.random() < 0.8:
            payload = _mutate_png(payload, rng)
        elif payload[128:DICOM_START] == b"DICM" and rng.random() < 0.7:
            payload = _mutate_dicom(payload, rng)
        else:
            payload = mutate_bytes(payload, rng)
    return payload


def mutate_bytes(payload: bytes, rng: random.Random) -> bytes:
    """The payload with bytes changed, put in, taken out, doubled, or cut off; half of the time near its start."""
    if not payload:
        return bytes([rng.randrange(256)])
    reach = len(payload) if rng.random() < 0.5 else min(len(payload), 600)
    at, kind = rng.randrange(reach), rng.randrange(7)
    more = rng.randint(1, 40)
    if kind == 0:
        return payload[:at] + bytes([rng.randrange(256)]) + payload[at + 1 :]
    if kind == 1:
        return payload[:at] + bytes([payload[at] ^ 1 << rng.randrange(8)]) + payload[at + 1 :]
    if kind == 2:
        order = rng.choice("<>")
        number = rng.choice(
            [struct.pack(order + "H", rng.choice(EDGES)), struct.pack(order + "I", rng.choice(LONG_EDGES))]
        )
        return payload[:at] + number + payload[at + len(number) :]
    if kind == 3:
        return payload[:at] + rng.randbytes(more) + payload[at:]
    if kind == 4:
        return payload[:at] + payload[at + more :]
    if kind == 5:
        start = rng.randrange(len(payload))
        return payload[:at] + payload[start : start + more] + payload[at:]
    return payload[:at] if rng.random() < 0.3 else payload[:at] + payload[at:].replace(payload[at : at + 2], b"\xff", 1)


def _mutate_png(payload: bytes, rng: random.Random) -> bytes:
    chunks, position = [], 8
    while position + 8 <= len(payload) and len(chunks) < 200:
        length, kind = struct.unpack_from(">I4s", payload, position)
        chunks.append((kind, payload[position + 8 : position + 8 + length]))
        position += 12 + length
    if not chunks:
        return mutate_bytes(payload, rng)
    at = rng.randrange(len(chunks))
    kind, body = chunks[at]
    what = rng.randrange(6)
    if what == 0:
        del chunks[at]
    elif what == 1:
        chunks.insert(rng.randrange(len(chunks) + 1), chunks[at])
    elif what == 2:
        chunks.insert(at, (rng.choice(PNG_KINDS), rng.randbytes(rng.choice([0, 4, 8, 13, 26]))))
    elif what == 3 and kind == b"IDAT":
        try:
            rows = zlib.decompress(body)
            chunks[at] = kind, zlib.compress(mutate_bytes(rows, rng))
        except zlib.error:
            chunks[at] = kind, mutate_bytes(body, rng)
    elif what == 4 and kind == b"IHDR" and len(body) == 13:
        fields = list(struct.unpack(">IIBBBBB", body))
        place = rng.randrange(7)
        fields[place] = rng.choice(LONG_EDGES) if place < 2 else rng.choice([0, 1, 2, 3, 4, 6, 8, 16, 255])
        chunks[at] = kind, struct.pack(">IIBBBBB", *fields)
    else:
        chunks[at] = kind, mutate_bytes(body, rng)
    return PNG_START + b"".join(chunk(*each) for each in chunks)


def _split(payload: bytes) -> list[tuple[int, int, int, int]]:
    """Start, start of length, start of value and end of each element, as explicit little endian."""
    found, position = [], DICOM_START
    while position + 8 <= len(payload) and len(found) < 300:
        is_long = payload[position + 4 : position + 6] in LONG_VRS
        at_length = position + (8 if is_long else 6)
        at_value = at_length + (4 if is_long else 2)
        if at_value > len(payload):
            break
        length = struct.unpack_from("<I" if is_long else "<H", payload, at_length)[0]
        end = min(at_value + length, len(payload))
        found.append((position, at_length, at_value, end))
        position = end
    return found


def _mutate_dicom(payload: bytes, rng: random.Random) -> bytes:
    elements = _split(payload)
    if not elements:
        return mutate_bytes(payload, rng)
    start, at_length, at_value, end = rng.choice(elements)
    whole, value = payload[start:end], payload[at_value:end]
    tag, what = struct.pack("<HH", *rng.choice(TAGS)), rng.randrange(10)
    size = "<I" if at_value - at_length == 4 else "<H"
    if what == 0:  # a length that lies
        most = LONG_EDGES if size == "<I" else EDGES
        lie = rng.choice([*most, max(len(value) - 2, 0), min(len(value) + 2, most[-1])])
        return payload[:at_length] + struct.pack(size, lie) + payload[at_value:]
    if what == 1:
        return payload[: start + 4] + rng.choice(VRS) + payload[start + 6 :]
    if what == 2:
        return payload[:start] + tag + payload[start + 4 :]
    if what == 3:
        return payload[:start] + payload[end:]
    if what == 4:
        place = rng.choice(elements)[0]
        return payload[:place] + whole + payload[place:]
    if what == 5:  # all that follows is put in a sequence
        depth = rng.choice([1, 2, 50, 400])
        opening, closing = (open_sequence(tag) + OPEN_ITEM) * depth, (END_ITEM + END_SEQUENCE) * depth
        return payload[:start] + opening + whole + (closing if rng.random() < 0.7 else b"") + payload[end:]
    if what == 6:
        inside = item(whole) * rng.choice([1, 3])
        return payload[:start] + tag + b"SQ\0\0" + struct.pack("<I", len(inside)) + inside + payload[end:]
    if what == 7:
        edge = rng.choice(
            [b"0", b"-1", b"1e400", b"nan", b"9" * 16, b"1\\2\\3", b"", b"\\\\", b"RGB ", b"MONOCHROME1 "]
        )
        changed = rng.choice([edge, struct.pack("<H", rng.choice(EDGES)), mutate_bytes(value, rng)])
        if size == "<I" or len(changed) < 2**16:
            return payload[:at_length] + struct.pack(size, len(changed)) + changed + payload[end:]
    if what == 8 and size == "<I":
        return payload[:at_length] + b"\xff\xff\xff\xff" + payload[at_value:]
    return payload[:at_value] + mutate_bytes(value, rng) + payload[end:]
