"""Frontal and lateral films of the COVID-19 image data collection (Cohen et al. 2020), from many sites.

Public copy: GitHub repository ieee8023/covid-chestxray-dataset: `metadata.csv` and `images/`. A smaller layout with
`index.csv` (file, view, patient_id, source_url) is read too. Licences differ by film; most are non-commercial.
"""

import csv
from pathlib import Path
from urllib.parse import urlparse

from heartviz.errors import DataError
from train.sources import Film

VIEWS = {"l": "lateral", "lateral": "lateral", "pa": "frontal", "ap": "frontal", "ap supine": "frontal"}
VIEWS |= {"ap erect": "frontal", "frontal": "frontal"}


def read_films(folder: Path) -> list[Film]:
    """Radiographs whose view is stated; the source of each is the web site it came from, as `cohen:SITE`."""
    layouts = {"metadata.csv": folder / "images", "index.csv": folder}
    found = [name for name in layouts if (folder / name).exists()]
    if not found:
        raise DataError(
            f"No metadata.csv in {folder}. Get the public repository ieee8023/covid-chestxray-dataset, give its folder."
        )
    with (folder / found[0]).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    films, missing = [], []
    for row in rows:
        view = VIEWS.get((row.get("view") or "").strip().lower())
        if view is None or row.get("modality", "X-ray") != "X-ray":
            continue
        file_name = row.get("filename") or row.get("file") or ""
        path = layouts[found[0]] / file_name
        if not path.is_file():
            missing.append(file_name)
            continue
        site = urlparse(row.get("url") or row.get("source_url") or "").netloc.removeprefix("www.") or "unknown"
        patient = row.get("patientid") or row.get("patient_id")
        films.append(
            Film(
                film_id=f"cohen/{path.stem}",
                source=f"cohen:{site}",
                patient_id=f"cohen/{patient}",
                image_path=path,
                label=row.get("finding"),
                view=view,
            )
        )
    if missing:
        raise DataError(f"{len(missing)} films of {folder} are missing, {missing[0]} first: unpack the whole data set.")
    if not films:
        raise DataError(f"No radiograph with a stated view in {folder}.")
    return films
