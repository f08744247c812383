"""A drawn patient: every number the anatomy is built from, before any shape exists."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Sex = Literal["female", "male"]
VIEWS = ("pa", "ap", "lateral")
# The lungs of the adult in whose millimetres anatomy.py and skeleton.py are written: half width, half depth, height.
ADULT_LUNGS_MM = (136.0, 92.0, 250.0)
# Body length by age in years, as a share of the adult's: a newborn has 0.30 of it, growth is over at 17.
_GROWTH = ((0, 1, 3, 6, 10, 14, 17), (0.30, 0.45, 0.56, 0.68, 0.81, 0.94, 1.0))


@dataclass(frozen=True)
class Patient:
    """Numbers of one patient; lengths in mm, angles in degrees, `_scale` and `_gain` relative to a normal adult.

    x runs to the patient's left, y to the back, z up, z = 0 at the top of the right dome. Fields after `seed` are the
    ones a lesion changes. `seed` starts the generators of the small structures (vessels, bones' irregularity).
    """

    age_years: float
    sex: Sex
    half_width_mm: float
    half_depth_mm: float
    lung_height_mm: float
    fat_mm: float
    muscle_mm: float
    breast_scale: float
    rotation_deg: float  # about z
    lean_deg: float  # in the film's plane
    left_width_ratio: float  # the left half of the chest over the right half
    scoliosis_mm: float
    dome_gap_mm: float  # the right dome above the left one
    dome_flatness: float
    heart_turn_deg: float  # the heart's axis lifted from its usual slope: a short chest carries it more level
    bone_gain: float
    rib_tilt: float  # fall of a rib from back to front over its depth
    arm_spread_mm: float
    bubble_mm: float
    thymus_mm: float
    aorta_scale: float
    seed: int
    heart_scale: float = 1.0
    ra_scale: float = 1.0
    rv_scale: float = 1.0
    la_scale: float = 1.0
    lv_scale: float = 1.0
    trunk_scale: float = 1.0
    knob_scale: float = 1.0
    vessel_gain: float = 1.0
    hilar_gain: float = 1.0
    apex_lift: float = 0.0  # 0..1, apex turned up and the heart lifted off the diaphragm
    bay: float = 0.0  # 0..1, pulmonary segment hollow
    right_arch: bool = False

    @property
    def child_share(self) -> float:
        """How much of an adult's length is still to be grown, 0.7 at birth, 0 from 17 years on."""
        return 1.0 - float(np.interp(self.age_years, *_GROWTH))

    @property
    def scale_xyz(self) -> tuple[float, float, float]:
        """The chest's size along x, y and z beside the adult of ADULT_LUNGS_MM."""
        width, depth, height = ADULT_LUNGS_MM
        return self.half_width_mm / width, self.half_depth_mm / depth, self.lung_height_mm / height

    def child_rng(self, structure: int) -> np.random.Generator:
        """A generator for one structure alone, so that a change of one leaves the others as they are."""
        return np.random.default_rng([self.seed, structure])


def draw_patient(rng: np.random.Generator, age_years: float | None = None, sex: Sex | None = None) -> Patient:
    """A patient without lesion; None draws an adult's age and the sex. Every number is drawn whatever the arguments."""
    drawn_age, drawn_sex = float(np.clip(rng.normal(52, 16), 18, 90)), ("female", "male")[int(rng.integers(2))]
    age, sex = drawn_age if age_years is None else float(age_years), drawn_sex if sex is None else sex
    z = {name: float(np.clip(rng.normal(), -2.2, 2.2)) for name in _DRAWN}
    seed = int(rng.integers(2**31))
    grown = float(np.interp(age, *_GROWTH))
    child = 1.0 - grown
    female = sex == "female" and age > 13
    body = 0.93 if female else 1.0
    heaviness = z["fat"]
    half_width = 140 * body * grown**0.86 * (1 + 0.055 * z["width"])
    return Patient(
        age_years=age,
        sex=sex,
        half_width_mm=half_width,
        half_depth_mm=98 * body * grown**0.62 * (1 + 0.06 * z["depth"] + 0.05 * np.clip((age - 60) / 30, 0, 1)),
        lung_height_mm=220 * body * grown**1.12 * (1 + 0.06 * z["inspiration"] + 0.02 * z["width"]),
        fat_mm=float(np.clip((14 if female else 10) * np.exp(0.42 * heaviness) * grown**0.6, 2.5, 34)),
        muscle_mm=(9 if female else 13) * grown * np.exp(0.15 * z["muscle"]),
        breast_scale=float(np.exp(0.25 * z["breast"] + 0.18 * heaviness)) if female else 0.0,
        rotation_deg=1.6 * z["rotation"],
        lean_deg=1.1 * z["lean"],
        left_width_ratio=0.985 + 0.02 * z["left"],
        scoliosis_mm=3.5 * z["scoliosis"],
        dome_gap_mm=grown * (10 + 4 * z["dome"]),
        dome_flatness=float(np.clip(1 + 0.18 * z["flatness"], 0.6, 1.5)),
        heart_turn_deg=9 * child + 4 * z["turn"] - 5 * z["inspiration"] + 2 * heaviness,
        bone_gain=float(np.exp(0.12 * z["bone"]) * np.interp(age, (0, 10, 20, 50, 90), (0.7, 0.85, 1.0, 1.0, 0.72))),
        rib_tilt=float(np.interp(age, (0, 2, 8, 17), (0.08, 0.22, 0.42, 0.52)) * (1 + 0.12 * z["tilt"])),
        arm_spread_mm=14 * z["arms"],
        bubble_mm=grown * float(np.clip(20 + 8 * z["bubble"], 0, 38)),
        thymus_mm=float(np.interp(age, (0, 1, 3, 6), (17, 15, 8, 0))) * float(np.exp(0.2 * z["thymus"])),
        aorta_scale=float(np.interp(age, (0, 18, 40, 60, 85), (0.85, 0.9, 1.0, 1.14, 1.3)) * np.exp(0.06 * z["aorta"])),
        seed=seed,
        heart_scale=float((0.995 + 0.02 * child) * np.exp(0.105 * z["heart"] + 0.025 * heaviness)),
        vessel_gain=float(np.exp(0.08 * z["vessels"])),
    )


_DRAWN = (
    "width", "depth", "inspiration", "fat", "muscle", "breast", "rotation", "lean", "left", "scoliosis", "dome",
    "flatness", "turn", "bone", "tilt", "arms", "bubble", "thymus", "aorta", "heart", "vessels",
)  # fmt: skip
