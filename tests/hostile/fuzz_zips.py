"""Mutates small ZIPs and reads what is in them, as a batch does: nothing but films' bytes and sentences may come."""

import io
import random
import zipfile
from collections import Counter
from pathlib import Path

from heartviz.batch.sources import list_sources
from heartviz.errors import RadiographError
from tests.hostile.mutate import mutate_bytes
from tests.hostile.zips import nested, pack

ZIP_START = b"PK\3\4"


def seeds() -> list[bytes]:
    """ZIPs of each way of packing that is read, one with 64 bit sizes, one in another, one of members that share."""
    made = [nested(), pack("film", b"film", 0, 4, repeat=3)]
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(stream := io.BytesIO(), "w", method) as archive:
            for name in ("a", "folder/b", "../c", "__MACOSX/d"):
                archive.writestr(name, b"film" * 50)
        made.append(stream.getvalue())
    with zipfile.ZipFile(stream := io.BytesIO(), "w") as archive, archive.open("a", "w", force_zip64=True) as file:
        file.write(b"film")
    return [*made, stream.getvalue()]


def read_mutated_zips(files: int, seed: int, folder: Path) -> Counter[str]:
    """How often each sentence came, by its first letters, and "read"; whatever is no sentence is raised."""
    rng, whole, path, told = random.Random(seed), seeds(), folder / "films.zip", Counter[str]()
    for _ in range(files):
        payload = rng.choice(whole)
        for _ in range(rng.randint(1, 3)):
            payload = mutate_bytes(payload, rng)
        path.write_bytes(ZIP_START + payload[4:])
        for source in list_sources([path])[:4]:
            try:
                source.read()
                told["read"] += 1
            except RadiographError as error:
                told[str(error)[:20]] += 1
    return told
