"""An audit's numbers for one model: curves, confusion, groups, shares, mean maps and clusters, each with its n."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, rankdata
from sklearn.metrics import adjusted_mutual_info_score, roc_curve

from heartviz.audit.clusters import MapClusters, cluster_maps
from heartviz.audit.records import HEALTHY, Audit, AuditedFilm
from heartviz.errors import DataError
from heartviz.measure import bootstrap_interval
from heartviz.records import ARMS, TASK_CLASSES, Arm

RELIABILITY_BINS = 10


@dataclass(frozen=True)
class Rate:
    """A share of `n` films with its 95 % interval (Wilson)."""

    share: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class ArmSummary:
    """One model over all films. Ill is any label but Normal; its probability is what Normal's leaves.

    `roc` is (2, points) false and true positive rates; `reliability` lists (mean probability of ill, Rate of ill) of
    each tenth that has films; `confusion` is (label, answer) counts; `groups` is (label, group) to accuracy.
    """

    roc: NDArray[np.float64]
    auroc: float
    auroc_interval: tuple[float, float]
    reliability: tuple[tuple[float, Rate], ...]
    calibration_error: float
    confusion: NDArray[np.int64]
    accuracy: Rate
    groups: Mapping[tuple[str, str], Rate]
    sensitivity: Rate
    specificity: Rate
    mean_map: NDArray[np.float32]
    clusters: MapClusters | None
    clusters_follow: Mapping[str, float]

    @property
    def worst_group(self) -> tuple[str, str]:
        """Label and group with the lowest accuracy."""
        return min(self.groups, key=lambda group: self.groups[group].share)


@dataclass(frozen=True)
class AuditSummary:
    """Every model's summary of one audit."""

    audit: Audit
    classes: tuple[str, ...]
    arms: Mapping[Arm, ArmSummary]


def summarise(audit: Audit) -> AuditSummary:
    """Raises DataError where there are not both healthy and ill films among those that could be audited."""
    ill = np.array([film.label != HEALTHY for film in audit.films])
    if not ill.any() or ill.all():
        raise DataError(
            f"{len(audit.films)} films could be audited, {int(ill.sum())} of them ill: an audit needs healthy and ill "
            "ones."
        )
    return AuditSummary(audit, TASK_CLASSES[audit.task], {arm: _summarise_arm(audit, ill, arm) for arm in ARMS})


def make_rate(right: NDArray[np.bool_]) -> Rate:
    """The share of True in (n,) with its Wilson interval; NaN for none."""
    if not len(right):
        return Rate(float("nan"), float("nan"), float("nan"), 0)
    low, high = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return Rate(float(right.mean()), float(low), float(high), len(right))


def _summarise_arm(audit: Audit, ill: NDArray[np.bool_], arm: Arm) -> ArmSummary:
    films, classes = audit.films, TASK_CLASSES[audit.task]
    scores = np.array([1 - film.probabilities[arm][HEALTHY] for film in films])
    labels = np.array([classes.index(film.label) for film in films])
    answers = np.array([classes.index(film.answers[arm]) for film in films])
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (labels, answers), 1)
    maps = np.stack([film.maps[arm] for film in films])
    drawn = maps.sum(axis=(1, 2)) > 0
    clusters = cluster_maps(maps[drawn])
    reliability = _reliability(scores, ill)
    false_positive, true_positive, _ = roc_curve(ill, scores, drop_intermediate=True)
    return ArmSummary(
        roc=np.stack([false_positive, true_positive]),
        auroc=_auroc(np.column_stack([ill, scores])),
        auroc_interval=bootstrap_interval(np.column_stack([ill, scores]), _auroc, repeats=500),
        reliability=reliability,
        calibration_error=sum(rate.n * abs(mean - rate.share) for mean, rate in reliability) / len(films),
        confusion=confusion,
        accuracy=make_rate(labels == answers),
        groups=_groups(films, labels == answers),
        sensitivity=make_rate((answers != classes.index(HEALTHY))[ill]),
        specificity=make_rate((answers == classes.index(HEALTHY))[~ill]),
        mean_map=maps[drawn].mean(axis=0) if drawn.any() else maps[0],
        clusters=clusters,
        clusters_follow=_follow(clusters, [film for film, kept in zip(films, drawn, strict=True) if kept], arm),
    )


def _auroc(rows: NDArray[np.float64]) -> float:
    """By ranks, (ill, score) a row; NaN for a drawing of films that are all healthy or all ill."""
    ill = rows[:, 0] > 0
    count, others = int(ill.sum()), int((~ill).sum())
    above = float(rankdata(rows[:, 1])[ill].sum()) - count * (count + 1) / 2
    return above / (count * others) if count and others else float("nan")


def _reliability(scores: NDArray[np.float64], ill: NDArray[np.bool_]) -> tuple[tuple[float, Rate], ...]:
    tenth = np.minimum((scores * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    return tuple(
        (float(scores[tenth == place].mean()), make_rate(ill[tenth == place]))
        for place in range(RELIABILITY_BINS)
        if (tenth == place).any()
    )


def _groups(films: tuple[AuditedFilm, ...], right: NDArray[np.bool_]) -> dict[tuple[str, str], Rate]:
    names = [(film.label, film.group) for film in films]
    return {name: make_rate(right[[each == name for each in names]]) for name in sorted(set(names))}


def _follow(clusters: MapClusters | None, films: list[AuditedFilm], arm: Arm) -> dict[str, float]:
    """How far the clusters go with label, group and answer: mutual information, 0 as by chance, 1 the same."""
    if clusters is None:
        return {}
    told = {
        "label": [film.label for film in films],
        "group": [film.group for film in films],
        "answer": [film.answers[arm] for film in films],
    }
    return {name: float(adjusted_mutual_info_score(values, clusters.labels)) for name, values in told.items()}
