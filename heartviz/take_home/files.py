"""Everything of one film's report as files by name, each kind made only where it is asked for, or all in a ZIP."""

import io
import zipfile
from collections.abc import Iterable

from heartviz.records import ARMS, Report
from heartviz.report import encode_pictures, report_to_dict, to_json
from heartviz.take_home.arrays import make_arrays
from heartviz.take_home.html import make_html
from heartviz.take_home.paper import write_paper
from heartviz.take_home.pdf import make_pdf
from heartviz.words import FILE_KINDS, METHOD_WORDS

_ARRAY_ENDS = (".npy", "_16bit.png")
_READ_ME = """heartviz: the analysis of one chest film.

Research and teaching software, not a medical device: not for diagnosis, triage or treatment.

report.html, report.pdf   the report with pictures, for people
report.json               its numbers, for programs
*_mask.png                heart and lungs, 0 and 255, the film's own size; left is the patient's left
METHOD_MODEL.png          maps as colour pictures
METHOD_MODEL.npy          maps as numbers (NumPy, float32, NaN: not shown to the model)
METHOD_MODEL_16bit.png    the same as 16 bit PNG; METHOD_scale.json says how to get the numbers back
segmentation.dcm          the masks as DICOM SEG; it lies on film.dcm, which holds the film's gray values

No file here holds a tag of the film's own file. film.dcm and the pictures show the film: what is burnt into it, a name
perhaps, is still there.
"""


def make_files(report: Report, kinds: Iterable[str], title: str = "") -> dict[str, bytes]:
    """File name to content of the kinds asked for. `title` is the user's, for HTML and PDF."""
    files: dict[str, bytes] = {}
    paper = None
    for kind in kinds:
        if kind in ("html", "pdf"):
            paper = paper or write_paper(report, title)
            files[f"report.{kind}"] = make_html(paper) if kind == "html" else make_pdf(paper)
        elif kind == "seg":
            # Imported when wanted: highdicom takes a second to load.
            from heartviz.take_home.seg import make_seg

            files["film.dcm"], files["segmentation.dcm"] = make_seg(report)
        elif kind == "arrays":
            files |= make_arrays(report.explanation)
        else:
            raise ValueError(f"Unknown kind {kind!r}: choose of {', '.join(FILE_KINDS)}.")
    return files


def list_file_names() -> list[str]:
    """Every name that `make_files` may give a file, whatever the method of the maps."""
    maps = [f"{method}_{arm}{end}" for method in METHOD_WORDS for arm in ARMS for end in _ARRAY_ENDS]
    scales = [f"{method}_scale.json" for method in METHOD_WORDS]
    return ["report.html", "report.pdf", "film.dcm", "segmentation.dcm", *maps, *scales]


def make_zip(report: Report, title: str = "") -> bytes:
    """A ZIP of all kinds, the numbers as JSON, masks and maps as pictures, and a text that says what is what."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _READ_ME)
        archive.writestr("report.json", to_json(report_to_dict(report, None)))
        for name, content in (encode_pictures(report) | make_files(report, FILE_KINDS, title)).items():
            archive.writestr(name, content)
    return stream.getvalue()
