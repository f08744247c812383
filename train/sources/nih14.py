"""NIH ChestX-ray14: 112,120 frontal films of adults with findings mined from reports, or a part laid out more simply.

Get it from https://nihcc.app.box.com/v/ChestXray-NIHCC; cite Wang et al. 2017. The findings are noisy; there are no
masks. Patient ids are the data set's own.
"""

from pathlib import Path

from heartviz.errors import DataError
from train.sources import Film, read_table

# Table, pictures, and the table's columns of file, findings and patient: the download, then a part of it at 512 x 512.
LAYOUTS = (
    ("Data_Entry_2017*.csv", "images*/**/*.png", ("Image Index", "Finding Labels", "Patient ID")),
    ("index.csv", "png/*.png", ("file", "finding_labels", "patient_id")),
)
GET_FROM = "https://nihcc.app.box.com/v/ChestXray-NIHCC"


def read_films(folder: Path) -> list[Film]:
    """All films of the table in `folder`; the label is the findings as written, "Effusion|Mass" or "No Finding".

    The pictures lie in `images/`, or as unpacked in `images_001/images/` to `images_012/images/`. Where there are two
    tables, the later name is used (`Data_Entry_2017_v2020.csv` corrects `Data_Entry_2017.csv`).
    """
    for table_pattern, picture_pattern, columns in LAYOUTS:
        tables = sorted(folder.glob(table_pattern))
        if tables:
            return _films_of_table(tables[-1], picture_pattern, columns)
    raise DataError(
        f"No table in {folder}: expected Data_Entry_2017.csv with images/*.png, or index.csv with png/*.png. "
        f"Get both from {GET_FROM}."
    )


def _films_of_table(table: Path, picture_pattern: str, columns: tuple[str, str, str]) -> list[Film]:
    pictures = {path.name: path for path in table.parent.glob(picture_pattern)}
    entries = [tuple(line[column] for column in columns) for line in read_table(table, columns)]
    missing = [name for name, _, _ in entries if name not in pictures]
    if missing:
        raise DataError(
            f"{len(missing)} of the {len(entries)} films in {table} are not in {picture_pattern}, {missing[0]} first. "
            f"Unpack all archives of {GET_FROM} beside the table, or keep only the lines of the films you have."
        )
    return [
        Film(
            film_id=f"nih14/{Path(name).stem}",
            source="nih14",
            patient_id=f"nih14/{patient}",
            image_path=pictures[name],
            label=findings,
            view="frontal",  # the set holds PA and AP films only
        )
        for name, findings, patient in entries
    ]
