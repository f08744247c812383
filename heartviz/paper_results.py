"""Tables of results: the record; those of the paper, measured again, and the one of maps against drawn signs."""

import json
from dataclasses import dataclass
from pathlib import Path

import heartviz
from heartviz.errors import WeightsError

WEIGHTS = Path(heartviz.__file__).resolve().parents[1] / "weights"
PAPER_RESULTS, CAUSE_RESULTS = WEIGHTS / "paper_results.json", WEIGHTS / "cause_results.json"


@dataclass(frozen=True)
class ResultTable:
    """One table: title, column names, rows of cells; `under` it n, command and what differs from the paper.

    `finding` is a sentence in numbers that stands above it, or empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int | None, ...], ...]
    under: str
    finding: str = ""


def format_cell(value: str | float | int | None) -> str:
    """Text as it is, whole numbers as such, others to three digits, None as a dash."""
    if value is None:
        return "\u2013"
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else f"{value:.3f}"


def read_paper_results(path: Path = PAPER_RESULTS) -> tuple[ResultTable, ...]:
    """The tables of the file; none where there is no file. Raises WeightsError for a file that is not of this kind."""
    if not path.exists():
        return ()
    try:
        tables = json.loads(path.read_text(encoding="utf-8"))["tables"]
        made = tuple(
            ResultTable(
                title=table["title"],
                columns=tuple(table["columns"]),
                rows=tuple(tuple(row) for row in table["rows"]),
                under=table["under"],
                finding=table["finding"],
            )
            for table in tables
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} holds no tables of results. Get it anew from the repository.") from error
    return made


@dataclass(frozen=True)
class HeartShares:
    """How a method's maps on one model lie in the heart, over `drawings` films: 5th, 25th, 50th, 75th, 95th percentile.

    Shares 0..1 of absolute values; `area` is the heart's mean share of the picture.
    """

    method: str
    arm: str
    drawings: int
    quantiles: tuple[float, float, float, float, float]
    area: float


def read_heart_shares(path: Path = CAUSE_RESULTS) -> tuple[HeartShares, ...]:
    """Every method's and model's shares; none where there is no file. Raises WeightsError for another file."""
    if not path.exists():
        return ()
    try:
        told = json.loads(path.read_text(encoding="utf-8"))["heart_shares"]
        return tuple(HeartShares(**of | {"quantiles": tuple(of["quantiles"])}) for of in told)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} holds no shares of maps. Get it anew from the repository.") from error


def read_all_results() -> tuple[ResultTable, ...]:
    """Every table that lies beside this copy: the paper's, then the one of maps against drawn signs."""
    return read_paper_results() + read_paper_results(CAUSE_RESULTS)
