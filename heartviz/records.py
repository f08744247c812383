"""Frozen records handed between the stages, with shape checks; their arrays are read-only."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
BoolMask = NDArray[np.bool_]
Arm = Literal["plain", "mask", "hardened"]
GradientFor = Literal["picture_seen", "film"]

ARMS: tuple[Arm, ...] = ("plain", "mask", "hardened")
TASK_CLASSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"congenital": ("Normal", "VSD", "ASD", "TOF"), "heart_size": ("Normal", "Enlarged")}
)
REGIONS = ("heart", "lungs", "elsewhere")
# What a check of the gate may end with; "unknown" could not be told, "not reached" came after a refusal.
Verdict = Literal["passed", "warned", "refused", "unknown", "not reached"]


class Frozen:
    """Makes every array field of a frozen dataclass read-only."""

    def __post_init__(self) -> None:
        for item in fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray) and value.flags.writeable:
                view = value.view()
                view.flags.writeable = False
                object.__setattr__(self, item.name, view)


@dataclass(frozen=True)
class Radiograph(Frozen):
    """A film: gray values float32 (H, W) in 0..1, air dark and bone bright, as it came, in its own frame.

    `description` says what was read ("DICOM, 2140 x 1760, 15 bit, MONOCHROME1, inverted"); `messages` are sentences
    for the user (colour removed, spacing missing). No identifier of the file or patient is kept; `adult` says whether
    the file gave an age of 18 years or more, None where it gave none.
    """

    pixels: FloatImage
    description: str = "array"
    spacing_mm: tuple[float, float] | None = None
    messages: tuple[str, ...] = ()
    adult: bool | None = None

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.dtype != np.float32:
            raise ValueError(f"pixels must be float32 (H, W), got {self.pixels.dtype} {self.pixels.shape}.")
        super().__post_init__()


@dataclass(frozen=True)
class Segmentation(Frozen):
    """Heart and lungs on the film, all (H, W) in the original frame; left_lung is the patient's left.

    `lateral_prob` is the probability, 0..1, that the film was taken from the side; `chest_distance` how far the film
    lies from the training films, above 1 no chest film. Both are NaN where nothing was asked for it.
    """

    heart_prob: FloatImage
    left_lung_prob: FloatImage
    right_lung_prob: FloatImage
    heart_mask: BoolMask
    left_lung_mask: BoolMask
    right_lung_mask: BoolMask
    lateral_prob: float = float("nan")
    chest_distance: float = float("nan")

    @property
    def lungs_mask(self) -> BoolMask:
        """Both lungs, bool (H, W)."""
        return self.left_lung_mask | self.right_lung_mask


@dataclass(frozen=True)
class GateLimits:
    """What the gate refuses and warns of: by the name of what it measures, the lowest and highest that pass.

    An infinite end is no limit. Set from held-out films by `train.gate_limits`, and kept beside the weights.
    """

    refused: Mapping[str, tuple[float, float]]
    warned: Mapping[str, tuple[float, float]]

    def refuses(self, name: str, value: float) -> bool:
        """Whether a film of which this was measured is refused; NaN is."""
        low, high = self.refused[name]
        return not low <= value <= high

    def warns(self, name: str, value: float) -> bool:
        """Whether a film of which this was measured is warned of."""
        low, high = self.warned[name]
        return not low <= value <= high


@dataclass(frozen=True)
class GateCheck:
    """What one of the gate's checks found on a film: its name (gate.CHECKS), its verdict, a sentence for the reader."""

    name: str
    verdict: Verdict
    sentence: str


@dataclass(frozen=True)
class CardiothoracicRatio:
    """Widths of the heart's and of both lungs' bounding boxes and their ratio.

    Columns are (first, last) pixels in the original frame, rows are where the widths are drawn (the rows of the
    widest extent); the width is last - first + 1.
    """

    ratio: float
    heart_cols: tuple[int, int]
    heart_row: int
    thorax_cols: tuple[int, int]
    thorax_row: int

    @property
    def heart_width_px(self) -> int:
        """Width of the heart's bounding box in film pixels."""
        return self.heart_cols[1] - self.heart_cols[0] + 1

    @property
    def thorax_width_px(self) -> int:
        """Width of both lungs' bounding box in film pixels."""
        return self.thorax_cols[1] - self.thorax_cols[0] + 1


@dataclass(frozen=True)
class Outlines:
    """What was found on a film before any model is asked for an answer; `messages` are sentences for the user."""

    radiograph: Radiograph
    segmentation: Segmentation
    cardiothoracic: CardiothoracicRatio
    messages: tuple[str, ...]


@dataclass(frozen=True)
class Prediction:
    """One model's answer: class name to calibrated probability, and to logit before calibration.

    `label` is the answer at the operating point: the likeliest class, or where `operating_point` names a class, that
    class from its threshold on. `temperature` divided the logits.
    """

    task: str
    arm: Arm
    probabilities: Mapping[str, float]
    logits: Mapping[str, float]
    label: str
    temperature: float
    operating_point: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Attribution(Frozen):
    """A map of the film, float32 (H, W), original frame, signed raw scale, NaN where the model saw nothing.

    `gap` is the share of what the method promises to add up that does not; NaN where it promises nothing. `message`
    is a sentence where the map says nothing.
    """

    values: FloatImage
    method: str
    arm: Arm
    target_class: str
    gradient_for: GradientFor
    gap: float = float("nan")
    message: str = ""


@dataclass(frozen=True)
class Control(Frozen):
    """What a map is to be told from, float32 (H, W) on the film: the picture's edges, or the map of random weights.

    `likeness` is Spearman's correlation of absolute values with the map beside it; `alike` says that it is so high
    that the map may show the picture and not the model.
    """

    values: FloatImage
    likeness: float
    alike: bool


@dataclass(frozen=True)
class RelevanceShare:
    """Share of relevance in each region of what the model saw, and the share of the picture each covers.

    Both map "heart", "lungs", "elsewhere" to 0..1 and sum to 1; a lung pixel inside the heart counts as heart. Shares
    are NaN when there is no relevance. `interval` is region to the share's 95 % interval over resampled blocks of
    pixels: how much it hangs on single spots of this one map.
    """

    share: Mapping[str, float]
    chance: Mapping[str, float]
    interval: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanation:
    """Every model's maps for one class of one task, their shares, and one sentence for the reader.

    `shares` count absolute values, `positive_shares` only what speaks for the class; they are the same for maps that
    are never negative. `controls` is arm to "random_weights" and "edges"; empty until they are asked for.
    """

    task: str
    target_class: str
    gradient_for: GradientFor
    attributions: Mapping[Arm, Attribution]
    shares: Mapping[Arm, RelevanceShare]
    sentence: str
    positive_shares: Mapping[Arm, RelevanceShare] = field(default_factory=dict)
    controls: Mapping[Arm, Mapping[str, Control]] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """The method that made the maps."""
        return self.attributions["plain"].method


@dataclass(frozen=True)
class Report:
    """Everything heartviz says about one film. `predictions` is task to arm to Prediction.

    `pictures_seen` is arm to what that network was shown, laid back on the film: float32 (H, W), NaN where unseen.
    `seconds` is stage to seconds; `models` is model name to sha256. `checks` are the gate's, in order, `offer` the
    correction (gate.CORRECTIONS) that may put right what it warned of, "" where there is none. `moved` is the ratio by
    lines that a person moved, None where nobody did.
    """

    radiograph: Radiograph
    segmentation: Segmentation
    cardiothoracic: CardiothoracicRatio
    pictures_seen: Mapping[Arm, FloatImage]
    predictions: Mapping[str, Mapping[Arm, Prediction]]
    explanation: Explanation
    messages: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    checks: tuple[GateCheck, ...] = ()
    offer: str = ""
    moved: CardiothoracicRatio | None = None

    @property
    def shown_ratio(self) -> CardiothoracicRatio:
        """The ratio by a person's lines where there are some, else by the outlines."""
        return self.moved or self.cardiothoracic


@dataclass(frozen=True)
class Experiment(Frozen):
    """What all models say of a film after one intervention, beside what they said before.

    `picture` is the changed film, float32 (H, W), contrast stretched; `pictures_seen` is arm to what the network was
    then shown, on the film. `changed_masks` is arm to where either of these differs by more than 0.01 of the gray range
    from the usual one, empty for a model whose own picture stays as it was; `promised` to the share of its map's
    absolute values there, `chance` to the share of the picture.
    """

    name: str
    strength: float
    task: str
    target_class: str
    picture: FloatImage
    changed_masks: Mapping[Arm, BoolMask]
    pictures_seen: Mapping[Arm, FloatImage]
    before: Mapping[Arm, Prediction]
    after: Mapping[Arm, Prediction]
    promised: Mapping[Arm, float]
    chance: Mapping[Arm, float]

    def change(self, arm: Arm) -> float:
        """Change of the target class's probability."""
        return self.after[arm].probabilities[self.target_class] - self.before[arm].probabilities[self.target_class]


@dataclass(frozen=True)
class DimCurve(Frozen):
    """Every model's answers while gray values outside the heart are dimmed: one point a ratio, 0 to 1.

    `probability` and `heart_share` (of the sensitivity) are arm to (n,); `pictures` (n, h, w) is what all networks
    saw, `maps` arm to their sensitivity (n, h, w).
    """

    task: str
    target_class: str
    ratios: NDArray[np.float64]
    probability: Mapping[Arm, NDArray[np.float64]]
    heart_share: Mapping[Arm, NDArray[np.float64]]
    heart_chance: float
    pictures: NDArray[np.float32]
    maps: Mapping[Arm, NDArray[np.float32]]


@dataclass(frozen=True)
class DeletionCurves(Frozen):
    """Probability of the class while pixels are blurred away, and while they come back, the map's highest first.

    `shares` (n,) are the shares of pixels, 0 to 1; `deletion` and `insertion` are arm to (n,), and so are
    `random_deletion` and `random_insertion`, for which the pixels are drawn at random. Source: Petsiuk 2018.
    """

    task: str
    target_class: str
    method: str
    shares: NDArray[np.float64]
    deletion: Mapping[Arm, NDArray[np.float64]]
    insertion: Mapping[Arm, NDArray[np.float64]]
    random_deletion: Mapping[Arm, NDArray[np.float64]]
    random_insertion: Mapping[Arm, NDArray[np.float64]]
