"""Is it a chest film at all, and was it taken from the front?"""

from heartviz.records import GateCheck, GateLimits, Segmentation

_OR_NONE = ", or it is none, or a small child's, from which no model has learnt"
ADVICE = "Use a frontal film of the whole chest, upright, bone bright and air dark."


def check_chest(found: Segmentation, limits: GateLimits) -> GateCheck:
    """Refuses what lies further from the training films than nearly all frontal films that were held out.

    A film from the side lies further off: where it may be one, it goes on to the next check.
    """
    looks_lateral = limits.refuses("lateral_prob", found.lateral_prob)
    may_be_lateral = looks_lateral and not limits.refuses("lateral_distance", found.chest_distance)
    if found.chest_distance > 1 and not may_be_lateral:
        return GateCheck(
            "chest",
            "refused",
            f"This does not look like a chest film: it is {found.chest_distance:.1f} times as unlike the films that "
            f"the models learnt from as a chest film may be. {ADVICE}",
        )
    return GateCheck("chest", "passed", "It looks like a chest film.")


def check_frontal(found: Segmentation, limits: GateLimits) -> GateCheck:
    """Refuses what the head for lateral films calls one."""
    if limits.refuses("lateral_prob", found.lateral_prob):
        seen = "it looks like one taken from the side" + (_OR_NONE if found.chest_distance > 1 else "")
        words = f"This does not look like a frontal chest film: {seen}. {ADVICE}"
        return GateCheck("frontal", "refused", words)
    return GateCheck("frontal", "passed", "It was taken from the front or the back.")
