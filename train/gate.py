"""Count what the gate does with folders of films: `python -m train.gate --films DIR [DIR ...]`.

Each film goes in as it is, inverted, mirrored, turned by 90 and by 180 degrees; one JSON line a folder and change.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from heartviz.errors import DataError, HeartvizError
from heartviz.gate import check_anatomy, check_ratio
from heartviz.measure import measure_cardiothoracic_ratio
from heartviz.preprocess import stretch_contrast
from heartviz.radiograph import load_radiograph
from heartviz.segment import segment_film
from heartviz.weights import Models, load_models
from train.config import run_script

CHANGES: Mapping[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "as it is": lambda pixels: pixels,
    "inverted": lambda pixels: 1 - pixels,
    "mirrored": lambda pixels: pixels[:, ::-1],
    "turned by 90": np.rot90,
    "turned by 180": lambda pixels: pixels[::-1, ::-1],
}


@dataclass(frozen=True)
class Config:
    """Count how many films of each folder the gate passes, warns about and refuses, and with which words."""

    films: tuple[Path, ...] = field(metadata={"help": "folders of films"})
    every: int = field(default=1, metadata={"help": "takes every Nth film of a folder"})
    changed: bool = field(default=True, metadata={"help": "also inverted, mirrored and turned"})
    weights: str = field(default="local", metadata={"help": "as HEARTVIZ_WEIGHTS"})


def judge(pixels: NDArray[np.float32], models: Models) -> tuple[str, str]:
    """("passed" | "warned" | "refused", the gate's words) of a film float32 (H, W) in 0..1."""
    picture = stretch_contrast(np.ascontiguousarray(pixels))
    found = segment_film(picture, models.trunk, models.segmenter, models.view)
    try:
        warnings = check_anatomy(found, picture)
        warnings += check_ratio(measure_cardiothoracic_ratio(found.heart_mask, found.lungs_mask))
    except HeartvizError as error:
        return "refused", str(error)
    return ("warned", warnings[0]) if warnings else ("passed", "")


def main(config: Config) -> None:
    """Prints counts, and how often each reason was given (numbers in it left out)."""
    models = load_models(config.weights)
    for folder in config.films:
        paths = sorted(path for path in folder.glob("*") if path.is_file() and path.suffix != ".csv")[:: config.every]
        if not paths:
            raise DataError(f"No film in {folder}: give folders that hold films themselves.")
        for change, make in CHANGES.items() if config.changed else [("as it is", CHANGES["as it is"])]:
            verdicts: Counter[str] = Counter()
            reasons: Counter[str] = Counter()
            for path in tqdm(paths, unit="film", desc=f"{folder.name}, {change}"):
                try:
                    verdict, words = judge(make(load_radiograph(path).pixels), models)
                except HeartvizError as error:
                    verdict, words = "unreadable", str(error)
                verdicts[verdict] += 1
                if words:
                    reasons["".join(letter for letter in words if not letter.isdigit())[:110]] += 1
            line = {"folder": f"{folder.parent.name}/{folder.name}", "change": change, "n": len(paths), **verdicts}
            print(json.dumps(line | {"reasons": dict(reasons.most_common(6))}), flush=True)


if __name__ == "__main__":
    run_script(main, Config)
