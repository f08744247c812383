"""The page that stands at the end: every step's table from its numbers, escaped, without anything from elsewhere."""

import pytest

from heartviz.paper_results import ResultTable, format_cell
from train.html_report import render_page
from train.paper_tables import crossval_finding, tables_of
from train.reproduce import Config, run_bayes

OUTLINES = {
    name: {"mean": 0.9, "interval": (0.8, 1.0), "missing": 0}
    for name in ("heart_dice", "heart_jaccard", "heart_hd95_mm", "heart_assd_mm", "lungs_dice", "lungs_jaccard")
}
OF_SOURCE = OUTLINES | {
    "n": 39,
    "heart_parts": 1.5,
    "ratio": {"mean_absolute_error": 0.012, "bias": 0.001, "limits_of_agreement": (-0.02, 0.03)},
}
CROSSVAL = {
    "task": "Normal-VSD",
    "normals": "same source",
    "ratio": 0.2,
    "n": 100,
    "accuracy": 0.777,
    "interval": (0.71, 0.82),
    "by_class": {"Normal": 0.8, "VSD": 0.75},
    "accuracy_variance": 0.001,
    "auroc": 0.888,
    "auroc_variance": 0.002,
    "worst_group": 0.5,
    "calibration_error": 0.04,
    "swapped_normals": {"own_called_normal": 0.9, "called_normal": 0.4, "auroc": 0.7, "own_auroc": 0.888, "n": 50},
    "paper": {"accuracy": 0.814, "auroc": 0.954, "by_class": (0.91, 0.92)},
}


def test_every_step_has_its_table(tmp_path):
    steps = {
        "contours": {
            "command": "python -m train.measure_contours",
            "sources": {"jsrt": {"n": 39, "failures": 1, "dice_median": 0.953, "dice_mean": 0.949}},
        },
        "view": {
            name: {"n": 816, "laterals": 28, "balanced_accuracy": 0.99, "interval": (0.95, 1.0)}
            | {"laterals_found": 1.0, "laterals_found_interval": (0.877, 1.0)}
            | {"frontals_kept": 0.98, "frontals_kept_interval": (0.97, 0.99)}
            for name in ("by_patient", "source_never_seen")
        },
        "unets": {
            "command": "python -m train.compare_unets",
            "config": {"size_px": 192, "steps": 600, "batch_size": 4, "film_counts": [25, 400]},
            "scores": {
                network: {"both": {"training_films": 277, "jsrt": OF_SOURCE, "wingspan": OF_SOURCE}}
                for network in ("unet", "vgg_unet")
            },
        },
        "crossval": {
            "command": "python -m train.crossval",
            "config": {"size_px": 144, "folds": 10, "copies": 3},
            "tables": [CROSSVAL],
        },
        "bayes": run_bayes(Config(data=tmp_path, out=tmp_path)),
    }
    tables = tables_of(steps)
    assert [len(table.rows) for table in tables] == [1, 2, 4, 1, 1, 6]
    for table in tables:
        assert all(len(row) == len(table.columns) for row in table.rows), table.title
    assert "No curve at 400 films: 277 are there" in tables[2].under
    assert "trained on both sources 0.900 against 0.900 on jsrt" in tables[2].finding
    page = render_page("A title", "Not a medical device", tables)
    for number in ("0.777", "0.814", "0.953", "2.87 %", "Not a medical device"):
        assert number in page
    assert "http" not in page
    assert tables_of({"bayes": steps["bayes"]})[0].rows[1][1] == pytest.approx(0.0289571, abs=1e-7)


def test_texts_are_escaped_and_cells_formatted():
    page = render_page("<b>", "&", [ResultTable("<i>", ("<u>",), (("<script>",),), "<p>")])
    for raw in ("<b>", "<i>", "<u>", "<script>"):
        assert raw not in page
    assert [format_cell(cell) for cell in (None, "x", 3, 0.12345)] == ["\u2013", "x", "3", "0.123"]


def test_finding_is_of_normals_from_another_source():
    other = CROSSVAL | {"normals": "other source"}
    text = crossval_finding([CROSSVAL, other, other | {"ratio": 1.0, "auroc": 0.999}])
    assert text.startswith("Normal against VSD, Normals from another source. x 1: AUROC 0.999, and 0.700 once")
    assert "x 0.2: AUROC 0.888, and 0.700 once the Normals come from the disease's own source (40 % of these" in text
    assert crossval_finding([CROSSVAL]) == ""
