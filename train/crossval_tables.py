"""The paper's tables from the folds of `train.crossval`: `python -m train.crossval_tables --predictions FILE`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from heartviz.errors import DataError
from heartviz.measure import bootstrap_interval
from train.config import run_script
from train.crossval import TASKS
from train.paper import PAPER_TABLES
from train.paper_tables import crossval_table, source_table
from train.tables import make_paper_tables

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Config:
    """Print the cross-validated tables beside the paper's, as Markdown, and write them as JSON."""

    predictions: Path = field(metadata={"help": "predictions.jsonl of train.crossval"})
    out: Path | None = field(default=None, metadata={"help": "gets the tables as JSON"})


def score_table(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Scores of one table from its folds: mean and variance over folds, then over all tested films.

    `by_class` is each class's accuracy against the rest, as the paper defines it. `swapped_normals` are the same models
    on Normals of the source that they were not trained with: how many are called Normal, and the AUROC of any disease
    against them; beside each the same for the `own` Normals.
    """
    accuracies, aurocs, disease_aurocs, swapped_aurocs, parts = [], [], [], [], []
    for line in lines:
        probabilities, labels = np.array(line["probabilities"]), np.array(line["label"])
        probabilities /= probabilities.sum(axis=1, keepdims=True)  # they were rounded to five digits
        swapped = np.array(line["swapped"])
        own = ~swapped
        accuracies.append(float((probabilities[own].argmax(1) == labels[own]).mean()))
        aurocs.append(_auroc(probabilities[own], labels[own]))
        for chosen, found in ((own, disease_aurocs), (swapped | (labels > 0), swapped_aurocs)):
            found.append(roc_auc_score(labels[chosen] > 0, 1 - probabilities[chosen, 0]))
        parts.append((probabilities, labels, swapped, np.array(line["film"])))
    probabilities, labels, swapped, films = (np.concatenate(part) for part in zip(*parts, strict=True))
    own, called = ~swapped, probabilities.argmax(1)
    right = called == labels
    sources = np.array([film.split("/")[0] for film in films])
    names = TASKS[lines[0]["task"]]
    groups = {
        f"{source}/{names[label]}": float(right[own & (sources == source) & (labels == label)].mean())
        for label in range(len(names))
        for source in np.unique(sources[own & (labels == label)])
    }
    return {
        "n": int(own.sum()),
        "folds": len(lines),
        "accuracy": float(np.mean(accuracies)),
        "accuracy_variance": float(np.var(accuracies)),
        "auroc": float(np.mean(aurocs)),
        "auroc_variance": float(np.var(aurocs)),
        "interval": bootstrap_interval(right[own].astype(float)),
        "by_class": {
            name: float(((called == label) == (labels == label))[own].mean()) for label, name in enumerate(names)
        },
        "by_group": groups,
        "worst_group": min(groups.values()),
        "calibration_error": _calibration_error(probabilities[own], right[own]),
        "swapped_normals": {
            "n": len(np.unique(films[swapped])),
            "called_normal": float((called[swapped] == 0).mean()),
            "own_called_normal": float((called[own & (labels == 0)] == 0).mean()),
            "auroc": float(np.mean(swapped_aurocs)),
            "own_auroc": float(np.mean(disease_aurocs)),
        },
    }


def _auroc(probabilities: NDArray, labels: NDArray) -> float:
    if probabilities.shape[1] == 2:
        return float(roc_auc_score(labels, probabilities[:, 1]))
    return float(roc_auc_score(labels, probabilities, multi_class="ovr"))


def _calibration_error(probabilities: NDArray, right: NDArray) -> float:
    """Expected calibration error over 15 bins of equal width."""
    confidence = probabilities.max(1)
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [
        (bins == number).mean() * abs(right[bins == number].mean() - confidence[bins == number].mean())
        for number in np.unique(bins)
    ]
    return float(sum(gaps))


def make_tables(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One table a (task, Normals, ratio) whose folds are there, with the paper's numbers where it prints them."""
    tables: dict[tuple[str, str, float], list[dict[str, Any]]] = {}
    for line in lines:
        tables.setdefault((line["task"], line["normals"], line["ratio"]), []).append(line)
    made = []
    for (task, normals, ratio), folds in tables.items():
        paper = PAPER_TABLES.get((task, normals, ratio))
        made.append(
            {"task": task, "normals": normals, "ratio": ratio}
            | score_table(folds)
            | {"paper": None if paper is None else vars(paper)}
        )
    return made


def read_step(predictions: Path) -> dict[str, Any]:
    """What `train.crossval` wrote beside its predictions, its command, and the tables of the folds done so far.

    Raises DataError where there are none.
    """
    if not predictions.exists():
        raise DataError(f"No {predictions}: run train.crossval first, it writes it fold by fold.")
    run = json.loads(predictions.with_name("crossval.json").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in predictions.read_text(encoding="utf-8").splitlines()]
    return run | {"command": "python -m train.crossval --data DIR --out DIR", "tables": make_tables(lines)}


def main(config: Config) -> None:
    """Prints the Markdown, and writes the tables to `--out`."""
    step = read_step(config.predictions)
    if config.out is not None:
        config.out.write_text(json.dumps(step["tables"], indent=2) + "\n", encoding="utf-8")
    print(make_paper_tables((crossval_table(step), source_table(step))))


if __name__ == "__main__":
    run_script(main, Config)
