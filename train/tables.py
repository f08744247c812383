"""The results of README and docs/TABLES.md as Markdown, from the JSON that was measured: `python -m train.tables`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from heartviz.paper_results import PAPER_RESULTS, ResultTable, format_cell, read_paper_results
from heartviz.records import ARMS
from train.config import run_script

ARM_TITLES = {
    "plain": "Plain VGG16",
    "mask": "VGG+Mask",
    "hardened": "Hardened",
    "outline_reader": "Reader of the true outline",
}
GROUP_TITLES = {"both": "contour and vessel signs", "contour": "contour signs only", "vessels": "vessel signs only"}


@dataclass(frozen=True)
class Config:
    """Print the results of train.evaluate and of train.reproduce as Markdown tables."""

    results: Path = field(default=Path("weights/results.json"), metadata={"help": "JSON of train.evaluate"})
    paper: Path = field(default=PAPER_RESULTS, metadata={"help": "JSON of train.reproduce"})


def make_tables(results: dict) -> str:
    """Four tables, each with n and split: segmenter, heart size, congenital signs, and films as they are."""
    parts = [
        f"Measured by `{results['command']}` on the {results['held_out']} films of the `{results['split']}` part of "
        f"`weights/splits.csv`, which nothing was trained or calibrated on ({results['training_films']} films trained, "
        f"{results['validation_films']} validated). Brackets: 95 % bootstrap interval by film.",
        "",
        "**Outlines** (real films, hand-drawn masks; HD95 in mm-equivalent, 0.7 mm a pixel at 512):",
        "",
        "| source | n | heart Dice | lungs Dice | heart HD95 | ratio: mean abs. error | ratio: bias, limits |",
        "|---|---|---|---|---|---|---|",
    ]
    for source, of in results["segmenter"].items():
        ratio = of["ratio"]
        low, high = ratio["limits_of_agreement"]
        parts.append(
            f"| {source} | {of['n']} | {_with_interval(of['heart_dice'], 'mean')} | "
            f"{_with_interval(of['lungs_dice'], 'mean')} | {_with_interval(of['heart_hd95_mm'], 'mean', 1)} | "
            f"{_with_interval(ratio, 'mean_absolute_error', 4)} | {ratio['bias']:+.4f}, {low:+.3f} to {high:+.3f} |"
        )
    parts += [
        "",
        "**Heart size** (real films, Enlarged: ratio of the masks above 0.50; at the stored operating point):",
        "",
        "| model | n | AUROC | accuracy | sensitivity | specificity | worst group (source x class) |",
        "|---|---|---|---|---|---|---|",
    ]
    for arm in ARMS:
        of = results["heart_size"][arm]
        low, high = of["auroc_interval"]
        parts.append(
            f"| {ARM_TITLES[arm]} | {of['n']} | {of['auroc']:.3f} [{low:.3f}, {high:.3f}] | "
            f"{_with_interval(of, 'accuracy')} | {of['sensitivity']:.3f} | {of['specificity']:.3f} | "
            f"{of['worst_group']:.3f} |"
        )
    parts += [
        "",
        "**Congenital signs** (SIMULATED on real films; accuracy over Normal, VSD, ASD, TOF; chance 0.25):",
        "",
        "| signs | model | n | accuracy | above the reader | AUROC | Normal | VSD | ASD | TOF | "
        "strength low / mid / high | worst group |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for group, title in GROUP_TITLES.items():
        for model, model_title in ARM_TITLES.items():
            if model in results["congenital"][group]:
                parts.append(_congenital_row(title, model_title, results["congenital"][group][model]))
    parts += [
        "",
        "**In use** (films as they are, nothing simulated; share of the sensitivity of the default map, in brackets "
        "what the region covers):",
        "",
        "| source | films | accepted | model | congenital answer: Normal / VSD / ASD / TOF | called Enlarged | "
        "in the heart | in the lungs | elsewhere |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for source, of in results["use"].items():
        parts += [_use_row(source, of, arm) for arm in ARMS]
    return "\n".join(parts)


def _use_row(source: str, of: dict, arm: str) -> str:
    answers = " / ".join(str(count) for count in of["answers"]["congenital"][arm].values())
    shares = " | ".join(
        f"{of['shares'][arm][region]['mean']:.2f} ({of['chance'][region]['mean']:.2f})" for region in of["chance"]
    )
    enlarged = of["answers"]["heart_size"][arm]["Enlarged"]
    return f"| {source} | {of['n']} | {of['accepted']} | {ARM_TITLES[arm]} | {answers} | {enlarged} | {shares} |"


def _congenital_row(title: str, model_title: str, of: dict) -> str:
    classes = " | ".join(f"{value:.2f}" for value in of["by_class"].values())
    thirds = " / ".join(f"{value:.2f}" for value in of["by_severity_third"].values())
    above = of.get("above_reader")
    more = "-"
    if above is not None:
        more = f"{above['difference']:+.3f} [{above['interval'][0]:+.3f}, {above['interval'][1]:+.3f}]"
    auroc = f"{of['auroc_one_vs_rest']:.3f}" if "auroc_one_vs_rest" in of else "-"
    return (
        f"| {title} | {model_title} | {of['n']} | {_with_interval(of, 'accuracy')} | {more} | {auroc} | {classes} | "
        f"{thirds} | {of['worst_group']:.2f} |"
    )


def _with_interval(values: dict, name: str, digits: int = 3) -> str:
    low, high = values["interval"]
    return f"{values[name]:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def make_paper_tables(tables: Sequence[ResultTable]) -> str:
    """The paper's tables, each with its finding above and its notes under it."""
    return "\n\n".join(_paper_table(table) for table in tables)


def _paper_table(table: ResultTable) -> str:
    lines = [f"**{table.title}**", ""]
    lines += [table.finding, ""] if table.finding else []
    lines += [f"| {' | '.join(table.columns)} |", f"|{'---|' * len(table.columns)}"]
    lines += [f"| {' | '.join(map(format_cell, row))} |" for row in table.rows]
    return "\n".join([*lines, "", table.under])


def main(config: Config) -> None:
    """Prints the tables of both."""
    print(make_tables(json.loads(config.results.read_text(encoding="utf-8"))))
    print("\n" + make_paper_tables(read_paper_results(config.paper)))


if __name__ == "__main__":
    run_script(main, Config)
