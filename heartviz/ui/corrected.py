"""A film put right before the engine is asked about it: by a correction that is named, or by the gate's offer."""

from collections.abc import Callable
from typing import TypeVar

from heartviz.errors import GateError
from heartviz.gate import OFFERED
from heartviz.records import Radiograph
from heartviz.ui.engine import Engine

Answer = TypeVar("Answer")


def ask_corrected(engine: Engine, radiograph: Radiograph, correct: str, ask: Callable[[Radiograph], Answer]) -> Answer:
    """What `ask` says of the film as `correct` puts it right: "" leaves it as it is, OFFERED takes the gate's offer.

    Raises what `ask` raises.
    """
    if correct == OFFERED:
        try:
            return ask(radiograph)
        except GateError as refusal:
            if not refusal.offer:
                raise
            correct = refusal.offer
    return ask(engine.correct(radiograph, correct) if correct else radiograph)
