"""Open-i: 7,470 frontal and lateral films of Indiana University with their reports, indexed by hand with MeSH terms.

Get `NLMCXR_png.tgz` and `NLMCXR_reports.tgz` from https://openi.nlm.nih.gov/imgs/collections/; cite Demner-Fushman et
al. 2016. The reports do not say which film is frontal. The table `indiana_projections.csv` of the copy on Kaggle
(raddar/chest-xrays-indiana-university) does: put it in the folder.
"""

import re
from pathlib import Path
from xml.etree import ElementTree

from heartviz.errors import DataError
from train.sources import Film, read_table

GET_FROM = "Get NLMCXR_png.tgz and NLMCXR_reports.tgz from https://openi.nlm.nih.gov/imgs/collections/ and unpack both"
VIEWS = {"Frontal": "frontal", "Lateral": "lateral"}


def read_films(folder: Path) -> list[Film]:
    """The films of every report in an `ecgen-radiology` folder under `folder`; their PNG files may lie anywhere below.

    The label is the report's major MeSH terms joined by "|", "normal" where that is the only one, None where there is
    none. A report is a patient: the reports do not tell which are of the same one.
    """
    reports = sorted(folder.rglob("ecgen-radiology/*.xml"))
    if not reports:
        raise DataError(f"No report under {folder}: expected ecgen-radiology/1.xml and so on. {GET_FROM} there.")
    pictures = {path.stem: path for path in folder.rglob("*.png")}
    views = _read_views(folder / "indiana_projections.csv")
    films, missing = [], []
    for report in reports:
        label, names = _read_report(report)
        missing += [name for name in names if name not in pictures]
        films += [
            Film(
                film_id=f"openi/{name}",
                source="openi",
                patient_id=f"openi/{report.stem}",
                image_path=pictures[name],
                label=label,
                view=views.get(_kaggle_name(name)),
            )
            for name in names
            if name in pictures
        ]
    if missing:
        raise DataError(
            f"{len(missing)} of the {len(missing) + len(films)} films in the reports are not under {folder}, "
            f"{missing[0]}.png first. {GET_FROM} there, or remove the reports of films you do not have."
        )
    return films


def _read_report(path: Path) -> tuple[str | None, list[str]]:
    """Label and names of the films of a report."""
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as cause:
        raise DataError(f"{path} is not a whole XML file. {GET_FROM} again.") from cause
    terms = [(major.text or "").strip() for major in root.iterfind(".//MeSH/major")]
    return "|".join(filter(None, terms)) or None, [image.attrib["id"] for image in root.iterfind(".//parentImage[@id]")]


def _read_views(path: Path) -> dict[str, str | None]:
    """Kaggle's name of a film, "2_IM-0652-1001", to its view; nothing where there is no such table."""
    if not path.exists():
        return {}
    lines = read_table(path, ("filename", "projection"))
    return {line["filename"].removesuffix(".dcm.png"): VIEWS.get(line["projection"]) for line in lines}


def _kaggle_name(name: str) -> str:
    """ "2_IM-0652-1001" for CXR2_IM-0652-1001, and "1_IM-0001-3001" for CXR1_1_IM-0001-3001."""
    return re.sub(r"^CXR(\d+_(?=\d+_))?", "", name)
