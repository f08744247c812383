"""One plain sentence about what the two maps' shares mean for this film."""

import math

from heartviz.records import RelevanceShare

ARM_NAMES = {"plain": "plain VGG16", "mask": "VGG+Mask"}
# A share within a quarter of its area share is called "about as much as chance".
CHANCE_BAND = (0.8, 1.25)


def describe_shares(shares: dict[str, RelevanceShare]) -> str:
    """Says for each model where its sensitivity lies against chance, and what that does and does not show."""
    unusable = [ARM_NAMES[arm] for arm, share in shares.items() if math.isnan(share.share["heart"])]
    if unusable:
        return f"The map of {' and of '.join(unusable)} is zero everywhere, so no share can be given for this film."
    plain, mask = (shares[arm].share["heart"] / max(shares[arm].chance["heart"], 1e-9) for arm in ("plain", "mask"))
    parts = [
        f"{ARM_NAMES[arm]} has {100 * shares[arm].share['heart']:.0f} % of its sensitivity in the heart, "
        f"{_compare(ratio)}"
        for arm, ratio in (("plain", plain), ("mask", mask))
    ]
    if mask > 1.15 * plain:
        meaning = "on this film masking moved the sensitivity towards the heart"
    elif plain > 1.15 * mask:
        meaning = "on this film masking moved the sensitivity away from the heart"
    else:
        meaning = "on this film masking changed hardly anything about where the sensitivity lies"
    sentence = f"{parts[0]}; {parts[1]}: {meaning}, which does not yet prove that either answer comes from there."
    return sentence[0].upper() + sentence[1:]


def _compare(ratio: float) -> str:
    if CHANCE_BAND[0] <= ratio <= CHANCE_BAND[1]:
        return f"about as much as its area ({ratio:.1f} times chance)"
    return f"{ratio:.1f} times what its area would give by chance"
