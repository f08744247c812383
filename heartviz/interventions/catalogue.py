"""The experiments that a person can make on a film, by name: what each changes, in words and in pixels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np

from heartviz.interventions import regions
from heartviz.interventions.regions import Picture
from heartviz.masks import dim_outside
from heartviz.phantom import draw_patient, render_film
from heartviz.preprocess import Frame, stretch_contrast
from heartviz.records import Frozen, Segmentation

DONOR_SEED, DONOR_SIZE_PX = 21, 512
TEXTURE_AMPLITUDE = 0.06


@dataclass(frozen=True)
class Donor(Frozen):
    """Another film, stretched contrast (H, W), whose lungs can be taken; its masks. Of any size."""

    picture: Picture
    heart_mask: regions.Mask
    left_lung_mask: regions.Mask
    right_lung_mask: regions.Mask


@dataclass(frozen=True)
class Scene:
    """A film with stretched contrast (H, W), its outlines, and the frame that the classifiers see.

    `donor` gives its lungs where they are swapped; None: a drawn, healthy chest does.
    """

    picture: Picture
    segmentation: Segmentation
    frame: Frame
    donor: Donor | None = None


@dataclass(frozen=True)
class Intervention:
    """One experiment. `apply` takes the scene and a strength in 0..1, which only those with a `knob` use.

    `knob` names what the strength is; `start` is where it stands at first. `instead_of_dimming` tells that VGG+Mask
    then sees the result as it is, where otherwise everything outside the heart is still dimmed to 0.2.
    """

    label: str
    says: str
    apply: Callable[[Scene, float], Picture]
    knob: str = ""
    start: float = 1.0
    instead_of_dimming: bool = False


def _lungs(scene: Scene, change: Callable[[Picture, regions.Mask], Picture]) -> Picture:
    """The lungs changed and the heart exactly as it was: a removal reaches a little past its mask."""
    heart_mask, lungs_mask = scene.segmentation.heart_mask, scene.segmentation.lungs_mask
    return np.where(heart_mask, scene.picture, change(scene.picture, lungs_mask & ~heart_mask))


@cache
def _draw_donor() -> Donor:
    """A drawn, healthy patient; drawn once."""
    film = render_film(draw_patient(np.random.default_rng(DONOR_SEED)), size_px=DONOR_SIZE_PX)
    return Donor(stretch_contrast(film.pixels), *(film.masks[name] for name in ("heart", "left_lung", "right_lung")))


def _swap_lungs(scene: Scene) -> Picture:
    donor = scene.donor or _draw_donor()
    picture = scene.picture
    own = scene.segmentation
    for side in ("left_lung_mask", "right_lung_mask"):
        mask, other_mask = (getattr(film, side) & ~film.heart_mask for film in (own, donor))
        picture = regions.swap_region(picture, mask, donor.picture, other_mask)
    return picture


def _erase_letters(scene: Scene) -> Picture:
    segmentation = scene.segmentation
    letters = regions.find_letters(scene.picture, segmentation.heart_mask | segmentation.lungs_mask)
    return regions.remove_region(scene.picture, letters) if letters.any() else scene.picture.copy()


def _texture(scene: Scene, strength: float) -> Picture:
    segmentation = scene.segmentation
    lungs = segmentation.lungs_mask & ~segmentation.heart_mask
    return regions.plant_texture(scene.picture, lungs, TEXTURE_AMPLITUDE * strength, np.random.default_rng(0))


INTERVENTIONS: Mapping[str, Intervention] = MappingProxyType(
    {
        "dim_outside": Intervention(
            "Dim everything outside the heart",
            "The paper's knob: gray values outside the heart times this. All models see the film so; at 0.2 that is "
            "what VGG+Mask always sees, at 1 what plain VGG16 always sees.",
            lambda scene, ratio: dim_outside(scene.picture, scene.segmentation.heart_mask, ratio),
            knob="Gray outside the heart, times",
            start=0.2,
            instead_of_dimming=True,
        ),
        "dim_heart": Intervention(
            "Dim the heart",
            "The reverse: gray values inside the heart times this.",
            lambda scene, ratio: regions.dim_region(scene.picture, scene.segmentation.heart_mask, ratio),
            knob="Gray inside the heart, times",
            start=0.2,
        ),
        "remove_lungs": Intervention(
            "Remove the lungs",
            "Both lungs filled in smoothly from what is around them; the heart is left alone.",
            lambda scene, _: _lungs(scene, regions.remove_region),
        ),
        "blur_lungs": Intervention(
            "Blur the lungs",
            "Vessels and ribs in the lungs blurred away; their mean gray and outline stay.",
            lambda scene, _: _lungs(scene, regions.blur_region),
        ),
        "swap_lungs": Intervention(
            "Swap the lungs",
            "Another film's lungs in their place, fitted to the outlines and to this film's gray: those of a drawn, "
            "healthy patient, or of a film that you give.",
            lambda scene, _: _swap_lungs(scene),
        ),
        "remove_heart": Intervention(
            "Remove the heart",
            "The heart, and 1 % of the film around it, filled in smoothly from what is around them.",
            lambda scene, _: regions.remove_region(scene.picture, scene.segmentation.heart_mask),
        ),
        "blur_heart": Intervention(
            "Blur the heart",
            "What is inside the heart's outline blurred away; mean gray and outline stay.",
            lambda scene, _: regions.blur_region(scene.picture, scene.segmentation.heart_mask),
        ),
        "heart_only": Intervention(
            "Heart only",
            "Everything else replaced by its mean gray.",
            lambda scene, _: regions.keep_only(scene.picture, scene.segmentation.heart_mask),
        ),
        "outside_only": Intervention(
            "Everything but the heart",
            "The heart replaced by its mean gray; its outline can still be seen.",
            lambda scene, _: regions.keep_only(scene.picture, ~scene.segmentation.heart_mask),
        ),
        "silhouette": Intervention(
            "The heart's silhouette only",
            "No film at all: the outline filled with white on black. What a model still says, it says from the shape.",
            lambda scene, _: regions.silhouette(scene.segmentation.heart_mask),
            instead_of_dimming=True,
        ),
        "erase_letters": Intervention(
            "Erase burnt-in letters",
            "Letters and markers beside the chest filled in from around them. Hard edges of bone are sometimes taken "
            "for letters.",
            lambda scene, _: _erase_letters(scene),
        ),
        "plant_marker": Intervention(
            "Plant a side marker",
            "A plate with an L in the corner of what the models see. No disease comes from it.",
            lambda scene, strength: regions.plant_marker(scene.picture, strength, scene.frame.on_film()),
            knob="How opaque",
        ),
        "plant_texture": Intervention(
            "Plant a texture in the lungs",
            "A fine net laid over both lungs, as thickened tissue shows; the heart is left alone.",
            _texture,
            knob="How strong",
            start=0.5,
        ),
    }
)
