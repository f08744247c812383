"""Which map finds the drawn signs, as a table: `python -m train.cause_tables --results causes.json` prints it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from heartviz.paper_results import ResultTable
from heartviz.words import METHOD_WORDS
from train.causes import EDGES
from train.config import run_script
from train.tables import ARM_TITLES, make_paper_tables

# A map must find this much more of the signs than the picture's edges do, at the low end of the interval.
BELIEVED_FROM = 0.05


@dataclass(frozen=True)
class Config:
    """Print what train.causes measured, as Markdown."""

    results: Path = field(metadata={"help": "causes.json of train.causes"})
    app: Path | None = field(default=None, metadata={"help": "gets the table that the Results page shows, as JSON"})


def cause_table(result: Mapping[str, Any]) -> ResultTable:
    """A row a method and model, the method that finds most of the signs on plain VGG16 first."""
    entries = sorted(result["methods"], key=lambda of: -_best(result["methods"], of["method"]))
    command = f"{result['command']} --drawings {max(of['drawings'] for of in entries)}"
    chance, settings = float(np.mean([of["chance"] for of in entries])), result["config"]
    return ResultTable(
        "Does the map find its cause? Drawn signs whose pixels are known, SIMULATED on films of adults",
        (
            *("method", "model", "films", "drawings", "found of the signs [95 %]", "more than edges [95 %]"),
            *("highest pixel in the signs", "share of the map in the signs", "share of the map in the heart"),
            "clearly more than edges",
        ),
        tuple(_row(of) for of in entries),
        f"{command}. Test films, none learnt from, each drawn with VSD, ASD and TOF; the map explains the "
        "drawn class. Found: share of the signs' pixels among as many highest absolute values of the map "
        f"(chance {chance:.2f}; intervals by film). Edges: the gradient of the picture itself. "
        "Share in the heart: median over drawings (quarter to three quarters of them). Clearly: by "
        f"{BELIEVED_FROM} at least at the interval's low end. A map can find strong signs without hanging on what the "
        "model learnt, as Deep Taylor's do, also gone wrong: its control on random weights on the page tells. "
        "Integrated Gradients with "
        f"{settings['integration_steps']} steps, SmoothGrad with {settings['smoothgrad_samples']} copies and patches "
        f"every {settings['patch_stride_px']} px; the page has 32, 16 and 24.",
        cause_finding(result["methods"]),
    )


def believed(of: Mapping[str, Any]) -> bool:
    """Whether the map finds clearly more of the signs than the picture's edges do."""
    return of["method"] != EDGES and of["over_edges"]["interval"][0] >= BELIEVED_FROM


def cause_finding(entries: Sequence[Mapping[str, Any]]) -> str:
    """Which methods can be believed on every model that they were tried on, on some, and on none."""
    kinds: dict[str, list[str]] = {"every model": [], "some models": [], "no model": []}
    for method in dict.fromkeys(of["method"] for of in entries if of["method"] != EDGES):
        own = [of for of in entries if of["method"] == method]
        good = [ARM_TITLES[of["arm"]] for of in own if believed(of)]
        kind = "every model" if len(good) == len(own) else "some models" if good else "no model"
        only = f" ({', '.join(good)})" if kind == "some models" else ""
        kinds[kind].append(METHOD_WORDS[method].label + only)
    told = ". ".join(f"On {kind}: {'; '.join(names) or 'none'}" for kind, names in kinds.items())
    return f"Maps that find clearly more of the signs than edges do. {told}."


def _best(entries: Sequence[Mapping[str, Any]], method: str) -> float:
    return next(of["rank"]["mean"] for of in entries if of["method"] == method)


def _row(of: Mapping[str, Any]) -> tuple[str | float | int | None, ...]:
    _, quarter, middle, three_quarters, _ = of["heart"]["quantiles"]
    label = "Edges of the picture" if of["method"] == EDGES else METHOD_WORDS[of["method"]].label
    return (
        *(label, ARM_TITLES[of["arm"]], of["films"], of["drawings"], _interval(of["rank"])),
        None if of["method"] == EDGES else _interval(of["over_edges"], "+"),
        *(of["hit"]["mean"], of["share"]["mean"], f"{middle:.2f} ({quarter:.2f} to {three_quarters:.2f})"),
        None if of["method"] == EDGES else "yes" if believed(of) else "no",
    )


def _interval(of: Mapping[str, Any], sign: str = "") -> str:
    low, high = of["interval"]
    return f"{of['mean']:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def main(config: Config) -> None:
    """Prints the table, and writes it for the page where asked."""
    result = json.loads(config.results.read_text(encoding="utf-8"))
    table = cause_table(result)
    if config.app is not None:
        shares = [
            {"method": of["method"], "arm": of["arm"], "drawings": of["drawings"], **of["heart"]}
            for of in result["methods"]
            if of["method"] != EDGES
        ]
        whole = {"tables": [asdict(table)], "heart_shares": shares}
        config.app.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    print(make_paper_tables([table]))


if __name__ == "__main__":
    run_script(main, Config)
