"""The paper's systems in order, one results file and one page: `python -m train.reproduce --data DIR --out DIR`.

Each step is a command of its own, resumes where it was stopped, and is skipped when its result is there.
"""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import heartviz
from heartviz.bayes import predict_values
from heartviz.report import INTENDED_USE, LABELS_BY_KEY
from train import compare_unets, crossval, measure_contours, view
from train.config import run_script, write_config
from train.crossval_tables import read_step
from train.html_report import render_page
from train.paper_tables import tables_of

PAPERS_EXAMPLE = (0.8, 0.8, 0.0074)
PREVALENCES = (0.00047, 0.0074, 0.0091, 0.05, 0.2, 0.5)


STEP_NAMES = ("contours", "view", "unets", "crossval", "bayes")


@dataclass(frozen=True)
class Config:
    """Reproduce the paper's systems and tables, beside the paper's numbers."""

    data: Path = field(metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    out: Path = field(metadata={"help": "gets a folder a step, results.json and report.html"})
    views: tuple[str, ...] = field(default=(), metadata={"help": "NAME=PATH of films with views; none: step left out"})
    imagenet: Path | None = field(default=None, metadata={"help": "VGG16 features file; absent: torchvision's"})
    steps: tuple[str, ...] = field(default=STEP_NAMES, metadata={"help": "steps to run", "choices": STEP_NAMES})
    ratios: tuple[float, ...] = field(
        default=(1.0, 0.2, 0.5, 0.1, 0.0), metadata={"help": "crossval: gray outside the heart"}
    )
    publish: Path | None = field(
        default=None, metadata={"help": "also gets results.json, for the README (train.tables) and the app"}
    )
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
    settings = {"imagenet": config.imagenet, "quick": config.quick, "ratios": config.ratios}
    crossval.main(crossval.Config(data=config.data, out=folder, **settings))
    return read_step(folder / "predictions.jsonl")


def run_bayes(config: Config) -> dict[str, Any]:
    """Predictive values (paper equation 1)."""
    sensitivity, specificity, _ = PAPERS_EXAMPLE
    lines = []
    for prevalence in PREVALENCES:
        values = predict_values(sensitivity, specificity, prevalence)
        lines.append({"prevalence": prevalence, "positive": values.positive, "negative": values.negative})
    return {"sensitivity": sensitivity, "specificity": specificity, "values": lines, "paper_prints": 0.02874903}


STEPS = dict(zip(STEP_NAMES, (run_contours, run_view, run_unets, run_crossval, run_bayes), strict=True))


def main(config: Config) -> None:
    """Runs the steps and writes results.json and report.html after each."""
    write_config(config, config.out / "config.json")
    results: dict[str, Any] = {"heartviz": heartviz.__version__, "quick": config.quick, "steps": {}, "seconds": {}}
    notice = f"{INTENDED_USE} {LABELS_BY_KEY}"
    if config.quick:
        notice = "QUICK RUN: it shows that every step works; its numbers are not results. " + notice
    for name in config.steps:
        run = STEPS[name]
        if name == "view" and not config.views:
            print("view: left out, --views names no films", flush=True)
            continue
        print(f"{name}: {(run.__doc__ or '').strip()}", flush=True)
        started = time.perf_counter()
        results["steps"][name] = run(config)
        results["seconds"][name] = round(time.perf_counter() - started, 1)
        tables = tables_of(results["steps"])
        written = results | {"notice": notice, "tables": [asdict(table) for table in tables]}
        for path in (config.out / "results.json", config.publish):
            if path is not None:
                path.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
        page = render_page("heartviz: the paper's systems, measured again", notice, tables)
        (config.out / "report.html").write_text(page, encoding="utf-8")
    print(f"{config.out / 'results.json'} and {config.out / 'report.html'}")


if __name__ == "__main__":
    run_script(main, Config)
