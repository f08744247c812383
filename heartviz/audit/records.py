"""What an audit keeps of each film: its line in the list, numbers, and small maps on the common anatomy; no pixel."""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heartviz.audit.anatomy import GRID
from heartviz.errors import DataError
from heartviz.records import Arm

FORMAT = 1


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


def write_audit(audit: Audit, path: Path) -> None:
    """The audit as JSON; maps in steps of a 255th of their highest value."""
    films = [
        {name: value for name, value in asdict(film).items() if name != "maps"}
        | {"maps": {arm: _pack(values) for arm, values in film.maps.items()}}
        for film in audit.films
    ]
    whole = {
        "format": FORMAT,
        "task": audit.task,
        "methods": list(audit.methods),
        "about": audit.about,
        "models": dict(audit.models),
        "refused": {str(line): reason for line, reason in audit.refused.items()},
        "mean_heart": _pack(audit.mean_heart),
        "mean_lungs": _pack(audit.mean_lungs),
        "films": films,
    }
    path.write_text(json.dumps(whole, separators=(",", ":")) + "\n", encoding="utf-8")


def read_audit(path: Path) -> Audit:
    """Raises DataError for a file that is no audit, or of another version."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        if whole["format"] != FORMAT:
            raise DataError(f"{path.name} is of another version of the audit: make it anew.")
        films = tuple(
            AuditedFilm(**{**film, "maps": {arm: _unpack(packed) for arm, packed in film["maps"].items()}})
            for film in whole["films"]
        )
        return Audit(
            whole["task"],
            tuple(whole["methods"]),
            films,
            {int(line): reason for line, reason in whole["refused"].items()},
            _unpack(whole["mean_heart"]),
            _unpack(whole["mean_lungs"]),
            whole["models"],
            whole["about"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path.name} is no audit ({type(error).__name__}): make it anew.") from error


def _pack(values: NDArray[np.float32]) -> dict[str, Any]:
    top = float(values.max())
    steps = np.rint(values / top * 255).astype(np.uint8) if top > 0 else np.zeros(values.shape, np.uint8)
    return {"top": float(f"{top:.6g}"), "steps": base64.b64encode(steps.tobytes()).decode()}


def _unpack(packed: Mapping[str, Any]) -> NDArray[np.float32]:
    steps = np.frombuffer(base64.b64decode(packed["steps"]), np.uint8).reshape(GRID, GRID)
    return (steps.astype(np.float32) / 255 * np.float32(packed["top"])).astype(np.float32)
