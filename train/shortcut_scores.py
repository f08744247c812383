"""What the planted-shortcut runs come to: average, worst group, gap, AUROC, heart share, by cue, strength and arm."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from heartviz.measure import bootstrap_interval

KIND = ("cue", "strength", "arm")


def score_groups(probability: NDArray[np.float64], sources: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """By film (n,): "average" accuracy over its groups, and accuracy in each group "label, cue".

    `probability` of VSD is (cue, film, label). A planted cue has two states, absent and present, and every film is in
    all four groups. Without one the groups are label and source, and a film is NaN in the other source's.
    """
    right = np.stack([probability[:, :, 0] < 0.5, probability[:, :, 1] >= 0.5], axis=2).astype(float)
    groups = {}
    for label in (0, 1):
        if len(right) == 2:
            for cue in (0, 1):
                groups[f"{label}, {cue}"] = right[cue, :, label]
        else:
            for cue, source in enumerate(("jsrt", "wingspan")):
                groups[f"{label}, {cue}"] = np.where(np.array(sources) == source, right[0, :, label], np.nan)
    return {"average": right.mean(axis=(0, 2))} | groups


def score_run(line: Mapping[str, Any], sources: Sequence[str]) -> dict[str, float]:
    """Numbers of one run. Aligned is VSD with the cue and Normal without it; the gap is aligned minus conflicting."""
    probability = np.array(line["probability"])
    scores = {name: float(np.nanmean(values)) for name, values in score_groups(probability, sources).items()}
    truth = np.broadcast_to([0, 1], probability.shape)
    return {
        "average": scores["average"],
        "worst_group": min(value for name, value in scores.items() if name != "average"),
        "gap": (scores["0, 0"] + scores["1, 1"] - scores["0, 1"] - scores["1, 0"]) / 2,
        "auroc": float(roc_auc_score(truth.ravel(), probability.ravel())),
        "heart_share": float(line["heart_share"]),
    }


def summarise_runs(lines: Sequence[Mapping[str, Any]], sources: Sequence[str]) -> list[dict[str, Any]]:
    """One entry a cue, strength and arm: mean and range over seeds, and the average's interval by film."""
    kinds = dict.fromkeys(tuple(line[name] for name in KIND) for line in lines)
    entries = []
    for kind in kinds:
        own = [line for line in lines if tuple(line[name] for name in KIND) == kind]
        scores = [score_run(line, sources) for line in own]
        groups = [score_groups(np.array(line["probability"]), sources) for line in own]
        by_film = np.mean([of["average"] for of in groups], axis=0)
        entries.append(
            dict(zip(KIND, kind, strict=True))
            | {"seeds": len(own), "films": len(by_film), "interval": list(bootstrap_interval(by_film))}
            | {
                "groups": {
                    name: float(np.mean([np.nanmean(of[name]) for of in groups]))
                    for name in groups[0]
                    if name != "average"
                }
            }
            | {
                name: {
                    "mean": float(np.mean([score[name] for score in scores])),
                    "range": [min(score[name] for score in scores), max(score[name] for score in scores)],
                }
                for name in scores[0]
            }
        )
    return entries
