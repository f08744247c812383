"""Films as `python -m heartviz phantom` draws them: no patient's; masks and class are known by construction."""

from pathlib import Path

from heartviz.errors import DataError
from train.sources import Film, read_table

MASKS = ("heart", "left_lung", "right_lung")


def read_films(folder: Path) -> list[Film]:
    """All films of a folder with `labels.csv`, `png/` or `dicom/`, and `mask/{heart,left_lung,right_lung}/`.

    Films from the front and from the side with the same seed and number are of one patient.
    """
    films = []
    for row in read_table(folder / "labels.csv", ("file", "label", "view")):
        image_path = folder / row["file"]
        _, seed, number = image_path.stem.split("_")
        masks = [folder / "mask" / part / f"{image_path.stem}.png" for part in MASKS]
        missing = [path.name for path in (image_path, *masks) if not path.exists()]
        if missing:
            raise DataError(f"{folder} names {missing[0]} and lacks it. Draw the films again: heartviz phantom.")
        films.append(
            Film(
                film_id=f"drawn/{image_path.stem}",
                source="drawn",
                patient_id=f"drawn/{seed}_{number}",
                image_path=image_path,
                heart_path=masks[0],
                left_lung_path=masks[1],
                right_lung_path=masks[2],
                label=row["label"],
                view="lateral" if row["view"] == "lateral" else "frontal",
            )
        )
    return films
