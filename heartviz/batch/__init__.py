"""Many films at once: what is to be analysed, one film's row, rows that outlive a stop, and the table of all."""

from heartviz.batch.one import Outcome, Settings, analyze_one
from heartviz.batch.run import Plan, plan_batch, run_batch
from heartviz.batch.sources import Source, list_sources
from heartviz.batch.table import make_index, write_csv

__all__ = [
    "Outcome",
    "Plan",
    "Settings",
    "Source",
    "analyze_one",
    "list_sources",
    "make_index",
    "plan_batch",
    "run_batch",
    "write_csv",
]
