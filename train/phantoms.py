"""How real the drawn films are to models that never saw one: `python -m train.phantoms --out DIR`.

The shipped segmenter, view head and gate look at drawn films; outlines are compared with the drawn masks.
"""

import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from heartviz.admission import look_through_gate
from heartviz.asking import ask_models
from heartviz.gate import first_refusal
from heartviz.measure import bootstrap_interval, measure_cardiothoracic_ratio
from heartviz.phantom import KINDS
from heartviz.phantom_files import Order, draw_film
from heartviz.preprocess import stretch_contrast
from heartviz.records import ARMS, Radiograph
from heartviz.weights import Models, load_models
from train.config import run_script
from train.datasets import use_one_thread
from train.metrics import dice

PROCESSES = 2


@dataclass(frozen=True)
class Config:
    """Measure how real drawn films are to the shipped segmenter, view head and gate."""

    out: Path = field(metadata={"help": "run folder: phantoms.json"})
    count: int = field(default=200, metadata={"help": "frontal films"})
    laterals: int = field(default=100, metadata={"help": "lateral films"})
    kinds: tuple[str, ...] = field(default=("Normal",), metadata={"help": "classes in turn", "choices": KINDS})
    view: str = field(default="pa", metadata={"help": "view of the frontal films", "choices": ("pa", "ap")})
    weights: str = field(default="local", metadata={"help": "as HEARTVIZ_WEIGHTS"})
    seed: int = field(default=100, metadata={"help": "seed of the drawings"})


def look_at_film(number: int, order: Order, weights: str) -> dict[str, Any]:
    """One drawn film as the models see it: Dice of heart and lungs, ratios, view, words of gate and classifiers."""
    models, film = _load_once(weights), draw_film(order, number)
    picture = stretch_contrast(film.pixels)
    found, _, checks = look_through_gate(Radiograph(film.pixels), picture, models)
    refusal = first_refusal(checks)
    line: dict[str, Any] = {
        "number": number,
        "view": order.view,
        "kind": film.lesion.kind,
        "lateral_prob": round(found.lateral_prob, 4),
        "refused": "" if refusal is None else refusal.sentence,
    }
    if order.view != "lateral":
        heart, lungs = film.masks["heart"], film.masks["left_lung"] | film.masks["right_lung"]
        line |= {
            "heart_dice": dice(found.heart_mask, heart),
            "lungs_dice": dice(found.lungs_mask, lungs),
            "ratio": measure_cardiothoracic_ratio(heart, lungs).ratio,
        }
        if found.heart_mask.any() and found.lungs_mask.any():
            line["ratio_found"] = measure_cardiothoracic_ratio(found.heart_mask, found.lungs_mask).ratio
            predictions = ask_models(models, picture, found, "congenital", film.lesion.kind)[0]
            line["answers"] = {arm: answer.label for arm, answer in predictions["congenital"].items()}
    return line


@cache
def _load_once(weights: str) -> Models:
    return load_models(weights)


def summarise(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians of Dice with intervals, the ratio, how many views and answers are right and films let through."""
    frontal = [line for line in lines if line["view"] != "lateral"]
    lateral = [line for line in lines if line["view"] == "lateral"]
    summary: dict[str, Any] = {"frontal": len(frontal), "lateral": len(lateral)}
    for name in ("heart_dice", "lungs_dice"):
        values = [line[name] for line in frontal]
        summary[name] = {
            "median": float(np.median(values)),
            "interval": list(bootstrap_interval(values, np.median)),
            "tenth": float(np.quantile(values, 0.1)),
        }
    ratios = np.array([line["ratio"] for line in frontal])
    errors = np.array([line.get("ratio_found", np.nan) for line in frontal]) - ratios
    right = [line["lateral_prob"] <= 0.5 for line in frontal] + [line["lateral_prob"] > 0.5 for line in lateral]
    return summary | {
        "ratio": {"mean": float(ratios.mean()), "sd": float(ratios.std())},
        "ratio_error": {"bias": float(np.nanmean(errors)), "mean_absolute": float(np.nanmean(np.abs(errors)))},
        "view_right": {"count": sum(right), "of": len(right)},
        "let_through": {"count": sum(not line["refused"] for line in frontal), "of": len(frontal)},
        "congenital": _count_answers([line for line in frontal if "answers" in line]),
    }


def _count_answers(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How often each model names the drawn class, and its answers by class, (answer: count)."""
    counted: dict[str, Any] = {}
    for arm in ARMS:
        right = [line["answers"][arm] == line["kind"] for line in lines]
        by_kind = {
            kind: dict(Counter(line["answers"][arm] for line in lines if line["kind"] == kind))
            for kind in dict.fromkeys(line["kind"] for line in lines)
        }
        interval = list(bootstrap_interval(np.array(right, float))) if right else []
        counted[arm] = {"n": len(right), "accuracy": float(np.mean(right)) if right else None, "interval": interval}
        counted[arm]["answers"] = by_kind
    return counted


def main(config: Config) -> None:
    """Writes phantoms.json and prints its numbers."""
    config.out.mkdir(parents=True, exist_ok=True)
    lines = []
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), initializer=use_one_thread) as pool:
        for view, count, ages in ((config.view, config.count, None), ("lateral", config.laterals, None)):
            order = Order(count, config.kinds, view, None, config.seed, config.out, ages=ages)
            look = partial(look_at_film, order=order, weights=config.weights)
            lines += tqdm(pool.map(look, range(count)), total=count, unit="film", desc=view, mininterval=10)
    summary = summarise(lines)
    models = load_models(config.weights)
    whole = {
        "command": "python -m train.phantoms --out DIR",
        "config": {name: str(value) for name, value in asdict(config).items()},
        "models": {name: models.sha256[name] for name in ("trunk", "segmenter", "view")},
        "summary": summary,
        "films": lines,
    }
    (config.out / "phantoms.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    run_script(main, Config)
