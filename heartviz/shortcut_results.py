"""What planted shortcuts did to each way of showing a film, as `train.shortcut` measured it: numbers only."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import heartviz
from heartviz.errors import WeightsError

SHORTCUT_RESULTS = Path(heartviz.__file__).resolve().parents[1] / "weights" / "shortcut_results.json"
SHOWN_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "plain": "The whole chest (plain VGG16)",
        "x0.2": "Outside the heart x 0.2 (VGG+Mask)",
        "x0": "The heart on black",
        "x0_filled": "The heart on another film",
        "x0.2_random_background": "x 0.2, other films behind it in training",
        "levelled_lungs": "Heart and levelled lungs (hardened)",
        "gradient_penalty": "The whole chest, gradients outside punished",
    }
)
CUE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "marker": "Marker in the corner",
        "lung_gain": "Brighter lungs (x 1.2)",
        "exposure": "Another exposure (gamma and noise)",
        "heart_step": "A step inside the heart",
        "source": "The hospital that the film is of",
    }
)
# A worst group this far below the average, in shares, is called taking the shortcut.
TAKES_IT = 0.15


@dataclass(frozen=True)
class ShortcutRun:
    """One way of showing films, under one cue and strength: accuracies 0..1, mean over seeds.

    `interval` is the average's, by film; `groups` is (label, cue) to accuracy, label 0 Normal and 1 VSD, cue 0 absent
    and 1 present (for the cue "source": 0 JSRT, 1 Wingspan).
    """

    arm: str
    average: float
    interval: tuple[float, float]
    worst: float
    groups: Mapping[tuple[int, int], float]

    @property
    def takes_it(self) -> bool:
        """Whether the worst group lies far below the average."""
        return self.average - self.worst > TAKES_IT


@dataclass(frozen=True)
class ShortcutResults:
    """All runs by (cue, strength), how many films they learnt and were tested on, and the command that made them."""

    runs: Mapping[tuple[str, float], tuple[ShortcutRun, ...]]
    clean: Mapping[str, float]
    train_films: int
    test_films: int
    size_px: int
    command: str

    @property
    def strengths(self) -> list[float]:
        """The strengths that were measured, weakest first."""
        return sorted({strength for _, strength in self.runs})


def read_shortcut_results(path: Path = SHORTCUT_RESULTS) -> ShortcutResults | None:
    """The numbers of `train.shortcut_tables --app`, None where there are none. Raises WeightsError for another file."""
    if not path.is_file():
        return None
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        runs: dict[tuple[str, float], tuple[ShortcutRun, ...]] = {}
        clean = {}
        for of in whole["runs"]:
            if of["cue"] == "none":
                clean[of["arm"]] = of["average"]["mean"]
                continue
            groups = {(int(name[0]), int(name[-1])): value for name, value in of["groups"].items()}
            run = ShortcutRun(
                of["arm"], of["average"]["mean"], tuple(of["interval"]), of["worst_group"]["mean"], groups
            )
            place = of["cue"], of["strength"]
            runs[place] = (*runs.get(place, ()), run)
        return ShortcutResults(
            runs, clean, whole["train_films"], whole["test_films"], whole["config"]["size_px"], whole["command"]
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise WeightsError(f"{path.name} holds no shortcut results. Get it anew from the repository.") from error


def describe_runs(runs: Sequence[ShortcutRun]) -> str:
    """One sentence on who took the cue and who didn't."""
    named = {True: [], False: []}
    for run in runs:
        named[run.takes_it].append(
            f"{SHOWN_NAMES[run.arm]} (average {100 * run.average:.0f} %, worst group {100 * run.worst:.0f} %)"
        )
    took, resisted = "; ".join(named[True]) or "none", "; ".join(named[False]) or "none"
    return f"Taken by: {took}. Not by: {resisted}."
