"""How far inside the gate's limits frontal films lie that nothing was trained on: `python -m train.gate_margins`.

Prints a Markdown table: each number that a check asks for, its limits, and its quantiles over the films.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from heartviz.admission import look_through_gate
from heartviz.errors import DataError
from heartviz.gate import anatomy, exposure, upright, view
from heartviz.preprocess import stretch_contrast
from heartviz.radiograph import load_radiograph
from heartviz.weights import Models, load_models
from train.config import run_script
from train.gate import list_films

# What is refused beyond; None where there is no limit on that side.
LIMITS: Mapping[str, tuple[float | None, float | None]] = {
    "chest_distance": (None, 1.0),
    "lateral_prob": (None, view.MOST_LATERAL_PROB),
    "left_lung_to_the_right": (0.0, None),
    "lung_overlap": (upright.LEAST_LUNG_OVERLAP, None),
    "heart_across": upright.HEART_COL_RANGE,
    "heart_down": upright.HEART_ROW_RANGE,
    "heart_contrast": (upright.LEAST_CONTRAST, None),
    "plain_black": (None, exposure.MOST_CLIPPED),
    "plain_white": (None, exposure.MOST_CLIPPED),
    "gray_levels": (exposure.LEAST_GRAY_LEVELS, None),
    "gray_range": (exposure.LEAST_RANGE, None),
    "heart_area": (anatomy.LEAST_HEART_AREA, anatomy.LARGEST_HEART_AREA),
    **{f"{side}_lung_area": (anatomy.LEAST_LUNG_AREA, None) for side in ("left", "right")},
    **{f"{part}_certainty": (anatomy.LEAST_CERTAINTY, None) for part in ("heart", "left_lung", "right_lung")},
    **{f"{part}_stray": (None, anatomy.MOST_STRAY) for part in ("heart", "left_lung", "right_lung")},
    "left_over_right_lung": anatomy.LUNG_AREA_RATIO_RANGE,
    "cardiothoracic_ratio": anatomy.PLAUSIBLE_RATIO_RANGE,
}
QUANTILES = (0.005, 0.5, 0.995)


@dataclass(frozen=True)
class Config:
    """Measure what the gate's checks ask for on frontal films, and print it beside the limits."""

    films: tuple[Path, ...] = field(metadata={"help": "folders of frontal films that nothing was trained on"})
    every: int = field(default=1, metadata={"help": "takes every Nth film of a folder"})
    first: int = field(default=0, metadata={"help": "from this film of a folder on"})
    weights: str = field(default="local", metadata={"help": "as HEARTVIZ_WEIGHTS"})


def measure(path: Path, models: Models) -> dict[str, float] | None:
    """Every number of LIMITS for one film, None where heart or lungs were not found."""
    film = load_radiograph(path)
    picture = stretch_contrast(film.pixels)
    found, cardiothoracic, _ = look_through_gate(film, picture, models)
    placed = upright.measure_upright(found, picture)
    if cardiothoracic is None or placed is None:
        return None
    whole = {"chest_distance": found.chest_distance, "lateral_prob": found.lateral_prob}
    whole |= placed | exposure.measure_exposure(film.pixels, found) | anatomy.measure_anatomy(found)
    whole["cardiothoracic_ratio"] = cardiothoracic.ratio
    return {name: whole[name] for name in LIMITS}


def make_table(measured: Iterable[Mapping[str, float]]) -> Iterator[str]:
    """Lines of Markdown: name, limits, quantiles, films beyond a limit."""
    films = list(measured)
    yield "| asked | refused below | refused above | 0.5 % | median | 99.5 % | beyond |"
    yield "|---|---|---|---|---|---|---|"
    for name, (low, high) in LIMITS.items():
        values = np.array([film[name] for film in films])
        beyond = sum((values < limit).sum() for limit in (low,) if limit is not None)
        beyond += sum((values > limit).sum() for limit in (high,) if limit is not None)
        limits = " | ".join("" if limit is None else f"{limit:g}" for limit in (low, high))
        quantiles = " | ".join(f"{value:.3g}" for value in np.quantile(values, QUANTILES))
        yield f"| {name.replace('_', ' ')} | {limits} | {quantiles} | {beyond} of {len(films)} |"


def main(config: Config) -> None:
    """Prints the table. Raises DataError where no film shows heart and lungs."""
    models = load_models(config.weights)
    paths = [path for folder in config.films for path in list_films(folder, config)]
    films = [measure(path, models) for path in tqdm(paths, unit="film", mininterval=10)]
    whole = [film for film in films if film is not None]
    if not whole:
        raise DataError("On none of these films heart and lungs were found: give folders of frontal chest films.")
    print(f"{len(films)} films; on {len(films) - len(whole)} no heart or no lung was found.\n")
    print("\n".join(make_table(whole)))


if __name__ == "__main__":
    run_script(main, Config)
