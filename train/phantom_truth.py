"""Whether drawn diseases do what their signs say: `python -m train.phantom_truth --out DIR`.

Patient by patient each sign is drawn alone, and where its cause map lies is compared with the place that radiology
gives it; then each disease is drawn by rising severity, and ratio and chambers must follow.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from tqdm import tqdm

from heartviz.measure import bootstrap_interval, measure_cardiothoracic_ratio
from heartviz.phantom import Film, Lesion, draw_patient, make_lesion, render_film
from heartviz.phantom.lesions import SIGNS
from train.config import run_script
from train.datasets import use_one_thread

PROCESSES = 2
SEVERITIES = (0.0, 0.25, 0.5, 0.75, 1.0)
# Where a sign shows on a frontal film, in the box of both lungs: first and last x from the picture's left, first and
# last y from the top. Source: signs of VSD, ASD and TOF (Park; Rees 1973), places by the SCR heart outlines of 246 JSRT
# films: right border x 0.36-0.40, y 0.53-0.74; pulmonary segment x 0.65-0.74, y 0.49-0.61; left ventricle's border
# x 0.74-0.81, y 0.61-0.79; knob (0.60, 0.36); pulmonary trunk (0.64, 0.44); left atrium's double contour (0.50, 0.58).
# Each box reaches as far about these as a heart twice as full does. Vessels show in the lungs and their hila.
PLACES: Mapping[str, tuple[float, float, float, float]] = MappingProxyType(
    {
        "right_atrium": (0.22, 0.52, 0.45, 0.95),
        "right_ventricle": (0.36, 0.88, 0.45, 1.0),
        "left_ventricle": (0.48, 0.98, 0.50, 1.0),
        "left_atrium": (0.34, 0.74, 0.40, 0.74),
        "pulmonary_trunk": (0.48, 0.78, 0.30, 0.60),
        "pulmonary_bay": (0.48, 0.78, 0.30, 0.60),
        "knob_small": (0.44, 0.74, 0.18, 0.52),
        "knob_large": (0.44, 0.74, 0.18, 0.52),
        "apex_up": (0.48, 0.98, 0.45, 1.0),
    }
)
IN_LUNGS = ("vessels_up", "vessels_down")
IN_HEART = ("heart",)
# What grows with a disease; the apex of TOF turns up instead, and its heart need not grow.
GROWS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"VSD": ("ratio", "lv", "la", "heart"), "ASD": ("ratio", "ra", "rv", "heart"), "Enlarged": ("ratio", "heart")}
)


@dataclass(frozen=True)
class Config:
    """Count over drawn patients whether causes lie at their place, and hearts follow severity."""

    out: Path = field(metadata={"help": "run folder: phantom_truth.json"})
    patients: int = field(default=60, metadata={"help": "drawn adults"})
    size_px: int = field(default=256, metadata={"help": "height and width of each film"})
    seed: int = field(default=300, metadata={"help": "seed of the patients"})


def measure_place(film: Film, sign: str) -> float:
    """Share of the cause map's sum that lies where the sign shows; NaN where the sign changes nothing."""
    total = float(film.cause.sum())
    if not total:
        return float("nan")
    return float(film.cause[_place(film, sign)].sum()) / total


def _place(film: Film, sign: str) -> NDArray[np.bool_]:
    lungs, heart = film.masks["lungs"], film.masks["heart"]
    if sign in IN_LUNGS:
        return lungs | heart  # vessels run behind the heart too, not outside both
    if sign in IN_HEART:
        return _grow(heart, 0.03)
    rows, cols = (np.flatnonzero(lungs.any(axis=axis)) for axis in (1, 0))
    height, width = rows[-1] - rows[0] + 1, cols[-1] - cols[0] + 1
    first_x, last_x, first_y, last_y = PLACES[sign]
    place = np.zeros_like(lungs)
    place[
        rows[0] + round(first_y * height) : rows[0] + round(last_y * height),
        cols[0] + round(first_x * width) : cols[0] + round(last_x * width),
    ] = True
    return place


def _grow(mask: NDArray[np.bool_], ratio: float) -> NDArray[np.bool_]:
    return binary_dilation(mask, iterations=max(1, round(ratio * mask.shape[1])))


def measure_growth(films: Sequence[Film], names: Sequence[str]) -> dict[str, bool]:
    """Whether each of `names` ("ratio", or a mask's area) ends higher over the films and never falls in between.

    What a pixel decides is let through: a ratio may fall by one pixel of the thorax's width, an area of A pixels by
    half of its side, sqrt(A) / 2.
    """
    found = {}
    for name in names:
        if name == "ratio":
            measured = [measure_cardiothoracic_ratio(film.masks["heart"], film.masks["lungs"]) for film in films]
            values, slack = [each.ratio for each in measured], 1 / measured[0].thorax_width_px
        else:
            values = [int(film.masks[name].sum()) for film in films]
            slack = 0.5 * float(np.sqrt(values[0]))
        steps = [after - before for before, after in pairwise(values)]
        found[name] = min(steps) >= -slack * (1 + 1e-9) and values[-1] > values[0]
    return found


def look_at_patient(number: int, config: Config) -> dict[str, Any]:
    """Shares of every sign's cause at its place, and what grows with each disease, of one drawn patient."""
    patient = draw_patient(np.random.default_rng([config.seed, number]))
    draw = partial(render_film, patient, view="pa", size_px=config.size_px, seed=number)
    places = {}
    for kind, signs in SIGNS.items():
        for sign in signs:
            film = draw(Lesion(kind, 1.0, (sign,)))
            places[f"{kind} {sign}"] = measure_place(film, sign)
    growth = {
        kind: measure_growth([draw(make_lesion(kind, severity)) for severity in SEVERITIES], names)
        for kind, names in GROWS.items()
    }
    unchanged = bool((draw(make_lesion("VSD", 0.0)).pixels == draw(None).pixels).all())
    return {"number": number, "places": places, "growth": growth, "severity_0_is_the_twin": unchanged}


def summarise(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """By sign: mean share at its place with its interval, and how many have more than half there; what always grows."""
    places = {}
    for name in lines[0]["places"]:
        shares = np.array([line["places"][name] for line in lines])
        places[name] = {
            "share": float(np.nanmean(shares)),
            "interval": list(bootstrap_interval(shares[np.isfinite(shares)])),
            "most_there": int((shares > 0.5).sum()),
            "of": int(np.isfinite(shares).sum()),
        }
    growth = {
        kind: {name: sum(line["growth"][kind][name] for line in lines) for name in names}
        for kind, names in lines[0]["growth"].items()
    }
    twins = sum(line["severity_0_is_the_twin"] for line in lines)
    return {"patients": len(lines), "places": places, "growth": growth, "severity_0_is_the_twin": twins}


def main(config: Config) -> None:
    """Writes phantom_truth.json and prints its numbers."""
    config.out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), initializer=use_one_thread) as pool:
        look = partial(look_at_patient, config=config)
        lines = list(tqdm(pool.map(look, range(config.patients)), total=config.patients, mininterval=10))
    summary = summarise(lines)
    whole = {
        "command": "python -m train.phantom_truth --out DIR",
        "config": {name: str(value) for name, value in asdict(config).items() if name != "out"},
        "summary": summary,
        "patients": lines,
    }
    (config.out / "phantom_truth.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    run_script(main, Config)
