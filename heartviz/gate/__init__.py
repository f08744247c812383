"""Is this an upright frontal chest film with a plausible heart? Checks in order, each with a sentence."""

from heartviz.gate.anatomy import check_ratio
from heartviz.gate.correct import CORRECTIONS, OFFERED, Correction, apply_correction, ask_corrected
from heartviz.gate.judge import CHECKS, first_refusal, judge_film, judge_unreadable, warnings_of

__all__ = [
    "CHECKS",
    "CORRECTIONS",
    "OFFERED",
    "Correction",
    "apply_correction",
    "ask_corrected",
    "check_ratio",
    "first_refusal",
    "judge_film",
    "judge_unreadable",
    "warnings_of",
]
