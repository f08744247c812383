"""One plain sentence about what the two maps' shares mean for this film."""

import math
from collections.abc import Mapping

from heartviz.records import Arm, GradientFor, RelevanceShare

ARM_NAMES: Mapping[Arm, str] = {"plain": "plain VGG16", "mask": "VGG+Mask"}
# A share within a quarter of its area share is called "about as much as chance".
CHANCE_BAND = (0.8, 1.25)
_NO_PROOF = ", which does not yet prove that either answer comes from there"


def describe_shares(
    shares: Mapping[Arm, RelevanceShare], gradient_for: GradientFor = "picture_seen", method: str = "sensitivity"
) -> str:
    """Says for each model where its sensitivity lies against chance, and what that does and does not show."""
    noun = name_quantity(method)
    unusable = [ARM_NAMES[arm] for arm, share in shares.items() if math.isnan(share.share["heart"])]
    if unusable:
        return f"The map of {' and of '.join(unusable)} is zero everywhere, so no share can be given for this film."
    plain, mask = (shares[arm].share["heart"] / max(shares[arm].chance["heart"], 1e-9) for arm in ("plain", "mask"))
    parts = [
        f"{ARM_NAMES[arm]} has {100 * shares[arm].share['heart']:.0f} % of its {noun} in the heart, {_compare(ratio)}"
        for arm, ratio in (("plain", plain), ("mask", mask))
    ]
    if gradient_for == "film":
        meaning = (
            "the two cannot be compared, for by the film's own gray values VGG+Mask's map is 0.2 times smaller outside "
            "the heart by construction"
        )
    elif mask > 1.15 * plain:
        meaning = f"on this film VGG+Mask's {noun} lies more in the heart than plain VGG16's" + _NO_PROOF
    elif plain > 1.15 * mask:
        meaning = f"on this film VGG+Mask's {noun} lies less in the heart than plain VGG16's" + _NO_PROOF
    else:
        meaning = f"on this film the two models' {noun} lies in the heart about alike" + _NO_PROOF
    sentence = f"{parts[0]}; {parts[1]}: {meaning}."
    return sentence[0].upper() + sentence[1:]


def name_quantity(method: str) -> str:
    """What a method's map is made of, for "share of the ...": sensitivity for gradients, relevance for the rest."""
    return "sensitivity" if method in ("sensitivity", "smoothgrad") else "relevance"


def _compare(ratio: float) -> str:
    if CHANCE_BAND[0] <= ratio <= CHANCE_BAND[1]:
        return f"about as much as its area ({ratio:.1f} times chance)"
    return f"{ratio:.1f} times what its area would give by chance"
