"""CHD-CXR: films of children with ASD, VSD or PDA and of children without (Li et al. 2024, 828 films).

Get it from https://www.kaggle.com/competitions/congenital-heart-disease after joining the competition; cite
doi 10.3389/fcvm.2024.1351965. It was published as DICOM and is passed on as PNG or JPEG too; both are read. It names no
patients, so films that look the same are taken for one patient.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from heartviz.errors import DataError
from train.sources import Film

GET_FROM = "https://www.kaggle.com/competitions/congenital-heart-disease"
CLASSES = ("Normal", "ASD", "VSD", "PDA", "TOF")  # CHD-CXR itself has no TOF
CLASS_OF_FOLDER = {name.lower(): name for name in CLASSES}
SUFFIXES = {".dcm", ".png", ".jpg", ".jpeg"}
# Of 256 bits. On 696 frontal films of different adults the closest two differ by 12 (8 x 8 bits would make different
# patients equal); a film saved again as JPEG, at another size or with another gamma mostly differs by at most 8.
HASH_SIDE = 16
SAME_FILM_BITS = 8


def read_films(folder: Path) -> list[Film]:
    """All films under a class folder anywhere below `folder`, as in `VSD/7.dcm` or `train/vsd/7.png`.

    The nearest folder named like one of CLASSES, in upper or lower case, gives the label. Films under no such folder,
    as in an unlabelled test part, are left out. Every film is read once, to find those that are the same.
    """
    films, empty_folders = [], set()
    for path in sorted(folder.rglob("*")):
        label = _label_of(path.relative_to(folder))
        if path.is_dir() and path.name.lower() in CLASS_OF_FOLDER:
            empty_folders.add(path)
        elif label and path.suffix.lower() in SUFFIXES:
            name = f"chd_cxr/{path.relative_to(folder).as_posix()}"
            films.append(Film(film_id=name, source="chd_cxr", patient_id=name, image_path=path, label=label))
            empty_folders -= set(path.parents)
    if empty_folders or not films:
        found = f"{min(empty_folders)} holds none" if empty_folders else f"{folder} has no folder of a class"
        raise DataError(
            f"{found}: needed are films (.dcm, .png or .jpg) in folders named {', '.join(CLASSES[:-1])}. "
            f"Unpack the whole download of {GET_FROM}, or remove the empty folder."
        )
    groups = group_same_films([hash_film(film.read_pixels()) for film in films])
    return [replace(film, patient_id=films[group].film_id) for film, group in zip(films, groups, strict=True)]


def count_classes(films: Sequence[Film]) -> dict[str, int]:
    """The number of films of each of CLASSES, in that order."""
    return {name: sum(film.label == name for film in films) for name in CLASSES}


def hash_film(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Difference hash of a film, bool (256,): is a cell of its 16 x 17 picture brighter than the one on its left?"""
    cells = cv2.resize(pixels, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA)
    return (cells[:, 1:] > cells[:, :-1]).ravel()


def group_same_films(hashes: Sequence[NDArray[np.bool_]]) -> NDArray[np.intp]:
    """For each film the place of the first film of its group; films of one group are linked by near-equal hashes."""
    packed = np.packbits(np.stack(hashes), axis=1)
    groups = np.arange(len(packed))
    for bits in packed:
        near = np.bitwise_count(packed ^ bits).sum(axis=1) <= SAME_FILM_BITS
        groups[np.isin(groups, groups[near])] = groups[near].min()
    return groups


def _label_of(path: Path) -> str | None:
    names = [parent.name.lower() for parent in path.parents]
    return next((CLASS_OF_FOLDER[name] for name in names if name in CLASS_OF_FOLDER), None)
