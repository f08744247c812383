"""Is it a chest film at all, and was it taken from the front?"""

from heartviz.records import GateCheck, Segmentation

ADVICE = "Use a frontal film of the whole chest, upright, bone bright and air dark."
MOST_LATERAL_PROB = 0.5
# A film from the side lies further off than one from the front: so much further it goes on to the next check.
LATERAL_DISTANCE = 1.6


def check_chest(found: Segmentation) -> GateCheck:
    """Refuses what lies further from the training films than nearly all frontal films that were held out."""
    looks_lateral = found.lateral_prob > MOST_LATERAL_PROB and found.chest_distance <= LATERAL_DISTANCE
    if found.chest_distance > 1 and not looks_lateral:
        return GateCheck(
            "chest",
            "refused",
            f"This does not look like a chest film: it is {found.chest_distance:.1f} times as unlike the films that "
            f"the models learnt from as a chest film may be. {ADVICE}",
        )
    return GateCheck("chest", "passed", "It looks like a chest film.")


def check_frontal(found: Segmentation) -> GateCheck:
    """Refuses what the head for lateral films calls one."""
    if found.lateral_prob > MOST_LATERAL_PROB:
        seen = "it looks like one taken from the side" + (", or it is none" if found.chest_distance > 1 else "")
        words = f"This does not look like a frontal chest film: {seen}. {ADVICE}"
        return GateCheck("frontal", "refused", words)
    return GateCheck("frontal", "passed", "It was taken from the front or the back.")
