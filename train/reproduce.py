"""The paper's systems in order, one results file and one page: `python -m train.reproduce --data DIR --out DIR`.

Each step is a command of its own, resumes where it was stopped, and is skipped when its result is there.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import heartviz
from heartviz.bayes import predict_values
from heartviz.report import INTENDED_USE, LABELS_NOTE
from train import compare_unets, crossval, measure_contours, view
from train.config import run_script, write_config
from train.crossval_tables import make_tables
from train.html_report import Table, render_page

PAPERS_EXAMPLE = (0.8, 0.8, 0.0074)
PREVALENCES = (0.00047, 0.0074, 0.0091, 0.05, 0.2, 0.5)
OUTLINE_COLUMNS = {
    "heart_dice": "heart Dice",
    "heart_jaccard": "heart Jaccard",
    "heart_hd95_mm": "heart HD95, mm",
    "heart_assd_mm": "heart ASSD, mm",
    "lungs_dice": "lungs Dice",
}


@dataclass(frozen=True)
class Config:
    """Reproduce the paper's systems and tables, beside the paper's numbers."""

    data: Path = field(metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    out: Path = field(metadata={"help": "gets a folder a step, results.json and report.html"})
    views: tuple[str, ...] = field(default=(), metadata={"help": "NAME=PATH of films with views; none: step left out"})
    imagenet: Path | None = field(default=None, metadata={"help": "VGG16 features file; absent: torchvision's"})
    quick: bool = field(default=False, metadata={"help": "small pictures, few steps and folds: minutes, not results"})


def run_contours(config: Config) -> dict[str, Any]:
    """Heart outlines by OpenCV from two marked rows (paper 2.2.1)."""
    step = measure_contours.Config(data=config.data, out=config.out / "contours.json")
    measure_contours.main(step)
    return json.loads((config.out / "contours.json").read_text(encoding="utf-8"))


def run_view(config: Config) -> dict[str, Any]:
    """Frontal or lateral (paper 2.2.2)."""
    folder = config.out / "view"
    few = {"lateral_copies": 2, "frontal_copies": 0} if config.quick else {}
    view.main(view.Config(films=config.views, out=folder, imagenet=config.imagenet, **few))
    return json.loads((folder / "view_results.json").read_text(encoding="utf-8"))


def run_unets(config: Config) -> dict[str, Any]:
    """U-Net against VGG-U-Net (paper Figs 6 to 9)."""
    folder = config.out / "unets"
    few = {"size_px": 96, "steps": 40, "film_counts": (25,), "test_every": 8} if config.quick else {}
    compare_unets.main(compare_unets.Config(data=config.data, out=folder, imagenet=config.imagenet, **few))
    return json.loads((folder / "unets.json").read_text(encoding="utf-8"))


def run_crossval(config: Config) -> dict[str, Any]:
    """VGG against VGG+Mask (paper 3.0.1, 3.0.2)."""
    folder = config.out / "crossval"
    crossval.main(crossval.Config(data=config.data, out=folder, imagenet=config.imagenet, quick=config.quick))
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    run = json.loads((folder / "crossval.json").read_text(encoding="utf-8"))
    return run | {"command": "python -m train.crossval --data DIR --out DIR", "tables": make_tables(lines)}


def run_bayes(config: Config) -> dict[str, Any]:
    """Predictive values (paper equation 1)."""
    sensitivity, specificity, _ = PAPERS_EXAMPLE
    lines = []
    for prevalence in PREVALENCES:
        values = predict_values(sensitivity, specificity, prevalence)
        lines.append({"prevalence": prevalence, "positive": values.positive, "negative": values.negative})
    return {"sensitivity": sensitivity, "specificity": specificity, "values": lines, "paper_prints": 0.02874903}


STEPS = {
    "contours": run_contours,
    "view": run_view,
    "unets": run_unets,
    "crossval": run_crossval,
    "bayes": run_bayes,
}


def tables_of(results: dict[str, Any]) -> list[Table]:
    """A table a step that was run, with n and command under it."""
    steps = results["steps"]
    return [make(steps[name]) for name, make in TABLES.items() if name in steps]


def contours_table(step: dict[str, Any]) -> Table:
    """By source."""
    rows = [
        (source, of["n"], of["failures"], of["dice_median"], of["dice_mean"]) for source, of in step["sources"].items()
    ]
    return Table(
        "Heart outlines from two marked rows, OpenCV only (paper 2.2.1)",
        ("source", "films", "failures, said", "median Dice", "mean Dice"),
        tuple(rows),
        f"{step['command']}. The rows are the hand-drawn mask's first and last. The paper prints no overlap.",
    )


def view_table(step: dict[str, Any]) -> Table:
    """By patient folds and by sources left out."""
    rows = [
        (
            words,
            of["n"],
            of["laterals"],
            of["balanced_accuracy"],
            of["laterals_found"],
            of["laterals_found_interval"][0],
            of["frontals_kept"],
            of["frontals_kept_interval"][0],
        )
        for words, of in (("patients held out", step["by_patient"]), ("source never seen", step["source_never_seen"]))
    ]
    return Table(
        "Frontal or lateral (paper 2.2.2: VGG16 accuracy 0.96)",
        (
            *("test", "films", "laterals", "balanced accuracy", "laterals found", "at least (95 %)"),
            *("frontals kept", "at least (95 %)"),
        ),
        tuple(rows),
        "python -m train.view. A linear head on the frozen trunk; the paper trains VGG16. Exact intervals by film",
    )


def unets_table(step: dict[str, Any]) -> Table:
    """Architecture and training films by tested source."""
    rows = []
    for architecture, runs in step["scores"].items():
        for name, of_run in runs.items():
            for source in ("jsrt", "wingspan"):
                of = of_run[source]
                scores = [of[score]["mean"] for score in OUTLINE_COLUMNS]
                ratio = of["ratio"]
                low, high = ratio["limits_of_agreement"]
                rows.append(
                    (
                        architecture,
                        name,
                        of_run["training_films"],
                        source,
                        of["n"],
                        *scores,
                        of["heart_parts"],
                        ratio["mean_absolute_error"],
                        f"{ratio['bias']:+.3f}, {low:+.3f} to {high:+.3f}",
                    )
                )
    columns = ("network", "trained on", "films", "tested on", "n", *OUTLINE_COLUMNS.values(), "heart parts, uncleaned")
    settings = step["config"]
    return Table(
        "U-Net from nothing against VGG-U-Net, same budget (paper Figs 6 to 9)",
        (*columns, "ratio error", "ratio bias, limits"),
        tuple(rows),
        f"{step['command']}, {settings['size_px']} px, {settings['steps']} steps of {settings['batch_size']} films. "
        "Tested on hand-drawn masks, also where the hearts learnt were outlined by OpenCV (traced). The paper shows "
        "pictures only; its strange rectangular patterns are the parts before cleaning.",
    )


def crossval_table(step: dict[str, Any]) -> Table:
    """One row a table of the paper, and one for each other ratio."""
    rows = []
    for of in step["tables"]:
        paper, swapped = of["paper"] or {}, of["swapped_normals"]
        rows.append(
            (
                of["task"],
                of["normals"],
                of["ratio"],
                of["n"],
                of["accuracy"],
                of["accuracy_variance"],
                paper.get("accuracy"),
                of["auroc"],
                of["auroc_variance"],
                paper.get("auroc"),
                of["worst_group"],
                of["calibration_error"],
                swapped["own_called_normal"],
                swapped["called_normal"],
                swapped["auroc"],
            )
        )
    return Table(
        "VGG (x 1) against VGG+Mask (x 0.2), signs SIMULATED on films of adults (paper 3.0.1, 3.0.2)",
        (
            "classes",
            "Normals",
            "gray outside",
            "n",
            "accuracy",
            "variance",
            "paper",
            "AUROC",
            "variance",
            "paper",
            "worst group",
            "calibration error",
            "own Normals kept",
            "swapped Normals kept",
            "AUROC with swapped",
        ),
        tuple(rows),
        f"{step['command']}. Blocks 1 to 4 frozen, {step['config']['size_px']} px. Swapped: the same models on Normals "
        "of the source that they were not trained with; where the source tells the label, these fall.",
    )


def bayes_table(step: dict[str, Any]) -> Table:
    """By prevalence."""
    rows = [(f"{100 * of['prevalence']:g} %", of["positive"], of["negative"]) for of in step["values"]]
    return Table(
        f"Predictive values at sensitivity {step['sensitivity']:g}, specificity {step['specificity']:g} (equation 1)",
        ("prevalence", "ill if called ill", "healthy if called healthy"),
        tuple(rows),
        f"At 0.74 % the paper prints {100 * step['paper_prints']:.2f} %: it leaves out the factor 1 - prevalence.",
    )


TABLES = {
    "contours": contours_table,
    "view": view_table,
    "unets": unets_table,
    "crossval": crossval_table,
    "bayes": bayes_table,
}


def main(config: Config) -> None:
    """Runs the steps and writes results.json and report.html after each."""
    write_config(config, config.out / "config.json")
    results: dict[str, Any] = {"heartviz": heartviz.__version__, "quick": config.quick, "steps": {}, "seconds": {}}
    notice = f"{INTENDED_USE} {LABELS_NOTE}"
    if config.quick:
        notice = "QUICK RUN: it shows that every step works; its numbers are not results. " + notice
    for name, run in STEPS.items():
        if name == "view" and not config.views:
            print("view: left out, --views names no films", flush=True)
            continue
        print(f"{name}: {(run.__doc__ or '').strip()}", flush=True)
        started = time.perf_counter()
        results["steps"][name] = run(config)
        results["seconds"][name] = round(time.perf_counter() - started, 1)
        (config.out / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        page = render_page("heartviz: the paper's systems, measured again", notice, tables_of(results))
        (config.out / "report.html").write_text(page, encoding="utf-8")
    print(f"{config.out / 'results.json'} and {config.out / 'report.html'}")


if __name__ == "__main__":
    run_script(main, Config)
