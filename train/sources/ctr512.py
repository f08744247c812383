"""JSRT and Wingspan films with heart and lung masks at 512 x 512 (the `ctr512` layout).

Public copy: GitHub repository eveningdong/cardiothoracic_ratio_estimation_dataset. Cite Dong et al. 2018 for Wingspan,
Shiraishi 2000 (films) and van Ginneken 2006 (SCR masks) for JSRT.
"""

from pathlib import Path

from heartviz.errors import DataError
from train.sources import Film

SOURCES = ("jsrt", "wingspan")


def read_films(folder: Path) -> list[Film]:
    """All films under `folder`, which holds `jsrt/` and `wingspan/`, each with `png/` and `mask/{heart,...}/`."""
    films = []
    for source in SOURCES:
        root = folder / source
        for image_path in sorted((root / "png").glob("*.png")):
            masks = {kind: root / "mask" / kind / image_path.name for kind in ("heart", "left_lung", "right_lung")}
            missing = [str(path) for path in masks.values() if not path.exists()]
            if missing:
                raise DataError(f"{image_path} has no mask {missing[0]}. Unpack the whole data set again.")
            films.append(
                Film(
                    film_id=f"{source}/{image_path.stem}",
                    source=source,
                    patient_id=f"{source}/{image_path.stem}",
                    image_path=image_path,
                    heart_path=masks["heart"],
                    left_lung_path=masks["left_lung"],
                    right_lung_path=masks["right_lung"],
                    view="frontal",
                )
            )
    if not films:
        raise DataError(
            f"No film under {folder}: expected {folder}/jsrt/png/*.png and {folder}/wingspan/png/*.png. Get the public "
            "repository eveningdong/cardiothoracic_ratio_estimation_dataset and give its folder."
        )
    return films
