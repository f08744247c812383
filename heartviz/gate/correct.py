"""Turned, mirrored or inverted films put right: which corrections there are, and how each is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from heartviz.errors import GateError
from heartviz.records import FloatImage, Radiograph

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Correction:
    """Quarter turns to the left, then inversion, then left and right changed; the rest are its words."""

    quarter_turns: int
    inverted: bool
    mirrored: bool
    button: str
    seen: str
    done: str

    @property
    def parts(self) -> tuple[int, bool, bool]:
        """What is done, without its words."""
        return self.quarter_turns, self.inverted, self.mirrored

    def apply(self, pixels: FloatImage) -> FloatImage:
        """The corrected gray values of (H, W); (W, H) after an odd number of quarter turns."""
        turned = np.rot90(pixels, self.quarter_turns)
        turned = 1 - turned if self.inverted else turned
        return np.ascontiguousarray(turned[:, ::-1] if self.mirrored else turned)


CORRECTIONS: Mapping[str, Correction] = MappingProxyType(
    {
        "turn_half": Correction(2, False, False, "Turn it upright", "it is upside down", "turned by 180 degrees"),
        "turn_left": Correction(
            1, False, False, "Turn it upright", "it lies on its side, turned to the right",
            "turned to the left by 90 degrees",
        ),
        "turn_right": Correction(
            3, False, False, "Turn it upright", "it lies on its side, turned to the left",
            "turned to the right by 90 degrees",
        ),
        "invert": Correction(0, True, False, "Invert it", "it is inverted: bone dark, air bright", "inverted"),
        "invert_turn_half": Correction(
            2, True, False, "Invert it and turn it upright", "it is inverted and upside down",
            "inverted and turned by 180 degrees",
        ),
        "invert_turn_left": Correction(
            1, True, False, "Invert it and turn it upright", "it is inverted and lies on its side, turned to the right",
            "inverted and turned to the left by 90 degrees",
        ),
        "invert_turn_right": Correction(
            3, True, False, "Invert it and turn it upright", "it is inverted and lies on its side, turned to the left",
            "inverted and turned to the right by 90 degrees",
        ),
        "mirror": Correction(
            0, False, True, "Swap left and right", "left and right may be swapped", "left and right swapped"
        ),
    }
)  # fmt: skip
# As the name of a correction: the turn or inversion that the gate finds for a film which it refuses.
OFFERED = "offered"
# The gate looks for these by itself. A mirrored film can't be told from situs inversus: that is for a person to say.
SEARCHED = tuple(name for name in CORRECTIONS if name != "mirror")


def apply_correction(radiograph: Radiograph, name: str) -> Radiograph:
    """The film as corrected by `name`, which its messages say. Raises ValueError for an unknown name."""
    if name not in CORRECTIONS:
        raise ValueError(f"Unknown correction {name!r}: choose one of {', '.join(CORRECTIONS)}.")
    correction, spacing_mm = CORRECTIONS[name], radiograph.spacing_mm
    if spacing_mm is not None and correction.quarter_turns % 2:
        spacing_mm = spacing_mm[::-1]
    return replace(
        radiograph,
        pixels=correction.apply(radiograph.pixels),
        description=f"{radiograph.description}, before it was corrected ({correction.done})",
        spacing_mm=spacing_mm,
        messages=(
            *radiograph.messages,
            f"The film was corrected before it was analysed ({correction.done}): masks and maps lie on the corrected "
            "film.",
        ),
    )


def ask_corrected(radiograph: Radiograph, correct: str, ask: Callable[[Radiograph], Answer]) -> Answer:
    """What `ask` says of the film as `correct` puts it right: "" leaves it as it is, OFFERED takes the gate's offer.

    Raises what `ask` raises, and ValueError for an unknown correction. A correction after which another would help is
    answered with the one that does both, or none.
    """
    if not correct:
        return ask(radiograph)
    try:
        return ask(radiograph if correct == OFFERED else apply_correction(radiograph, correct))
    except GateError as refusal:
        if not refusal.offer:
            raise
        if correct == OFFERED:
            return ask(apply_correction(radiograph, refusal.offer))
        instead = _combine(correct, refusal.offer)
        if instead is None:
            raise
        words = f"ask for {instead!r} instead" if instead else "ask without a correction"
        raise GateError(
            f"After the correction {correct!r} {CORRECTIONS[refusal.offer].seen}: {words}.",
            refusal.checks,
            instead,
            radiograph,
            refusal.segmentation,
        ) from refusal


def _combine(first: str, second: str) -> str | None:
    """The correction that does both, "" where they undo each other, None where there is none that does."""
    one, other = CORRECTIONS[first], CORRECTIONS[second]
    # Left and right changed turn what follows about.
    turns = (one.quarter_turns + (-1 if one.mirrored else 1) * other.quarter_turns) % 4
    both = turns, one.inverted != other.inverted, one.mirrored != other.mirrored
    if both == (0, False, False):
        return ""
    return next((name for name, each in CORRECTIONS.items() if each.parts == both), None)
