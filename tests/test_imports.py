"""The house's import rules, held by reading the code: imports flow one way, each library has one door."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Each level may import its own and those before it.
LEVELS = [
    {"errors", "records", "logbook", "memory", "lock", "own_folder"},
    {
        "radiograph",
        "decoder",
        "dicom",
        "dicom_header",
        "dicom_writer",
        "gray",
        "codestream",
        "ration",
        "png",
        "gif",
        "preprocess",
        "masks",
        "models",
        "phantom",
        "words",
    },
    {"manifest", "weights"},
    {"segment", "classify", "gate"},
    {"attribution", "interventions"},
    {"measure", "bayes", "paper_results", "shortcut_results", "knobs"},
    {"live_head"},
    {"asking", "admission"},
    {"pipeline", "experiment", "knob_answers"},
    {"cue_trial"},
    {"audit"},
    {"plots"},
    {"report", "phantom_files", "gallery"},
    {"audit_report", "take_home"},
    {"batch"},
    {"ui"},
    {"demo"},
    {"batch_command"},
    {"__main__"},
]
LEVEL_OF = {name: level for level, names in enumerate(LEVELS) for name in names}
DOORS = {
    "gradio": {"ui"},
    "plotly": {"plots"},
    "captum": {"attribution"},
    "zennit": {"attribution"},
    "huggingface_hub": {"weights", "train/export"},
    "pydicom": {"dicom", "dicom_header", "dicom_writer", "take_home"},
    "highdicom": {"take_home"},
    "fpdf": {"take_home"},
    "matplotlib": {"take_home"},
    "ray": {"batch"},
    "xraydb": {"phantom"},
    "h5py": {"train/hdf5", "train/hdf5_writer"},
    "cv2": {
        "radiograph",
        "dicom",
        "gray",
        "preprocess",
        "masks",
        "segment",
        "interventions",
        "plots",
        "report",
        "take_home",
        "batch",
        "phantom",
        "phantom_files",
        "gallery",
        "train",
    },
}
NO_TORCH = {
    "errors",
    "records",
    "radiograph",
    "decoder",
    "dicom",
    "dicom_header",
    "gray",
    "masks",
    "measure",
    "bayes",
    "knobs",
    "live_head",
    "plots",
    "report",
    "take_home",
    "ui",
    "phantom",
    "phantom_files",
    "gallery",
}


def modules() -> list[Path]:
    return sorted(path for package in ("heartviz", "train") for path in (ROOT / package).rglob("*.py"))


def imported_names(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def place_of(path: Path) -> str:
    """ "radiograph" for heartviz/radiograph.py, "ui" for heartviz/ui/page.py, "train" for all of train."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] == "train" else parts[1]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_flow_one_way_and_libraries_have_one_door(path):
    place, names = place_of(path), imported_names(path)
    if place not in ("train", "__init__"):
        assert place in LEVEL_OF, f"{path.name} has no place in the house: add it to LEVELS"
        assert not any(name.split(".")[0] == "train" for name in names), "heartviz never imports train"
        for name in names:
            parts = name.split(".")
            if parts[0] == "heartviz" and len(parts) > 1 and parts[1] in LEVEL_OF:
                assert LEVEL_OF[parts[1]] <= LEVEL_OF[place], f"{place} imports {parts[1]}, which comes later"
        if place in NO_TORCH:
            assert not any(name.split(".")[0] in ("torch", "torchvision") for name in names), "no torch here"
    exact = "/".join(path.relative_to(ROOT).with_suffix("").parts)
    for library, doors in DOORS.items():
        if any(name.split(".")[0] == library for name in names):
            assert {place, exact} & doors, f"{library} belongs in {sorted(doors)}"
