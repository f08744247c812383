"""Pictures that are no chest films, drawn from numbers: other X-rays, slices, documents, noise; to test the gate on."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from heartviz.phantom.attenuation import transmit

Gray = NDArray[np.float32]
Point = tuple[float, float]
SIDE_PX = 400
PIXEL_MM = 0.75
CORTEX_SHARE = 0.25  # of a bone's radius


def _rod(ends: tuple[Point, Point], radii: tuple[float, float]) -> Gray:
    """Thickness in px, (SIDE_PX, SIDE_PX), of a round rod between two (row, col) points, its radius running evenly."""
    rows, cols = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32)
    (row, col), (to_row, to_col) = ends
    along_row, along_col = to_row - row, to_col - col
    length = max(along_row**2 + along_col**2, 1e-6)
    along = np.clip(((rows - row) * along_row + (cols - col) * along_col) / length, 0, 1)
    distance = np.hypot(rows - row - along * along_row, cols - col - along * along_col)
    radius = radii[0] + along * (radii[1] - radii[0])
    return 2 * np.sqrt(np.maximum(radius**2 - distance**2, 0)).astype(np.float32)


def _ball(centre: Point, radii: Point, depth: float | None = None) -> Gray:
    """Thickness in px of an ellipsoid; `depth` is its radius along the beam."""
    rows, cols = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32)
    inside = 1 - ((rows - centre[0]) / radii[0]) ** 2 - ((cols - centre[1]) / radii[1]) ** 2
    return 2 * (depth or min(radii)) * np.sqrt(np.maximum(inside, 0)).astype(np.float32)


class _Limb:
    """Paths through flesh and bone, added up part by part."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        empty = np.zeros((SIDE_PX, SIDE_PX), np.float32)
        self.paths = {"muscle": empty.copy(), "cortical": empty.copy(), "cancellous": empty.copy()}

    def flesh(self, thickness: Gray) -> None:
        self.paths["muscle"] = np.maximum(self.paths["muscle"], thickness)

    def bone(self, ends: tuple[Point, Point], radii: tuple[float, float], knob: float = 1.25) -> None:
        """A long bone: a rod with thicker ends."""
        outer = _rod(ends, radii)
        for end, radius in zip(ends, radii, strict=True):
            outer = np.maximum(outer, _ball(end, (knob * radius, knob * radius)))
        self._add(outer)

    def ball(self, centre: Point, radii: Point, shell: float = CORTEX_SHARE) -> None:
        self._add(_ball(centre, radii), shell)

    def _add(self, outer: Gray, shell: float = CORTEX_SHARE) -> None:
        self.paths["cortical"] += shell * outer
        self.paths["cancellous"] += (1 - shell) * outer

    def film(self) -> Gray:
        """The film, air dark, with scatter and noise."""
        passed = transmit({tissue: PIXEL_MM * path for tissue, path in self.paths.items()})
        passed = passed + 0.08 * cv2.GaussianBlur(passed, (0, 0), 30)
        passed *= 1 + self.rng.normal(0, 0.015, passed.shape).astype(np.float32)
        return _scaled(-np.log(np.maximum(passed, 1e-4)))


def _scaled(picture: NDArray) -> Gray:
    low, high = picture.min(), picture.max()
    return ((picture - low) / max(high - low, 1e-6)).astype(np.float32)


def draw_hand(rng: np.random.Generator) -> Gray:
    """A hand from behind: forearm, wrist, five fingers."""
    limb = _Limb(rng)
    for shift in (-14, 14):
        limb.flesh(_rod(((399, 200 + shift), (300, 200 + shift)), (34, 34)))
        limb.bone(((399, 200 + shift), (318, 200 + shift)), (9, 10))
    limb.flesh(_ball((250, 200), (70, 62), 24))
    for row, col in ((298, 182), (296, 202), (299, 222), (282, 178), (280, 198), (282, 220)):
        limb.ball((row + rng.normal(0, 2), col + rng.normal(0, 2)), (9, 10))
    for finger, angle in enumerate(np.radians([-52, -17, -4, 8, 22]) + rng.normal(0, 0.04)):
        row, col, length = 272.0, 200 + 14 * (finger - 2), (52, 75, 80, 74, 60)[finger] * rng.uniform(0.95, 1.05)
        for part, share in enumerate((1.0, 0.62, 0.4, 0.27)[: 3 if finger == 0 else 4]):
            to = (row - share * length * np.cos(angle), col + share * length * np.sin(angle))
            limb.bone(((row - 4, col), to), (7.5 - part, 6.5 - part))
            limb.flesh(_rod(((row, col), to), (17 - part, 15 - part)))
            row, col = to
    return limb.film()


def draw_hip(rng: np.random.Generator) -> Gray:
    """A pelvis with both hips: wings of the ilium left and right of a sacrum, thighs below."""
    limb = _Limb(rng)
    limb.flesh(_ball((200, 200), (260, 190), 120))
    for row in range(20, 130, 26):
        limb.ball((row, 200), (12, 24))
    limb.ball((170, 200), (52, 34))
    for side in (-1, 1):
        tilt = rng.normal(0, 3)
        limb.ball((140 + tilt, 200 + side * 95), (80, 52), shell=0.35)
        limb.bone(((200, 200 + side * 70), (275, 200 + side * 14)), (16, 10))
        limb.bone(((300, 200 + side * 66), (278, 200 + side * 16)), (11, 9))
        limb.ball((225, 200 + side * 105), (24, 24))
        limb.bone(((225, 200 + side * 107), (255, 200 + side * 148)), (17, 17))
        limb.bone(((250, 200 + side * 146), (399, 200 + side * 120)), (18, 17))
    return limb.film()


def draw_teeth(rng: np.random.Generator) -> Gray:
    """Two rows of teeth in their jaws, as on a dental panorama."""
    limb = _Limb(rng)
    limb.flesh(_ball((200, 200), (180, 230), 60))
    for jaw, direction in ((170, -1), (230, 1)):
        for number, col in enumerate(np.linspace(50, 350, 14)):
            bow = 0.0009 * (col - 200) ** 2
            row, radius = jaw - bow, 9 + 3 * (abs(number - 6.5) > 3) + rng.normal(0, 0.6)
            limb.bone(((row, col), (row + direction * 55, col + rng.normal(0, 3))), (radius, 3), knob=1.0)
            limb.bone(((row + direction * 30, col), (row + direction * 78, col)), (12, 14), knob=1.0)
    return limb.film()


def draw_skull(rng: np.random.Generator) -> Gray:
    """A skull from the front: a shell of bone, eye sockets, nose, jaw, neck."""
    limb = _Limb(rng)
    limb.flesh(_ball((180, 200), (165, 125), 120))
    limb.flesh(_rod(((330, 200), (399, 200)), (60, 66)))
    shell = _ball((160, 200), (140, 112), 110) - _ball((160, 200), (130, 102), 100)
    limb.paths["cortical"] += shell
    for side in (-1, 1):
        limb.paths["cortical"] -= 0.2 * _ball((190, 200 + side * 45), (24, 28), 20)
        limb.bone(((235, 200 + side * 80), (310, 200 + side * 30)), (11, 11))
    limb.paths["cortical"] = np.maximum(limb.paths["cortical"], 0)
    for row in range(320, 400, 24):
        limb.ball((row, 200), (11, 20))
    return limb.film()


def draw_knee(rng: np.random.Generator) -> Gray:
    """A knee or elbow: two long bones that meet."""
    limb, turn = _Limb(rng), rng.normal(0, 30)
    limb.flesh(_rod(((0, 200 - turn), (200, 200)), (95, 75)))
    limb.flesh(_rod(((200, 200), (399, 200 + turn)), (75, 60)))
    limb.bone(((0, 200 - turn), (178, 200)), (24, 34))
    limb.bone(((222, 200), (399, 200 + turn)), (36, 20))
    limb.bone(((235, 248), (399, 245 + turn)), (11, 9))
    return limb.film()


def draw_spine(rng: np.random.Generator) -> Gray:
    """An abdomen: vertebrae and bowel gas, no lung."""
    limb = _Limb(rng)
    limb.flesh(_ball((200, 200), (280, 185), 120))
    for row in range(10, 400, 44):
        limb.ball((row, 200), (19, 27))
        limb.bone(((row, 165), (row, 235)), (6, 6))
    for _ in range(12):
        place = (rng.uniform(80, 340), rng.uniform(70, 330))
        limb.paths["muscle"] -= _ball(place, (rng.uniform(12, 32), rng.uniform(14, 38)))
    limb.paths["muscle"] = np.maximum(limb.paths["muscle"], 0)
    return limb.film()


def _slice(rng: np.random.Generator, values: Mapping[str, float], noise: float) -> Gray:
    """A slice across the chest: body, two lungs, heart, spine, ribs, the table below."""
    picture = np.full((SIDE_PX, SIDE_PX), values["air"], np.float32)

    def lay(centre: Point, radii: Point, part: str) -> None:
        centre = tuple(place + rng.normal(0, 4) for place in centre)
        picture[_ball(centre, radii) > 0] = values[part]

    lay((205, 200), (128, 178), "fat")
    lay((205, 200), (116, 166), "muscle")
    for col in (112, 288):
        lay((205, col), (88, 62), "lung")
    for _ in range(60):
        place = (rng.uniform(140, 270), rng.choice([112, 288]) + rng.uniform(-45, 45))
        picture[_ball(place, (2.5, rng.uniform(2, 5))) > 0] = values["muscle"]
    lay((190, 225), (62, 58), "blood")
    lay((275, 200), (26, 28), "bone")
    lay((250, 228), (12, 12), "blood")
    for angle in np.linspace(0, 2 * np.pi, 14, endpoint=False):
        lay((205 + 104 * np.sin(angle), 200 + 152 * np.cos(angle)), (6, 12), "bone")
    picture[345:352, 40:360] = values["muscle"]
    picture = cv2.GaussianBlur(picture, (0, 0), 1.2) + rng.normal(0, noise, picture.shape).astype(np.float32)
    return np.clip(picture, 0, 1).astype(np.float32)


def draw_ct(rng: np.random.Generator) -> Gray:
    """A CT slice across the chest, in a window for soft tissue or for the lung."""
    soft = {"air": 0.0, "lung": 0.02, "fat": 0.38, "muscle": 0.62, "blood": 0.66, "bone": 1.0}
    lung = {"air": 0.05, "lung": 0.28, "fat": 0.85, "muscle": 0.95, "blood": 0.97, "bone": 1.0}
    return _slice(rng, soft if rng.random() < 0.5 else lung, 0.03)


def draw_mr(rng: np.random.Generator) -> Gray:
    """An MR slice across the chest: fat bright, lung and cortex dark."""
    values = {"air": 0.02, "lung": 0.06, "fat": 0.95, "muscle": 0.45, "blood": 0.75, "bone": 0.3}
    picture = _slice(rng, values, 0.03)
    return np.clip(picture * np.linspace(1.2, 0.7, SIDE_PX, dtype=np.float32)[:, None], 0, 1)


def draw_document(rng: np.random.Generator) -> Gray:
    """A printed page: lines of letters on white, sometimes with a picture's frame."""
    page = np.full((SIDE_PX, round(SIDE_PX * 0.75)), 250, np.uint8)
    for row in range(30, SIDE_PX - 20, int(rng.integers(12, 22))):
        letters = "".join(rng.choice(list("abcdefghij klmnop qrstuvwxyz ABC 0123456789"), int(rng.integers(10, 40))))
        cv2.putText(page, letters, (20, row), cv2.FONT_HERSHEY_SIMPLEX, 0.33, 25, 1, cv2.LINE_AA)
    if rng.random() < 0.4:
        cv2.rectangle(page, (50, 120), (250, 260), 100, int(rng.choice([-1, 2])))
    return np.clip(page / 255 + rng.normal(0, 0.01, page.shape), 0, 1).astype(np.float32)


def draw_noise(rng: np.random.Generator) -> Gray:
    """Noise, from fine to cloudy."""
    noise = rng.normal(size=(SIDE_PX, SIDE_PX)).astype(np.float32)
    sigma = float(rng.choice([0, 2, 8, 30]))
    return _scaled(cv2.GaussianBlur(noise, (0, 0), sigma) if sigma else noise)


def draw_gradient(rng: np.random.Generator) -> Gray:
    """A ramp, rings or a chequerboard."""
    rows, cols = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32)
    angle, kind = rng.uniform(0, 2 * np.pi), int(rng.integers(3))
    if kind == 0:
        return _scaled(np.cos(angle) * rows + np.sin(angle) * cols)
    if kind == 1:
        return _scaled(np.cos(np.hypot(rows - 200, cols - 200) / rng.uniform(6, 60)))
    step = int(rng.integers(10, 80))
    return ((rows // step + cols // step) % 2).astype(np.float32)


def draw_shapes(rng: np.random.Generator) -> Gray:
    """Ellipses on a plain ground: two dark ones side by side with a bright one between, as in a child's lungs."""
    picture = np.full((SIDE_PX, SIDE_PX), rng.uniform(0.4, 0.8), np.float32)
    for col in (125, 275):
        picture[_ball((200, col + rng.normal(0, 8)), (120, 60)) > 0] = rng.uniform(0, 0.2)
    if rng.random() < 0.7:
        picture[_ball((250, 215), (60, 62)) > 0] = 0.95
    return np.clip(picture + rng.normal(0, 0.01, picture.shape), 0, 1).astype(np.float32)


FOREIGN: Mapping[str, Callable[[np.random.Generator], Gray]] = MappingProxyType(
    {
        "hand": draw_hand,
        "hip": draw_hip,
        "teeth": draw_teeth,
        "skull": draw_skull,
        "knee": draw_knee,
        "abdomen": draw_spine,
        "CT slice": draw_ct,
        "MR slice": draw_mr,
        "document": draw_document,
        "noise": draw_noise,
        "gradient": draw_gradient,
        "shapes": draw_shapes,
    }
)
# Parts of a chest film that are no whole one: (top, end, left, end) in shares of it.
PARTS: Mapping[str, tuple[float, float, float, float]] = MappingProxyType(
    {
        "upper left quarter": (0, 0.5, 0, 0.5),
        "upper right quarter": (0, 0.5, 0.5, 1),
        "lower left quarter": (0.5, 1, 0, 0.5),
        "lower right quarter": (0.5, 1, 0.5, 1),
        "left half": (0, 1, 0, 0.5),
        "right half": (0, 1, 0.5, 1),
        "upper third": (0, 0.35, 0, 1),
        "lower third": (0.65, 1, 0, 1),
    }
)


def cut_part(pixels: Gray, part: str) -> Gray:
    """A part of PARTS of a film (H, W)."""
    height, width = pixels.shape
    top, end_row, left, end_col = PARTS[part]
    return pixels[round(top * height) : round(end_row * height), round(left * width) : round(end_col * width)]
