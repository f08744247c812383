"""JSRT films as published (raw 2048 x 2048 `.IMG`) with the SCR masks of heart and lungs.

Films: http://db.jsrt.or.jp/eng.php, `All247images.zip`; registration is free. Masks: the SCR database,
https://www.isi.uu.nl/Research/Databases/SCR/. Research and education only; cite Shiraishi 2000 and van Ginneken 2006.

Film, source and patient ids are those of `ctr512`, which holds the same films at 512 x 512: one split file serves both.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heartviz.errors import DataError
from train.sources import Film

SIDE_PX = 2048
BYTES_PER_PIXEL = 2
MAX_STORED = 4095  # 12 bit
LABELS = {"JPCLN": "nodule", "JPCNN": "non-nodule"}
FILMS_FROM = "Get All247images.zip from http://db.jsrt.or.jp/eng.php and unpack it"
MASKS_FROM = "Get the SCR masks from https://www.isi.uu.nl/Research/Databases/SCR/ and unpack them"


def read_pixels(path: Path) -> NDArray[np.float32]:
    """Gray values of a raw JSRT file, float32 (2048, 2048) in 0..1: 1 - stored / 4095.

    The files have no header and hold big-endian uint16. The stored value is highest where the film is blackest, in
    air; it is turned about here, as by the public readers of the set, so that air is dark and bone bright.

    Source: http://db.jsrt.or.jp/eng.php for size, depth and byte order.
    """
    size_bytes, needed_bytes = path.stat().st_size, SIDE_PX * SIDE_PX * BYTES_PER_PIXEL
    if size_bytes != needed_bytes:
        raise DataError(
            f"{path} has {size_bytes} bytes; a JSRT film has {needed_bytes} ({SIDE_PX} x {SIDE_PX} of 16 bit). "
            f"{FILMS_FROM} again."
        )
    stored = np.fromfile(path, ">u2").reshape(SIDE_PX, SIDE_PX)
    if stored.max() > MAX_STORED:
        raise DataError(
            f"{path} holds values up to {stored.max()}; a JSRT film holds big-endian values up to {MAX_STORED}. "
            f"{FILMS_FROM} again, without converting it."
        )
    return 1 - stored.astype(np.float32) / MAX_STORED


def read_films(folder: Path) -> list[Film]:
    """All films under `folder`, which holds the `.IMG` files and the SCR folders, at any depth.

    The masks lie in `fold1/masks/{heart,left lung,right lung}/JPCLN001.gif` (odd films) and `fold2/...` (even). SCR
    names the lungs by the patient's side: its data page says that the right lung is on the left in the image.
    """
    mask_paths = {(path.parent.name, path.stem): path for path in folder.rglob("masks/*/*.gif")}
    films = []
    for image_path in sorted(path for path in folder.rglob("JPC*") if path.suffix.lower() == ".img"):
        name = image_path.stem
        missing = [kind for kind in ("heart", "left lung", "right lung") if (kind, name) not in mask_paths]
        if missing:
            raise DataError(
                f"{image_path} has no {missing[0]} mask: needed is fold1 or fold2/masks/{missing[0]}/{name}.gif under "
                f"{folder}. {MASKS_FROM} there."
            )
        films.append(
            Film(
                film_id=f"jsrt/{name}",
                source="jsrt",
                patient_id=f"jsrt/{name}",
                image_path=image_path,
                heart_path=mask_paths["heart", name],
                left_lung_path=mask_paths["left lung", name],
                right_lung_path=mask_paths["right lung", name],
                label=LABELS.get(name[:5]),
                view="frontal",
                read_fn=read_pixels,
            )
        )
    if not films:
        raise DataError(f"No film under {folder}: expected JPCLN001.IMG and so on. {FILMS_FROM} there. {MASKS_FROM}.")
    return films
