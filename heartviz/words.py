"""What the attribution methods are in words, and one plain sentence about what the maps' shares mean."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import get_args

from heartviz.records import Arm, Experiment, GradientFor, Prediction, RelevanceShare, Report, Verdict

ARM_NAMES: Mapping[Arm, str] = {"plain": "plain VGG16", "mask": "VGG+Mask", "hardened": "the hardened model"}
TASK_NAMES = {"congenital": "Congenital signs (simulated)", "heart_size": "Heart size"}
TASK_NOTES = {
    "congenital": "Learned from signs that were drawn into films of adults. No film of a patient with a congenital "
    "heart defect was available, so these numbers say nothing about a real patient.",
    "heart_size": "Learned from real films of adults. Enlarged means a cardiothoracic ratio above 0.50 "
    "by hand-drawn outlines.",
}
CLASS_NAMES = {
    "Normal": "Normal",
    "VSD": "VSD, ventricular septal defect",
    "ASD": "ASD, atrial septal defect",
    "TOF": "TOF, tetralogy of Fallot",
    "Enlarged": "Enlarged",
}
SEEN_CAPTIONS: Mapping[Arm, str] = {
    "plain": "It is shown the chest, cut out around the lungs and stretched in contrast.",
    "mask": "It is shown the same with gray values outside the outlined heart times 0.2.",
    "hardened": "It is shown the heart, and the lungs at one gray level on every film; black elsewhere.",
}
# What people read of a check's verdict; programs get the verdict itself.
VERDICT_NAMES: Mapping[Verdict, str] = MappingProxyType(
    {verdict: "not known" if verdict == "unknown" else verdict for verdict in get_args(Verdict)}
)
# What a film may be given as.
READ_HERE = "PNG, JPEG, TIFF, BMP, WebP or DICOM"
USUAL_LIMIT = 0.5  # of an adult's cardiothoracic ratio
# From this Dice on with the heart that was found, an edited heart is called a small edit.
SMALL_EDIT_DICE = 0.9
# A share within a quarter of its area share is called "about as much as chance".
CHANCE_BAND = (0.8, 1.25)
_NO_PROOF = ", which does not yet prove that any answer comes from there"


@dataclass(frozen=True)
class MethodWords:
    """An attribution method for its reader: name, what its map says, what its shares are of, unit of its scale.

    `by_gray` tells whether a pixel's value is per unit of gray, so that it depends on whose gray value is meant, the
    film's or the picture's that the network saw.
    """

    label: str
    says: str
    quantity: str = "relevance"
    unit: str = "log odds"
    by_gray: bool = False


# What a film's analysis can be taken home as, beside report.json and pictures of masks and maps.
FILE_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "html": "the report as one HTML file",
        "pdf": "the report as PDF",
        "seg": "the masks as DICOM SEG, with the picture that they lie on",
        "arrays": "the maps as NumPy arrays and as 16 bit PNG",
    }
)
# VGG16's convolutions as Keras names them.
LAYERS = tuple(
    f"block{block}_conv{conv}" for block, count in enumerate((2, 2, 3, 3, 3), start=1) for conv in range(1, count + 1)
)
DEFAULT_METHOD = "sensitivity"
METHOD_WORDS: Mapping[str, MethodWords] = MappingProxyType(
    {
        DEFAULT_METHOD: MethodWords(
            "Sensitivity (the paper's)",
            "How strongly each pixel moves the answer: the absolute gradient.",
            "sensitivity",
            "log odds per unit of gray",
            by_gray=True,
        ),
        "smoothgrad": MethodWords(
            "SmoothGrad",
            "The gradient with its sign, averaged over 16 noisy copies of the picture.",
            "sensitivity",
            "log odds per unit of gray",
            by_gray=True,
        ),
        "integrated_gradients": MethodWords(
            "Integrated Gradients",
            "What each pixel adds to the answer on the way from a black picture to this one; the map adds up to the "
            "change of the answer.",
            unit="log odds a pixel",
        ),
        "grad_cam": MethodWords(
            "Grad-CAM",
            "Where the channels of VGG16's last block that speak for or against the class are active: 11 x 11 fields, "
            "enlarged.",
            "activation",
            "weighted activation",
        ),
        "occlusion_patch": MethodWords(
            "Occlusion by patch",
            "How far the answer falls when a patch of 32 x 32 px of the network's 176 x 176 is blurred away.",
            "effect",
            "log odds a patch",
        ),
        "occlusion_region": MethodWords(
            "Occlusion by region",
            "How far the answer falls when the whole heart, both lungs or all the rest is blurred away; a region's "
            "fall is spread evenly over its pixels.",
            "effect",
            "log odds a pixel",
        ),
        "lrp_epsilon_plus_flat": MethodWords(
            "LRP, EpsilonPlusFlat",
            "The answer handed back layer by layer along what spoke for it; a pixel's own gray is no factor.",
            unit="log odds a pixel",
        ),
        "lrp_epsilon_alpha2_beta1_flat": MethodWords(
            "LRP, EpsilonAlpha2Beta1Flat",
            "The same with what spoke against it handed back too: more of the class, and counter-evidence.",
            unit="log odds a pixel",
        ),
        "deep_taylor": MethodWords(
            "Deep Taylor",
            "The class's logit handed back by the z-plus rule, at the input by the rule for values between black and "
            "white. Its maps hardly depend on the upper layers: look at the control.",
            unit="logit a pixel",
        ),
        "deep_taylor_strange": MethodWords(
            "Deep Taylor gone wrong, on purpose",
            "The paper's \"very strange result\": the z-plus rule stands at the input too, where ImageNet's mean makes "
            "dark pixels negative. And the probability, which saturates, is handed back in place of the logit.",
            unit="probability a pixel",
        ),
    }
)


def percent(ratio: float) -> str:
    """A ratio as a percentage in words, never rounded to a certainty."""
    if not math.isfinite(ratio):
        return "not defined"
    if 0.0 < ratio < 0.01:
        return "< 1 %"
    if 0.99 < ratio < 1.0:
        return "> 99 %"
    return f"{100 * ratio:.0f} %"


def describe_moved(report: Report) -> tuple[str, ...]:
    """That a person moved the ratio's lines, and what it was by the outlines; nothing where nobody did."""
    if report.moved is None:
        return ()
    return (f"By lines that were moved by hand; by the outlines the ratio is {report.cardiothoracic.ratio:.3f}.",)


def describe_shares(
    shares: Mapping[Arm, RelevanceShare],
    gradient_for: GradientFor = "picture_seen",
    method: str = DEFAULT_METHOD,
    positive: Mapping[Arm, RelevanceShare] | None = None,
) -> str:
    """Says for each model where its sensitivity lies against chance, and what that does and does not show.

    `positive` are the shares of what speaks for the class: told where they are others than those of the whole map.
    """
    noun = METHOD_WORDS[method].quantity
    unusable = [ARM_NAMES[arm] for arm, share in shares.items() if math.isnan(share.share["heart"])]
    if unusable:
        return f"The map of {' and of '.join(unusable)} is zero everywhere, so no share can be given for this film."
    ratios = {arm: share.share["heart"] / max(share.chance["heart"], 1e-9) for arm, share in shares.items()}
    plain, mask = ratios["plain"], ratios["mask"]
    parts = [
        f"{ARM_NAMES[arm]} has {100 * shares[arm].share['heart']:.0f} % of its {noun} in the heart, {_compare(ratio)}"
        + _speaks_for(arm, shares, positive or shares)
        for arm, ratio in ratios.items()
    ]
    if gradient_for == "film":
        meaning = (
            "they cannot be compared, for by the film's own gray values VGG+Mask's map is five times smaller outside "
            "the heart by construction, and the hardened model's is zero outside heart and lungs"
        )
    elif mask > 1.15 * plain:
        meaning = f"on this film VGG+Mask's {noun} lies more in the heart than plain VGG16's" + _NO_PROOF
    elif plain > 1.15 * mask:
        meaning = f"on this film VGG+Mask's {noun} lies less in the heart than plain VGG16's" + _NO_PROOF
    else:
        meaning = f"on this film the {noun} of plain VGG16 and VGG+Mask lies in the heart about alike" + _NO_PROOF
    sentence = f"{'; '.join(parts)}: {meaning}."
    return sentence[0].upper() + sentence[1:]


def _speaks_for(arm: Arm, shares: Mapping[Arm, RelevanceShare], positive: Mapping[Arm, RelevanceShare]) -> str:
    whole, part = shares[arm].share["heart"], positive[arm].share["heart"]
    if math.isnan(part) or math.isclose(whole, part, abs_tol=0.005):
        return ""
    return f" (of what speaks for the class {100 * part:.0f} %)"


def describe_thresholds(*answers: Mapping[Arm, Prediction]) -> str:
    """From where on a model of two classes says one, for each that answers with less than half; "" where none does."""
    said = dict.fromkeys(
        f"{ARM_NAMES[arm]} says {name} from {100 * threshold:.0f} % on"
        for of in answers
        for arm, answer in of.items()
        if len(answer.probabilities) == 2 and answer.probabilities[answer.label] < 0.5
        for name, threshold in answer.operating_point.items()
    )
    if not said:
        return ""
    told = "; ".join(said)
    return (
        f"{told[0].upper()}{told[1:]}. Each model's threshold is the one that told the 40 validation films apart best, "
        "not one half."
    )


def describe_edit(found: Report, edited: Report) -> tuple[str, bool]:
    """One sentence on what an edited heart does to ratio and answers, and whether a small edit turned an answer."""
    first, second = found.segmentation.heart_mask, edited.segmentation.heart_mask
    dice = 2 * int((first & second).sum()) / int(first.sum() + second.sum())
    ratios = f"from {found.cardiothoracic.ratio:.2f} to {edited.cardiothoracic.ratio:.2f}"
    turned = [
        f"{ARM_NAMES[arm]} ({before.label} to {edited.predictions[task][arm].label})"
        for task, answers in found.predictions.items()
        for arm, before in answers.items()
        if before.label != edited.predictions[task][arm].label
    ]
    small = bool(turned) and dice >= SMALL_EDIT_DICE
    sentence = f"Overlap with the heart that was found: Dice {dice:.2f}. Cardiothoracic ratio {ratios}. "
    if small:
        return f"{sentence}This small edit turns the answer of {' and '.join(turned)}: do not rely on it.", True
    if turned:
        return f"{sentence}It turns the answer of {' and '.join(turned)}.", False
    return f"{sentence}No answer turns.", False


def describe_experiment(experiment: Experiment, method: str) -> str:
    """One sentence a model: how far its answer moved, and how much of its map had lain where its picture changed."""
    said = []
    for arm, name in ARM_NAMES.items():
        if not experiment.changed_masks[arm].any():
            said.append(f"{name} sees nothing changed.")
            continue
        answers = (experiment.before[arm], experiment.after[arm])
        before, after = (100 * answer.probabilities[experiment.target_class] for answer in answers)
        moved = (
            f"{name} gave {experiment.target_class} {before:.0f} % and gives it {after:.0f} % now "
            f"({describe_points(experiment, arm)})"
        )
        promised = experiment.promised[arm]
        promise = (
            f"; {100 * promised:.0f} % of its map's {METHOD_WORDS[method].quantity} had lain where its picture was "
            f"changed, {100 * experiment.chance[arm]:.0f} % of it"
        )
        said.append(f"{moved}{'' if math.isnan(promised) else promise}.")
    return " ".join(sentence[0].upper() + sentence[1:] for sentence in said)


def describe_points(experiment: Experiment, arm: Arm) -> str:
    """The change of the class's probability in points, between the whole percents that are shown: "-3 points"."""
    before, after = (
        round(100 * answers[arm].probabilities[experiment.target_class])
        for answers in (experiment.before, experiment.after)
    )
    return f"{after - before:+d} points" if after != before else "0 points"


def _compare(ratio: float) -> str:
    if CHANCE_BAND[0] <= ratio <= CHANCE_BAND[1]:
        return f"about as much as its area ({ratio:.1f} times chance)"
    return f"{ratio:.1f} times what its area would give by chance"


def compare_with_limit(ratio: float, digits: int) -> str:
    """A cardiothoracic ratio beside the usual limit of 0.50 as it is shown: what reads as 0.50 is not above it."""
    return f"{ratio:.{digits}f} is {'above' if round(ratio, digits) > USUAL_LIMIT else 'not above'} {USUAL_LIMIT:.2f}"
