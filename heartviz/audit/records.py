"""What an audit keeps of each film: its line in the list, numbers, and small maps on the common anatomy; no pixel."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heartviz.records import Arm


@dataclass(frozen=True)
class AuditedFilm:
    """One film: its line in the list, label and group; each model's probabilities and answer.

    `heart_shares` is method to arm to the share of its map in the heart; `maps` is arm to the first method's map of
    the film's own label on the common anatomy, (GRID, GRID), summing to 1, or zeros for an empty map.
    """

    line: int
    label: str
    group: str
    ratio: float
    heart_chance: float
    probabilities: Mapping[Arm, Mapping[str, float]]
    answers: Mapping[Arm, str]
    heart_shares: Mapping[str, Mapping[Arm, float]]
    maps: Mapping[Arm, NDArray[np.float32]]


@dataclass(frozen=True)
class Audit:
    """All films of a list. `mean_heart` and `mean_lungs` are how often a cell is one, (GRID, GRID), 0..1.

    `refused` is line to the reason why a film could not be audited; `about` says what films these are.
    """

    task: str
    methods: tuple[str, ...]
    films: tuple[AuditedFilm, ...]
    refused: Mapping[int, str]
    mean_heart: NDArray[np.float32]
    mean_lungs: NDArray[np.float32]
    models: Mapping[str, str] = field(default_factory=dict)
    about: str = ""
