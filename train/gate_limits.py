"""Set the gate's limits on held-out films: `python -m train.gate_limits --data DIR --films DIR ... --out DIR`.

Half of the films set the limits, the other half tells how many lie within. What is asked of outlines gets limits from
the films as they are; what is asked of exposure, from films that are spoilt step by step. Prints a Markdown table.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from heartviz.admission import look_through_gate
from heartviz.errors import DataError, RadiographError
from heartviz.gate import anatomy, exposure, upright
from heartviz.manifest import GATE_LIMITS
from heartviz.preprocess import stretch_contrast
from heartviz.radiograph import load_radiograph
from heartviz.weights import Models, load_models
from train.config import describe_config, run_script
from train.folds import films_of, read_splits
from train.gate import list_films
from train.provenance import hash_files, read_versions
from train.sources.ctr512 import read_films
from train.spoil import Harm, last_harmless, measure_harm

Measured = Mapping[str, float]
Ends = tuple[float | None, float | None]
# The models that what the gate measures hangs on.
LIMITED = ("segmenter", "view", "chest")
# Not from films: even odds, and ratios that a living patient's film may have.
GIVEN: Mapping[str, Mapping[str, Ends]] = {
    "refused": {"lateral_prob": (None, 0.5), "cardiothoracic_ratio": (0.25, 0.85)},
    "warned": {"cardiothoracic_ratio": (0.30, 0.80)},
}
# On which side a film can be refused.
SIDES: Mapping[str, str] = {
    **dict.fromkeys(("left_lung_to_the_right", "lung_overlap", "heart_contrast"), "low"),
    **dict.fromkeys(("heart_across", "heart_down", "left_over_right_lung"), "both"),
    **{f"{part}_area": "both" for part in anatomy.PARTS},
    **{f"{part}_certainty": "low" for part in anatomy.PARTS},
    **{f"{part}_stray": "high" for part in anatomy.PARTS},
}
TAIL = 0.01
FOLDS = 5
WIDENINGS = np.arange(1.0, 4.01, 0.25)
MIRRORED = 0.01  # of films that are not, warned of as mirrored
# An exposure harms where more than these shares of films or answers are other ones.
LEAST_DICE, MOST_LOST, MOST_CHANGED = 0.9, 0.1, 0.1
QUANTILES = (0.005, 0.5, 0.995)


@dataclass(frozen=True)
class Config:
    """Set the gate's limits on films that nothing was trained on, and tell how many others lie within them."""

    out: Path = field(metadata={"help": "run folder: gate_results.json"})
    films: tuple[Path, ...] = field(default=(), metadata={"help": "folders of frontal films; every second sets"})
    data: Path | None = field(default=None, metadata={"help": "ctr512 folder: validation films set, test films tell"})
    laterals: Path | None = field(default=None, metadata={"help": "folder of films from the side; every second sets"})
    splits: Path = field(default=Path("weights/splits.csv"), metadata={"help": "split file"})
    kept: float = field(default=0.985, metadata={"help": "share of setting films, left out in turn, within the limits"})
    spoilt: int = field(default=24, metadata={"help": "setting films that are spoilt for the limits of exposure"})
    weights: str = field(default="local", metadata={"help": "as HEARTVIZ_WEIGHTS"})


def measure(path: Path, models: Models) -> dict[str, float] | None:
    """Whatever the gate measures on one film, None where heart or lungs were not found."""
    film = load_radiograph(path)
    picture = stretch_contrast(film.pixels)
    found, cardiothoracic, _ = look_through_gate(film, picture, models)
    placed = upright.measure_upright(found, picture)
    if cardiothoracic is None or placed is None:
        return None
    whole = {"chest_distance": found.chest_distance, "lateral_prob": found.lateral_prob}
    whole |= placed | exposure.measure_exposure(film.pixels, found) | anatomy.measure_anatomy(found)
    return whole | {"cardiothoracic_ratio": cardiothoracic.ratio}


def straighten(name: str) -> tuple[Callable[[NDArray], NDArray], Callable[[float], float]]:
    """A scale on which a measure's tails may be lengthened, and the way back: logarithms of what can't be below 0."""
    if name.endswith("_certainty"):
        return lambda values: -np.log(np.maximum(1 - values, 1e-4)), lambda value: 1 - np.exp(-value)
    if name.endswith("_stray"):
        return lambda values: np.log(values + 0.01), lambda value: np.exp(value) - 0.01
    if name.endswith("_area") or name == "left_over_right_lung":
        return np.log, np.exp
    return lambda values: values, lambda value: value


def set_ends(name: str, values: Sequence[float], widening: float, sides: str) -> Ends:
    """From the median `widening` times as far as the last hundredth of the films lies, to three digits."""
    there, back = straighten(name)
    low, median, high = np.quantile(there(np.asarray(values, dtype=float)), (TAIL, 0.5, 1 - TAIL))
    least = _round(back(median - widening * (median - low)), np.floor) if sides in ("low", "both") else None
    most = _round(back(median + widening * (high - median)), np.ceil) if sides in ("high", "both") else None
    return least, most


def _round(value: float, way: Callable[[float], float]) -> float:
    unit = 10.0 ** (np.floor(np.log10(max(abs(value), 1e-6))) - 2)
    # Not beyond what is meant by the last bits of a product.
    return float(f"{way(round(value / unit, 6)) * unit:.6g}")


def within(film: Measured, limits: Mapping[str, Ends]) -> bool:
    """Whether a film lies within all of these limits."""
    return not any(_beyond(film[name], ends) for name, ends in limits.items() if name in film)


def _beyond(value: float, ends: Ends) -> bool:
    low, high = ends
    return (low is not None and value < low) or (high is not None and value > high)


def widen(films: Sequence[Measured], kept: float, seed: int = 0) -> tuple[float, float]:
    """The least widening with which this share of films lies within what the other folds set; and the share."""
    order = np.random.default_rng(seed).permutation(len(films))
    for widening in WIDENINGS:
        inside = 0
        for fold in range(FOLDS):
            others = [films[place] for number, place in enumerate(order) if number % FOLDS != fold]
            limits = set_all(others, float(widening))
            inside += sum(within(films[place], limits) for place in order[fold::FOLDS])
        if inside >= kept * len(films):
            return float(widening), inside / len(films)
    raise DataError(
        f"With no limits do {kept:.1%} of the {len(films)} films pass: give more of them, or a lower --kept."
    )


def set_all(films: Sequence[Measured], widening: float) -> dict[str, Ends]:
    """Limits of all that is asked of outlines."""
    return {name: set_ends(name, [film[name] for film in films], widening, sides) for name, sides in SIDES.items()}


def set_exposure(harms: Mapping[str, Sequence[Harm]]) -> tuple[dict[str, Ends], dict[str, Ends]]:
    """Limits of exposure and size: refused from where hearts are lost, warned of from where answers change."""
    refused, warned = {}, {}
    for name, steps in harms.items():
        outlined = last_harmless(steps, lambda harm: harm.lost(LEAST_DICE) > MOST_LOST)
        answered = last_harmless(steps, lambda harm: harm.answers_changed > MOST_CHANGED)
        for limits, kind, last in ((refused, "refused", outlined), (warned, "warned", answered)):
            if name in GATE_LIMITS[kind]:
                if last is None:
                    raise DataError(f"Already the mildest step of {name} harms: the gate can't be set by these films.")
                limits[name] = (None, last) if name.startswith("plain") else (last, None)
    return refused, warned


def make_table(films: Sequence[Measured], limits: Mapping[str, Ends]) -> Iterator[str]:
    """Lines of Markdown: name, limits, quantiles of the films, how many lie beyond."""
    yield "| asked | refused below | refused above | 0.5 % | median | 99.5 % | beyond |"
    yield "|---|---|---|---|---|---|---|"
    for name, ends in limits.items():
        values = np.array([film[name] for film in films])
        beyond = sum(_beyond(value, ends) for value in values)
        shown = " | ".join("" if end is None else f"{end:g}" for end in ends)
        quantiles = " | ".join(f"{value:.3g}" for value in np.quantile(values, QUANTILES))
        yield f"| {name.replace('_', ' ')} | {shown} | {quantiles} | {beyond} of {len(films)} |"


def list_halves(config: Config) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
    """Paths of the films that set the limits, and of those that tell how many lie within, by where they come from."""
    sets, tells = {}, {}
    if config.data is not None:
        films, splits = read_films(config.data), read_splits(config.splits)
        sets["validation"] = [film.image_path for film in films_of(films, splits, "validation")]
        tells["test"] = [film.image_path for film in films_of(films, splits, "test")]
    for folder in config.films:
        paths = list_films(folder)
        sets[str(folder)], tells[str(folder)] = paths[::2], paths[1::2]
    if not sets:
        raise DataError("No films: give --films, --data, or both.")
    return sets, tells


def measure_all(paths: Mapping[str, Sequence[Path]], models: Models, words: str) -> list[dict[str, float]]:
    """What the gate measures on each film on which heart and lungs are found; a file that is no film is left out."""
    found = []
    for path in tqdm([path for part in paths.values() for path in part], unit="film", desc=words, mininterval=10):
        try:
            found.append(measure(path, models))
        except RadiographError as error:
            tqdm.write(f"{path.name}: left out: {error}")
    return [film for film in found if film is not None]


def set_laterals(folder: Path, models: Models) -> Ends:
    """How far films from the side lie from the training films at most; what lies further is called no chest film."""
    distances = []
    for path in tqdm(list_films(folder)[::2], unit="film", desc="laterals", mininterval=10):
        film = load_radiograph(path)
        distances.append(look_through_gate(film, stretch_contrast(film.pixels), models)[0].chest_distance)
    return None, _round(max(distances), np.ceil)


def main(config: Config) -> None:
    """Writes gate_results.json for `train.export --gate`. Raises DataError where the films can't set the limits."""
    models = load_models(config.weights)
    sets, tells = list_halves(config)
    setting, telling = (measure_all(paths, models, words) for paths, words in ((sets, "sets"), (tells, "tells")))
    if not setting:
        raise DataError("On none of these films heart and lungs were found: give folders of frontal chest films.")
    widening, inside = widen(setting, config.kept)
    every = [path for part in sets.values() for path in part]
    spoilt = every[:: max(1, len(every) // config.spoilt)]
    harms = measure_harm((load_radiograph(path).pixels for path in spoilt), models)
    refused, warned = set_exposure(harms)
    refused |= set_all(setting, widening) | GIVEN["refused"]
    if config.laterals is not None:
        refused["lateral_distance"] = set_laterals(config.laterals, models)
    else:
        refused["lateral_distance"] = models.manifest["gate"]["refused"]["lateral_distance"]
    across = np.quantile([film["heart_across"] for film in setting], MIRRORED)
    warned |= {"heart_across": (_round(float(across), np.floor), None)} | GIVEN["warned"]
    limits = {
        kind: {name: chosen[name] for name in GATE_LIMITS[kind]}
        for kind, chosen in (("refused", refused), ("warned", warned))
    }
    asked = {name: ends for name, ends in limits["refused"].items() if name != "lateral_distance"}
    results = limits | {
        "widening": widening,
        "left_out_within": round(inside, 4),
        "films": {"set": len(setting), "spoilt": len(spoilt), "told": len(telling)},
        "told_within": sum(within(film, {**asked, "chest_distance": (None, 1.0)}) for film in telling),
        "harms": {name: [_describe(harm) for harm in steps] for name, steps in harms.items()},
        "models": {name: models.sha256[name] for name in LIMITED},
        "films_sha256": hash_files(every),
        "config": describe_config(config),
        "versions": read_versions(),
    }
    config.out.mkdir(parents=True, exist_ok=True)
    (config.out / "gate_results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(
        f"{len(setting)} films set the limits (widening {widening:g}; {inside:.1%} within when left out); of "
        f"{len(telling)} others {results['told_within']} lie within all.\n"
    )
    print("\n".join(make_table(telling, asked)))


def _describe(harm: Harm) -> dict[str, Any]:
    return {
        "step": harm.step,
        "films": len(harm.heart_dice),
        "median_heart_dice": round(float(np.nanmedian(harm.heart_dice)), 4),
        "hearts_lost": round(harm.lost(LEAST_DICE), 4),
        "answers_changed": round(harm.answers_changed, 4),
    }


if __name__ == "__main__":
    run_script(main, Config)
