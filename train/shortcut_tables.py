"""The planted-shortcut runs as a table: `python -m train.shortcut_tables --results shortcut.json` prints it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heartviz.interventions.cues import OUTSIDE_CUES
from heartviz.paper_results import ResultTable
from train.config import run_script
from train.tables import make_paper_tables

# The reach: at this strength, for cues outside the heart.
STRENGTH = 0.95


@dataclass(frozen=True)
class Config:
    """Print what train.shortcut measured, as Markdown."""

    results: Path = field(metadata={"help": "shortcut.json of train.shortcut"})
    strength: float | None = field(default=None, metadata={"help": "only the rows of this strength"})
    app: Path | None = field(default=None, metadata={"help": "gets the numbers that the Shortcut page shows, as JSON"})


def shortcut_table(result: Mapping[str, Any], strength: float | None = None) -> ResultTable:
    """A row a cue, strength and arm; with `strength` only its rows and those without a cue."""
    rows = []
    for of in sorted(result["runs"], key=lambda of: (of["cue"], of["strength"])):
        if strength is not None and of["cue"] != "none" and of["strength"] != strength:
            continue
        low, high = of["interval"]
        worst = of["worst_group"]
        rows.append(
            (
                of["cue"],
                of["strength"],
                of["arm"],
                of["films"],
                of["seeds"],
                f"{of['average']['mean']:.3f} [{low:.3f}, {high:.3f}]",
                f"{worst['mean']:.3f} ({worst['range'][0]:.3f} to {worst['range'][1]:.3f})",
                of["gap"]["mean"],
                of["auroc"]["mean"],
                of["heart_share"]["mean"],
            )
        )
    settings = result["config"]
    return ResultTable(
        "A shortcut is planted: which model takes it? Normal against VSD, signs SIMULATED on films of adults",
        (
            *("cue", "strength in training", "arm", "films", "seeds", "average accuracy [95 %]"),
            *("worst group (seeds)", "shortcut gap", "AUROC", "heart share"),
        ),
        tuple(rows),
        f"{result['command']}. Trained on {result['train_films']} films, tested on {result['test_films']} others, each "
        "in both labels, with and without the cue (cue source: with the source that it is of). VGG16 frozen but its "
        f"last convolution and the head, {settings['size_px']} px. Intervals by film, range over seeds. Gap: accuracy "
        "where the cue goes with the label minus where it doesn't. Heart share: of the squared gradient of the log "
        "probabilities by the frozen layers' outputs.",
        shortcut_finding(result["runs"]),
    )


def shortcut_finding(runs: Sequence[Mapping[str, Any]]) -> str:
    """Each arm's worst group over the cues outside the heart at strength 0.95, and its accuracy without any cue."""
    said = []
    for arm in dict.fromkeys(of["arm"] for of in runs):
        own = [of for of in runs if of["arm"] == arm]
        outside = [of for of in own if of["cue"] in OUTSIDE_CUES and of["strength"] == STRENGTH]
        clean = [of for of in own if of["cue"] == "none"]
        if outside and clean:
            worst = min(outside, key=lambda of: of["worst_group"]["mean"])
            average, worst_group = worst["average"]["mean"], worst["worst_group"]["mean"]
            said.append(
                f"{arm} {worst_group:.2f} (average {average:.2f}, cue {worst['cue']}; "
                f"without any cue {clean[0]['average']['mean']:.2f})"
            )
    return f"Worst group for cues outside the heart at strength {STRENGTH}: {'; '.join(said)}." if said else ""


def main(config: Config) -> None:
    """Prints the table, and writes the page's numbers where asked."""
    result = json.loads(config.results.read_text(encoding="utf-8"))
    if config.app is not None:
        kept = {name: result[name] for name in ("command", "train_films", "test_films", "runs")}
        text = json.dumps(kept | {"config": {"size_px": result["config"]["size_px"]}}, separators=(",", ":"))
        config.app.write_text(text + "\n", encoding="utf-8")
    print(make_paper_tables([shortcut_table(result, config.strength)]))


if __name__ == "__main__":
    run_script(main, Config)
