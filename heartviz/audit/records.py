"""What an audit keeps of each film: its line in the list, numbers, and small maps on the common anatomy; no pixel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heartviz.audit.anatomy import GRID
from heartviz.records import Arm

HEALTHY = "Normal"


@dataclass(frozen=True)
class AuditedFilm:
    """One film: its line in the list, label and group; each model's probabilities and answer.

    `heart_shares` is method to arm to the share of its map in the heart; `maps` is arm to the first method's map of
    the film's own label on the common anatomy, (GRID, GRID), summing to 1, or zeros for an empty map. `heart` and
    `lungs` are how far each cell there lies in them, (GRID, GRID), 0..1.
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
    heart: NDArray[np.float32]
    lungs: NDArray[np.float32]


@dataclass(frozen=True)
class Audit:
    """All films of a list.

    `refused` is line to the reason why a film could not be audited; `about` says what films these are.
    """

    task: str
    methods: tuple[str, ...]
    films: tuple[AuditedFilm, ...]
    refused: Mapping[int, str]
    models: Mapping[str, str] = field(default_factory=dict)
    about: str = ""

    @cached_property
    def mean_heart(self) -> NDArray[np.float32]:
        """How often a cell of the common anatomy is heart, (GRID, GRID), 0..1; zeros without films."""
        return _mean([film.heart for film in self.films])

    @cached_property
    def mean_lungs(self) -> NDArray[np.float32]:
        """How often a cell of the common anatomy is lung, (GRID, GRID), 0..1; zeros without films."""
        return _mean([film.lungs for film in self.films])


def _mean(laid: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.mean(laid, axis=0) if laid else np.zeros((GRID, GRID), np.float32)
