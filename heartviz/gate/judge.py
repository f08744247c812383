"""The gate's checks in their order, up to the first that refuses."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from heartviz.gate.age import check_age
from heartviz.gate.anatomy import check_anatomy
from heartviz.gate.exposure import check_exposure
from heartviz.gate.upright import check_upright
from heartviz.gate.view import check_chest, check_frontal
from heartviz.records import CardiothoracicRatio, FloatImage, GateCheck, GateLimits, Radiograph, Segmentation

# Name of each check, in order, and what it asks.
CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "readable": "Can it be read?",
        "chest": "Is it a chest film?",
        "frontal": "Seen from the front?",
        "upright": "Upright, not mirrored or inverted?",
        "exposure": "Exposure and size enough?",
        "anatomy": "Two lungs and one heart?",
        "age": "Adult or child?",
    }
)


def judge_film(
    radiograph: Radiograph,
    picture: FloatImage,
    found: Segmentation,
    cardiothoracic: CardiothoracicRatio | None,
    limits: GateLimits,
) -> tuple[GateCheck, ...]:
    """Every check of CHECKS; those after the first that refuses are "not reached".

    `picture` is the film with stretched contrast, `found` its outlines with both distances asked for,
    `cardiothoracic` their ratio, None where they have none.
    """
    asked: Sequence[Callable[[], GateCheck]] = (
        lambda: GateCheck("readable", "passed", f"It is readable: {radiograph.description}."),
        lambda: check_chest(found, limits),
        lambda: check_frontal(found, limits),
        lambda: check_upright(found, picture, limits),
        lambda: check_exposure(radiograph.pixels, found, limits),
        lambda: check_anatomy(found, cardiothoracic, limits),
        lambda: check_age(radiograph),
    )
    checks: list[GateCheck] = []
    for check in asked:
        checks.append(check())
        if checks[-1].verdict == "refused":
            break
    return _fill_up(checks)


def judge_unreadable(words: str) -> tuple[GateCheck, ...]:
    """The checks of what could not be read, which `words` say."""
    return _fill_up([GateCheck("readable", "refused", words)])


def first_refusal(checks: Sequence[GateCheck]) -> GateCheck | None:
    """The check that refused, None where none did."""
    return next((check for check in checks if check.verdict == "refused"), None)


def warnings_of(checks: Sequence[GateCheck]) -> tuple[str, ...]:
    """The sentences of the checks that warned."""
    return tuple(check.sentence for check in checks if check.verdict == "warned")


def _fill_up(checks: Sequence[GateCheck]) -> tuple[GateCheck, ...]:
    rest = list(CHECKS)[len(checks) :]
    return (*checks, *(GateCheck(name, "not reached", "Not asked: an earlier check refused.") for name in rest))
