"""A drawn frontal chest film with its heart and lung masks; no pixel comes from a real film."""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Outlines as (x, y) in picture widths and heights, patient facing the reader: the patient's left is on the right.
_RIGHT_CAVITY = (
    (0.395, 0.125), (0.435, 0.165), (0.468, 0.25), (0.478, 0.36), (0.478, 0.50), (0.475, 0.62), (0.465, 0.715),
    (0.405, 0.695), (0.335, 0.685), (0.265, 0.705), (0.205, 0.745), (0.158, 0.80),
    (0.147, 0.70), (0.150, 0.56), (0.170, 0.41), (0.215, 0.27), (0.280, 0.175), (0.340, 0.128),
)  # fmt: skip
_LEFT_CAVITY = (
    (0.605, 0.125), (0.570, 0.165), (0.540, 0.25), (0.528, 0.36), (0.528, 0.50), (0.530, 0.62), (0.540, 0.745),
    (0.605, 0.728), (0.675, 0.720), (0.740, 0.738), (0.795, 0.770), (0.845, 0.815),
    (0.854, 0.70), (0.850, 0.56), (0.830, 0.41), (0.785, 0.27), (0.720, 0.175), (0.660, 0.128),
)  # fmt: skip
# Right atrium upwards, across the great vessels, down the left ventricle to the apex, back along the diaphragm.
_HEART = (
    (0.418, 0.700), (0.402, 0.650), (0.402, 0.585), (0.418, 0.525), (0.440, 0.470), (0.490, 0.448), (0.555, 0.445),
    (0.598, 0.465), (0.635, 0.525), (0.675, 0.590), (0.710, 0.655), (0.722, 0.705), (0.700, 0.742),
    (0.640, 0.752), (0.560, 0.748), (0.480, 0.728),
)  # fmt: skip
_MEDIASTINUM = (
    (0.445, -0.05), (0.448, 0.12), (0.440, 0.22), (0.436, 0.33), (0.425, 0.46), (0.430, 0.80), (0.575, 0.80),
    (0.590, 0.46), (0.585, 0.40), (0.560, 0.355), (0.578, 0.315), (0.572, 0.265), (0.548, 0.235), (0.552, 0.12),
    (0.555, -0.05),
)  # fmt: skip
_BODY = (
    (0.385, -0.30), (0.385, -0.02), (0.365, 0.035), (0.22, 0.075), (0.06, 0.125), (-0.08, 0.23), (-0.10, 0.40),
    (0.015, 0.42), (0.062, 0.50), (0.070, 0.70), (0.058, 0.90), (0.05, 1.25),
    (0.95, 1.25), (0.942, 0.90), (0.930, 0.70), (0.938, 0.50), (0.985, 0.42), (1.10, 0.40), (1.08, 0.23),
    (0.94, 0.125), (0.78, 0.075), (0.635, 0.035), (0.615, -0.02), (0.615, -0.30),
)  # fmt: skip
# Height against the distance of the lungs' rim from the midline.
_FLANK = ((0.125, 0.175, 0.27, 0.41, 0.56, 0.70), (0.110, 0.225, 0.290, 0.335, 0.355, 0.358))
_HEART_ANCHOR_XY = (0.475, 0.752)
_POLYGON_SHIFT_BITS = 4


def draw_chest(
    seed: int, heart_scale: float = 1.0, size: tuple[int, int] = (640, 560)
) -> tuple[Picture, Mask, Mask, Mask]:
    """A drawn film float32 (H, W) in 0..1, then its heart, patient's left lung and patient's right lung masks.

    `heart_scale` 1.0 gives a cardiothoracic ratio near 0.45, 1.35 near 0.6. `size` is (height, width), at least 96
    each. The same seed gives the same bytes. Raises ValueError for a size or scale that cannot be drawn.
    """
    height, width = size
    if min(height, width) < 96:
        raise ValueError(f"A drawn chest of {height} x {width} px is too small; both sides must be at least 96.")
    if not 0.5 <= heart_scale <= 1.7:
        raise ValueError(f"heart_scale is {heart_scale}; it must be between 0.5 and 1.7.")
    rng = np.random.default_rng(seed)
    wobble = {name: rng.normal(0.0, 0.004, 2) for name in ("right", "left", "heart")}

    heart = _fill(_scale_heart(np.array(_HEART) + wobble["heart"], heart_scale), size)
    mediastinum = _fill(np.array(_MEDIASTINUM), size)
    right_cavity = _fill(np.array(_RIGHT_CAVITY) + wobble["right"], size)
    left_cavity = _fill(np.array(_LEFT_CAVITY) + wobble["left"], size)
    solid = (heart > 0.5) | (mediastinum > 0.5)
    right_lung_mask, left_lung_mask = (right_cavity > 0.5) & ~solid, (left_cavity > 0.5) & ~solid
    heart_mask = heart > 0.5

    density = _draw_soft_tissue(size, right_cavity + left_cavity, heart, mediastinum)
    # Behind heart, great vessels and abdomen the film is so bright that bones hardly show.
    bright = _blur(np.maximum(heart, mediastinum), 0.012 * width)
    density += _draw_bones(rng, size) * (1.0 - 0.72 * bright)
    lungs = _blur((right_lung_mask | left_lung_mask).astype(np.float32), 0.006 * width)
    density += lungs * _draw_vessels(rng, size)
    pixels = _expose(rng, density, size)
    return pixels, heart_mask, left_lung_mask, right_lung_mask


def _draw_soft_tissue(size: tuple[int, int], cavities: Picture, heart: Picture, mediastinum: Picture) -> Picture:
    """Optical density of body, lungs, mediastinum, heart, trachea and stomach bubble, in arbitrary units."""
    width = size[1]
    body = _blur(_fill(np.array(_BODY), size), 0.004 * width)
    thickness = body * (0.42 + 0.58 * _dome(body, radius_ratio=0.30))
    cavity = np.clip(cavities, 0.0, 1.0)
    # Lungs are deep in the middle and thin at the rim; a third of their height lies behind the diaphragm's dome.
    air = _blur(cavity, 0.0035 * width) * (0.45 + 0.55 * _dome(cavity, radius_ratio=0.06))
    heart_depth = _blur(heart, 0.004 * width) * (0.62 + 0.38 * _dome(heart, radius_ratio=0.10))
    vessels_depth = _blur(mediastinum, 0.004 * width) * (0.70 + 0.30 * _dome(mediastinum, radius_ratio=0.07))
    solid = np.maximum(heart_depth, vessels_depth)
    density = 1.15 * thickness - 0.66 * air * (1.0 - np.clip(1.12 * solid, 0.0, 1.0))
    density += 0.20 * _blur(solid, 0.012 * width)
    rows = np.linspace(0.0, 1.0, size[0], dtype=np.float32)[:, None]
    density += (
        0.34
        * body
        * (1.0 - cavity * (1.0 - 0.6 * _blur(heart, 0.004 * width)))
        / (1.0 + np.exp(-(rows - 0.655) / 0.02))
    )
    trachea = _stroke(((0.497, -0.05), (0.497, 0.12), (0.492, 0.26), (0.490, 0.315)), 0.036, size)
    bronchi = _stroke(((0.490, 0.31), (0.455, 0.37)), 0.022, size) + _stroke(((0.49, 0.31), (0.545, 0.375)), 0.02, size)
    density -= _blur(0.20 * trachea + 0.10 * np.clip(bronchi, 0, 1), 0.004 * width)
    bubble = _ellipse((0.70, 0.83), (0.050, 0.030), size)
    return (density - 0.16 * _blur(bubble, 0.008 * width)).astype(np.float32)


def _draw_bones(rng: np.random.Generator, size: tuple[int, int]) -> Picture:
    """Optical density of spine, ribs, clavicles and shoulder blades."""
    width = size[1]
    bones = np.zeros(size, np.float32)
    spine = _stroke(((0.497, -0.1), (0.500, 0.5), (0.502, 1.1)), 0.070, size)
    rows = np.linspace(0.0, 1.0, size[0], dtype=np.float32)[:, None]
    bones += _blur(spine, 0.006 * width) * (0.13 + 0.035 * np.cos(2 * np.pi * rows / 0.058))
    for side in (-1, 1):
        for number in range(10):
            bones += _draw_rib(number, side, rng, size)
        clavicle = ((0.035, 0.175), (0.13, 0.150), (0.24, 0.118), (0.37, 0.098), (0.47, 0.125))
        bones += 0.18 * _tube([_mirror((0.5 - x, y), side) for x, y in clavicle], 0.030, size)
        blade = ((0.46, 0.10), (0.385, 0.20), (0.345, 0.38), (0.375, 0.44), (0.43, 0.30))
        scapula = _fill(np.array([_mirror(point, side) for point in blade]), size)
        bones += 0.05 * _blur(scapula, 0.004 * width)
        bones += 0.06 * _tube([_mirror(point, side) for point in (blade[0], blade[2])], 0.012, size)
        humerus = [_mirror(point, side) for point in ((0.455, 0.14), (0.53, 0.30), (0.56, 0.45))]
        bones += 0.18 * _tube(humerus, 0.06, size)
    return bones


def _draw_rib(number: int, side: int, rng: np.random.Generator, size: tuple[int, int]) -> Picture:
    """One rib: the posterior part falls from the spine to the flank, the fainter anterior part back to the front."""
    top = 0.125 + 0.066 * number + rng.normal(0.0, 0.003)
    low = top + min(0.075 + 0.010 * number, 0.125)
    reach = np.interp(low, *_FLANK) + rng.normal(0.0, 0.002)
    posterior = [(0.03, top), (0.34 * reach, top - 0.018), (0.74 * reach, top + 0.20 * (low - top)), (reach, low)]
    drawn = 0.15 * _tube([_mirror(point, side) for point in posterior], 0.030, size)
    if number < 7:
        anterior = [(reach, low), (0.86 * reach, low + 0.075), (0.58 * reach, low + 0.105), (0.40 * reach, low + 0.10)]
        drawn = drawn + 0.075 * _tube([_mirror(point, side) for point in anterior], 0.033, size)
    return drawn


def _draw_vessels(rng: np.random.Generator, size: tuple[int, int]) -> Picture:
    """Optical density of the hila and of vessels that branch and thin towards the lungs' rim."""
    vessels = np.zeros(size, np.float32)
    for side, hilum in ((-1, (0.418, 0.425)), (1, (0.592, 0.405))):
        knot = _ellipse(hilum, (0.030, 0.058), size)
        vessels += 0.12 * _blur(knot, 0.016 * size[1])
        angles, calibers = np.linspace(-1.35, 1.45, 11) + rng.normal(0.0, 0.12, 11), rng.uniform(0.006, 0.0125, 11)
        for angle, caliber in zip(angles, calibers, strict=True):
            origin = np.array(hilum) + rng.normal(0.0, (0.010, 0.028))
            _grow_vessel(vessels, rng, origin, side * np.cos(angle), np.sin(angle), caliber, 0)
    return _blur(vessels, 0.0022 * size[1])


def _grow_vessel(
    canvas: Picture, rng: np.random.Generator, start: NDArray, dx: float, dy: float, caliber: float, depth: int
) -> None:
    """Draws one vessel and its branches into the canvas, thinner with every branching."""
    if depth > 4 or caliber < 0.0016:
        return
    length = 0.088 * 0.86**depth * rng.uniform(0.8, 1.2)
    points, heading = [start], np.arctan2(dy, dx)
    for _ in range(4):
        heading += rng.normal(0.0, 0.17)
        points.append(points[-1] + length / 4 * np.array([np.cos(heading), np.sin(heading)]))
    line = _stroke([tuple(point) for point in points], caliber, canvas.shape)
    np.maximum(canvas, np.float32(0.22 * min(1.0, caliber / 0.011) ** 0.8) * line, out=canvas)
    for turn in (rng.uniform(0.15, 0.50), -rng.uniform(0.15, 0.50)):
        branch = heading + turn
        _grow_vessel(
            canvas, rng, points[-1], np.cos(branch), np.sin(branch), caliber * rng.uniform(0.58, 0.76), depth + 1
        )


def _expose(rng: np.random.Generator, density: Picture, size: tuple[int, int]) -> Picture:
    """The film's gray values in 0..1: scatter, a digital film's tone curve, uneven tissue and grain."""
    width = size[1]
    texture = _blur(rng.normal(0.0, 1.0, size).astype(np.float32), 0.02 * width)
    grain = _blur(rng.normal(0.0, 1.0, size).astype(np.float32), 0.7)
    density = density + 0.015 * texture / texture.std() * (density > 0.05)
    density = 0.82 * density + 0.18 * _blur(density, 0.05 * width)
    tone = 1.0 / (1.0 + np.exp(-2.7 * (density - 0.88)))
    floor = 1.0 / (1.0 + np.exp(2.7 * 0.88))
    pixels = 0.03 + 0.92 * (tone - floor) / (1.0 - floor) + 0.008 * grain / grain.std()
    return np.clip(pixels, 0.0, 1.0).astype(np.float32)


def _scale_heart(outline: NDArray, heart_scale: float) -> NDArray:
    """The heart's outline grown about a point on the diaphragm, more in width than in height."""
    anchor = np.array(_HEART_ANCHOR_XY)
    return anchor + (outline - anchor) * np.array([heart_scale, 1.0 + 0.40 * (heart_scale - 1.0)])


def _mirror(point: tuple[float, float], side: int) -> tuple[float, float]:
    """(distance from the midline, y) as (x, y) on the picture's left (-1) or right (1)."""
    return 0.5 + side * point[0], point[1]


def _smooth_curve(points: NDArray, closed: bool, samples: int = 16) -> NDArray:
    """Catmull-Rom curve through the points, (n, 2)."""
    padded = np.concatenate([points[-1:], points, points[:2]] if closed else [points[:1], points, points[-1:]])
    t = np.linspace(0.0, 1.0, samples, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
    ]
    return np.concatenate(pieces if closed else [*pieces, points[-1:]])


def _to_fixed_point(curve: NDArray, size: tuple[int, int]) -> NDArray[np.int32]:
    height, width = size
    return np.round(curve * (width, height) * 2**_POLYGON_SHIFT_BITS).astype(np.int32)


def _fill(points: NDArray, size: tuple[int, int]) -> Picture:
    """The smooth closed outline through the points, filled, 0..1."""
    canvas = np.zeros(size, np.uint8)
    polygon = _to_fixed_point(_smooth_curve(np.asarray(points, float), closed=True), size)
    cv2.fillPoly(canvas, [polygon], 255, lineType=cv2.LINE_AA, shift=_POLYGON_SHIFT_BITS)
    return canvas.astype(np.float32) / 255.0


def _stroke(points: object, breadth: float, size: tuple[int, int]) -> Picture:
    """A smooth line through the points, `breadth` picture widths wide, 0..1."""
    canvas = np.zeros(size, np.uint8)
    curve = _to_fixed_point(_smooth_curve(np.asarray(points, float), closed=False), size)
    thickness_px = max(1, round(breadth * size[1]))
    cv2.polylines(canvas, [curve], False, 255, thickness_px, cv2.LINE_AA, _POLYGON_SHIFT_BITS)
    return canvas.astype(np.float32) / 255.0


def _tube(points: object, breadth: float, size: tuple[int, int]) -> Picture:
    """A bone along the points: a soft band whose two rims are denser than its middle."""
    width = size[1]
    band = _blur(_stroke(points, breadth, size), 0.003 * width)
    core = _blur(_stroke(points, 0.66 * breadth, size), 0.004 * width)
    return 0.62 * band + 0.38 * np.clip(band - core, 0.0, 1.0) * 1.6


def _ellipse(centre_xy: tuple[float, float], radii_xy: tuple[float, float], size: tuple[int, int]) -> Picture:
    """A filled ellipse, 0..1."""
    turn = np.linspace(0.0, 2 * np.pi, 24, endpoint=False)
    return _fill(
        np.stack([centre_xy[0] + radii_xy[0] * np.cos(turn), centre_xy[1] + radii_xy[1] * np.sin(turn)], 1), size
    )


def _dome(shape: Picture, radius_ratio: float = 0.12) -> Picture:
    """Depth of a rounded body over a filled shape: 0 at its rim, 1 deeper than `radius_ratio` picture widths."""
    depth_px = cv2.distanceTransform((shape > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    reach = np.clip(depth_px / (radius_ratio * shape.shape[1]), 0.0, 1.0)
    return np.sqrt(1.0 - (1.0 - reach) ** 2).astype(np.float32)


def _blur(picture: Picture, sigma_px: float) -> Picture:
    return cv2.GaussianBlur(picture, (0, 0), max(sigma_px, 0.3), borderType=cv2.BORDER_REPLICATE)
