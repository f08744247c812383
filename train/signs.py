"""What a simulated sign is: the recipe by class, and the draw of one film's parameters.

Lengths are in thorax widths W (width of both lungs' bounding box), angles in degrees about the heart's centre with 0
towards the patient's left and 90 up, positions in the thorax box (x, y in 0..1, y down). Source: the radiographic
signs of VSD, ASD and TOF as in the README's table; amplitudes are ours, set by measurement (`train.outline_reader`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from heartviz.records import TASK_CLASSES

CLASSES = TASK_CLASSES["congenital"]
SIGN_GROUPS = ("contour", "vessels", "both")
# One factor on every contour amplitude, set so that a reader of the true outline gets 0.70 to 0.75 over four classes.
CONTOUR_GAIN = 1.5
PENETRANCE = 0.9
SEVERITY_RANGE = (0.35, 1.0)
# Natural variation put on every outline, Normal too: half of the JSRT outline's SD along the normal (0.025 W).
JITTER_W = 0.0125
JITTER_BUMPS = 4
# Controls are drawn so that what they and the contour signs come to on the film has one size and smoothness. Of the
# candidates the first few are used that lie far enough from outline and walls (train.warp).
CONTROL_CANDIDATES = 40
CONTROL_RANGE_W = (0.05, 0.09)
CONTROL_SIGMA_RANGE_W = (0.10, 0.14)
# Places (x, y in the thorax box) that vessel signs change: knob, pulmonary trunk, hila, right arch. No control there.
VESSEL_PLACES_XY = ((0.60, 0.36), (0.64, 0.44), (0.35, 0.50), (0.68, 0.48), (0.43, 0.36))


@dataclass(frozen=True)
class ContourBump:
    """A displacement about the outline's point at an angle: outward by `outward_w`, plus a shift (right, down)."""

    angle_deg: float
    sigma_w: float
    outward_w: float = 0.0
    shift_w: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class PlaceBump:
    """A displacement of what lies about a place of the thorax box: by a vector, or away from the place by a factor."""

    place_xy: tuple[float, float]
    sigma_w: float
    shift_w: tuple[float, float] = (0.0, 0.0)
    swell: float = 0.0


@dataclass(frozen=True)
class FilmParams:
    """One simulated film: its class, severity, the signs drawn, and what they and chance do to it."""

    label: str
    severity: float
    signs: tuple[str, ...]
    sign_bumps: tuple[ContourBump, ...]
    vessel_bumps: tuple[PlaceBump, ...]
    jitter: tuple[ContourBump, ...]
    controls: tuple[PlaceBump, ...]  # candidates
    vessel_gain: tuple[float, float]  # patient's left lung, right lung; 1 leaves the vessels as they are
    hilar_gain: float
    chance_vessel_gain: tuple[float, float]

    def without_signs(self) -> "FilmParams":
        """The same film and the same chance, with no sign of disease: the counterfactual."""
        return FilmParams(
            self.label, 0.0, (), (), (), self.jitter, self.controls, (1.0, 1.0), 1.0, self.chance_vessel_gain
        )


# Contour signs at severity 1, before CONTOUR_GAIN.
CONTOUR_SIGNS: Mapping[str, Mapping[str, tuple[ContourBump, ...]]] = {
    "Normal": {},
    "ASD": {
        "right_atrium": (ContourBump(172, 0.14, outward_w=0.05),),
        "pulmonary_segment": (ContourBump(58, 0.11, outward_w=0.03),),
        "rounded_apex_up": (ContourBump(-30, 0.11, shift_w=(0.0, -0.02)),),
    },
    "VSD": {
        "left_ventricle": (ContourBump(0, 0.13, outward_w=0.05),),
        "apex_down_left": (ContourBump(-33, 0.12, shift_w=(0.02, 0.03)),),
        "left_atrial_appendage": (ContourBump(45, 0.10, outward_w=0.02),),
        "diaphragmatic_surface": (ContourBump(-85, 0.12, shift_w=(0.0, 0.01)),),
    },
    "TOF": {
        "pulmonary_bay": (ContourBump(52, 0.12, outward_w=-0.032),),
        "apex_up": (ContourBump(-30, 0.15, shift_w=(0.01, -0.045)),),
        "lifted_surface": (ContourBump(-75, 0.14, shift_w=(0.0, -0.015)),),
    },
}


def draw_severity(rng: np.random.Generator, label: str) -> float:
    """0 for Normal, else uniform in 0.35 to 1."""
    severity = rng.uniform(*SEVERITY_RANGE)
    return 0.0 if label == "Normal" else float(severity)


def draw_film(
    rng: np.random.Generator,
    label: str,
    severity: float,
    group: str = "both",
    contour_gain: float = CONTOUR_GAIN,
) -> FilmParams:
    """Parameters of one film: signs with penetrance 0.9 each, jitter and controls drawn alike for every class.

    `group` is "contour", "vessels" or "both": which signs a diseased film carries.
    Raises ValueError for an unknown class or group.
    """
    if label not in CLASSES or group not in SIGN_GROUPS:
        raise ValueError(f"Class must be one of {CLASSES} and signs one of {SIGN_GROUPS}, got {label!r}, {group!r}.")
    jitter = tuple(
        ContourBump(float(angle), 0.1, outward_w=float(rng.normal(0.0, JITTER_W)))
        for angle in rng.uniform(-180, 180, size=JITTER_BUMPS)
    )
    controls = tuple(_draw_control(rng) for _ in range(CONTROL_CANDIDATES))
    chance_gain = tuple(float(gain) for gain in 1 + rng.uniform(-0.1, 0.1, size=2))
    signs: list[str] = []
    sign_bumps: list[ContourBump] = []
    if group in ("contour", "both"):
        for name, bumps in CONTOUR_SIGNS[label].items():
            strength = contour_gain * severity * rng.uniform(0.8, 1.2)
            if rng.random() < PENETRANCE:
                signs.append(name)
                sign_bumps += [_scale_bump(bump, strength) for bump in bumps]
    vessel_bumps: tuple[PlaceBump, ...] = ()
    vessel_gain, hilar_gain = (1.0, 1.0), 1.0
    if group in ("vessels", "both") and label != "Normal":
        names, vessel_bumps, vessel_gain, hilar_gain = _draw_vessel_signs(rng, label, severity)
        signs += names
    return FilmParams(
        label=label,
        severity=severity,
        signs=tuple(signs),
        sign_bumps=tuple(sign_bumps),
        vessel_bumps=vessel_bumps,
        jitter=jitter,
        controls=controls,
        vessel_gain=vessel_gain,
        hilar_gain=hilar_gain,
        chance_vessel_gain=chance_gain,
    )


def _draw_vessel_signs(
    rng: np.random.Generator, label: str, severity: float
) -> tuple[list[str], tuple[PlaceBump, ...], tuple[float, float], float]:
    """Lung vessels, hila, aortic knob and pulmonary trunk: names, displacements, gain by lung, gain at the hila."""
    names: list[str] = []
    bumps: list[PlaceBump] = []
    shown = dict(zip(("vessels", "hila", "knob", "trunk"), rng.random(4) < PENETRANCE, strict=True))
    one_sided, right_arch = rng.random() < 0.2, rng.random() < 0.25
    side = int(rng.integers(2))
    gain, hilar_gain = [1.0, 1.0], 1.0
    if shown["vessels"]:
        change = {"ASD": 1.2, "VSD": 1.0, "TOF": -0.75}[label] * severity
        gain = [1 + change, 1 + change]
        if label == "TOF" and one_sided:
            gain[side] = 1.0
        names.append("vessels_up" if change > 0 else "vessels_down")
    if shown["hila"] and label != "TOF":
        hilar_gain = 1 + (0.5 if label == "ASD" else 0.4) * severity
        names.append("hila_up")
    if shown["knob"]:
        swell = {"ASD": -0.3, "VSD": -0.1, "TOF": 0.25}[label] * severity
        if label == "TOF" and right_arch:
            bumps.append(PlaceBump((0.60, 0.36), 0.05, swell=-0.4 * severity))
            bumps.append(PlaceBump((0.43, 0.36), 0.05, shift_w=(-0.03 * severity, 0.0)))
            names.append("right_arch")
        else:
            bumps.append(PlaceBump((0.60, 0.36), 0.05, swell=swell))
            names.append("knob_small" if swell < 0 else "knob_large")
    if shown["trunk"]:
        shift = {"ASD": 0.035, "VSD": 0.018, "TOF": -0.025}[label] * severity
        bumps.append(PlaceBump((0.64, 0.44), 0.045, shift_w=(shift, -0.3 * shift)))
        names.append("trunk_convex" if shift > 0 else "trunk_concave")
    return names, tuple(bumps), (gain[0], gain[1]), hilar_gain


def _draw_control(rng: np.random.Generator) -> PlaceBump:
    while True:
        place = rng.uniform(0.05, 0.95), rng.uniform(0.0, 1.15)
        if all(np.hypot(place[0] - x, place[1] - y) > 0.12 for x, y in VESSEL_PLACES_XY):
            break
    size, direction = rng.uniform(*CONTROL_RANGE_W), rng.uniform(0, 2 * np.pi)
    return PlaceBump(
        place_xy=(float(place[0]), float(place[1])),
        sigma_w=float(rng.uniform(*CONTROL_SIGMA_RANGE_W)),
        shift_w=(float(size * np.cos(direction)), float(size * np.sin(direction))),
    )


def _scale_bump(bump: ContourBump, factor: float) -> ContourBump:
    shift = (bump.shift_w[0] * factor, bump.shift_w[1] * factor)
    return ContourBump(bump.angle_deg, bump.sigma_w, bump.outward_w * factor, shift)
