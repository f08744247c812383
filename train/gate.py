"""Count what the gate does with films and with what is none: `python -m train.gate --films DIR [DIR ...] --out FILE`.

Folders of films go in as they are and, with `--changed`, turned, mirrored and inverted, with the correction that the
gate then offers. `--foreign` folders, drawn pictures and parts of films are what none of may pass.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from heartviz.admission import admit_film, look_through_gate
from heartviz.errors import DataError, GateError, HeartvizError
from heartviz.gate import CORRECTIONS, first_refusal, warnings_of
from heartviz.preprocess import stretch_contrast
from heartviz.radiograph import load_radiograph
from heartviz.records import FloatImage, Radiograph
from heartviz.weights import Models, load_models
from train.config import run_script
from train.folds import films_of, read_splits
from train.foreign import FOREIGN, PARTS, cut_part
from train.sources.ctr512 import read_films

# What is done to a film, by the correction that undoes it.
UNDONE_BY: Mapping[str, Callable[[FloatImage], FloatImage]] = {
    "turn_half": CORRECTIONS["turn_half"].apply,
    "turn_left": CORRECTIONS["turn_right"].apply,
    "turn_right": CORRECTIONS["turn_left"].apply,
    "invert": CORRECTIONS["invert"].apply,
    "invert_turn_half": CORRECTIONS["invert_turn_half"].apply,
    "mirror": CORRECTIONS["mirror"].apply,
}


@dataclass(frozen=True)
class Config:
    """Count how many films and other pictures the gate passes, warns about and refuses, and by which check."""

    films: tuple[Path, ...] = field(default=(), metadata={"help": "folders of films that should pass, or laterals"})
    data: Path | None = field(default=None, metadata={"help": "ctr512 folder: the test films of --splits"})
    splits: Path = field(default=Path("weights/splits.csv"), metadata={"help": "split file"})
    foreign: tuple[Path, ...] = field(default=(), metadata={"help": "folders of what should not; a folder is a kind"})
    every: int = field(default=1, metadata={"help": "takes every Nth film of a folder"})
    first: int = field(default=0, metadata={"help": "from this film of a folder on"})
    changed: int = field(default=0, metadata={"help": "so many films of each folder also turned, mirrored, inverted"})
    drawn: int = field(default=0, metadata={"help": "drawn pictures of each foreign kind"})
    parts: int = field(default=0, metadata={"help": "films of the first folder of which each part is cut"})
    weights: str = field(default="local", metadata={"help": "as HEARTVIZ_WEIGHTS"})
    out: Path | None = field(default=None, metadata={"help": "JSON that gets all counts"})


def judge(source: FloatImage | Path, models: Models) -> tuple[str, str, str]:
    """Verdict ("passed", "warned", "refused"), the check that refused or warned, and its words, without an offer."""
    try:
        film = load_radiograph(source)
    except HeartvizError as error:
        return "refused", "readable", str(error)
    checks = look_through_gate(film, stretch_contrast(film.pixels), models)[2]
    refusal = first_refusal(checks)
    if refusal is not None:
        return "refused", refusal.name, refusal.sentence
    warned = [check for check in checks if check.verdict == "warned"]
    return ("warned", warned[0].name, warnings_of(checks)[0]) if warned else ("passed", "", "")


def offer_for(pixels: FloatImage, models: Models) -> str:
    """The correction that the gate offers for a film, "" for none."""
    try:
        return admit_film(Radiograph(pixels), models).offer
    except GateError as refusal:
        return refusal.offer


def count(kind: str, sources: Iterable[FloatImage | Path], models: Models) -> dict[str, Any]:
    """Counts of verdicts, of the checks that refused or warned, and the commonest words."""
    verdicts: Counter[str] = Counter()
    by_check: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for source in tqdm(sources, unit="film", desc=kind):
        verdict, check, words = judge(source, models)
        verdicts[verdict] += 1
        if check:
            by_check[f"{verdict} by {check}"] += 1
            reasons["".join(letter for letter in words if not letter.isdigit())[:110]] += 1
    line = {
        "kind": kind,
        "n": verdicts.total(),
        **verdicts,
        "checks": dict(by_check),
        "words": dict(reasons.most_common(4)),
    }
    print(json.dumps(line), flush=True)
    return line


def count_changed(kind: str, paths: list[Path], models: Models) -> dict[str, Any]:
    """How often the gate offers the very correction that undoes what was done, of films that pass as they are."""
    films = [film for film in (load_radiograph(path).pixels for path in paths) if judge(film, models)[0] != "refused"]
    right = {name: sum(offer_for(do(film), models) == name for film in films) for name, do in UNDONE_BY.items()}
    line = {"kind": kind, "n": len(films), "correction_right": right}
    print(json.dumps(line), flush=True)
    return line


def list_films(folder: Path, first: int = 0, every: int = 1) -> list[Path]:
    """The files of a folder but its tables; every Nth from the first on."""
    paths = sorted(path for path in folder.glob("*") if path.is_file() and path.suffix != ".csv")
    if not paths:
        raise DataError(f"No film in {folder}: give folders that hold films themselves.")
    return paths[first::every]


def draw_foreign(kind: str, number: int) -> Iterator[FloatImage]:
    """So many drawn pictures of a kind."""
    for seed in range(number):
        yield FOREIGN[kind](np.random.default_rng([seed, 7]))


def main(config: Config) -> None:
    """Prints one JSON line a kind, and writes them all to `--out`."""
    models, lines = load_models(config.weights), []
    for folder in config.films:
        kind = f"{folder.parent.name}/{folder.name}"
        lines.append(count(kind, list_films(folder, config.first, config.every), models))
        if config.changed:
            chosen = list_films(folder, config.first, config.every)
            lines.append(count_changed(kind, chosen[:: max(1, len(chosen) // config.changed)], models))
    if config.data is not None:
        films = films_of(read_films(config.data), read_splits(config.splits), "test")
        lines.append(count("test films", [film.image_path for film in films], models))
    for folder in config.foreign:
        lines.append(count(f"foreign: {folder.name}", list_films(folder, config.first, config.every), models))
    for kind in FOREIGN if config.drawn else ():
        lines.append(count(f"drawn: {kind}", draw_foreign(kind, config.drawn), models))
    if config.parts:
        chosen = list_films(config.films[0], config.first, config.every)
        films = [load_radiograph(path).pixels for path in chosen[:: max(1, len(chosen) // config.parts)]]
        for part in PARTS:
            lines.append(count(f"part: {part}", [cut_part(film, part) for film in films], models))
    if config.out is not None:
        config.out.write_text(json.dumps(lines, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_script(main, Config)
