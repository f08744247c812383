"""Anybody's own films, listed in a CSV file.

    path,patient,label,source,view,mask,left_lung_mask,right_lung_mask
    films/a.dcm,p1,VSD,siteA,frontal,masks/a_heart.png,masks/a_left.png,masks/a_right.png

Only `path` and `patient` are needed; other columns may be missing or empty. Paths are relative to the CSV file's
folder, or absolute. `mask` is the heart's, and the left lung is the patient's left.
"""

from pathlib import Path

from heartviz.errors import DataError
from train.sources import Film, read_table

NEEDED = ("path", "patient")
FILES = ("path", "mask", "left_lung_mask", "right_lung_mask")
VIEWS = ("frontal", "lateral", "")
LISTED = 10


def read_films(path: Path) -> list[Film]:
    """The films of a CSV file; ids start with its name without ".csv", which is also the source where none is given."""
    lines = read_table(path, NEEDED)
    faults = [fault for number, line in enumerate(lines, 2) for fault in _find_faults(path.parent, line, number)]
    if faults:
        more = f"; and {len(faults) - LISTED} more" if len(faults) > LISTED else ""
        raise DataError(
            f"{path}: {'; '.join(faults[:LISTED])}{more}. Mend these lines; paths start at the CSV file's folder."
        )
    return [
        Film(
            film_id=f"{path.stem}/{line['path']}",
            source=line.get("source") or path.stem,
            patient_id=f"{path.stem}/{line['patient']}",
            image_path=path.parent / line["path"],
            heart_path=_path_of(path.parent, line, "mask"),
            left_lung_path=_path_of(path.parent, line, "left_lung_mask"),
            right_lung_path=_path_of(path.parent, line, "right_lung_mask"),
            label=line.get("label") or None,
            view=line.get("view") or None,
        )
        for line in lines
    ]


def _find_faults(folder: Path, line: dict[str, str], number: int) -> list[str]:
    empty = [f"line {number} has no {name}" for name in NEEDED if not line[name]]
    files = [_path_of(folder, line, column) for column in FILES]
    absent = [f"line {number} names {file}, which is not there" for file in files if file and not file.is_file()]
    wrong = [] if line.get("view", "") in VIEWS else [f"line {number} has view {line['view']}, not frontal or lateral"]
    return empty + absent + wrong


def _path_of(folder: Path, line: dict[str, str], column: str) -> Path | None:
    return folder / line[column] if line.get(column) else None
