"""Limits of the gate for tests: plain numbers, not those that films have set."""

from heartviz.manifest import read_gate_limits

GATE = {
    "refused": {
        "lateral_prob": [None, 0.5],
        "lateral_distance": [None, 1.6],
        "left_lung_to_the_right": [0, None],
        "lung_overlap": [0.4, None],
        "heart_across": [0.35, 0.72],
        "heart_down": [0.55, 0.9],
        "heart_contrast": [0.1, None],
        "plain_black": [None, 0.6],
        "plain_white": [None, 0.6],
        "gray_levels": [16, None],
        "gray_range": [0.02, None],
        "heart_area": [0.008, 0.3],
        "left_lung_area": [0.015, 1],
        "right_lung_area": [0.015, 1],
        "heart_certainty": [0.88, None],
        "left_lung_certainty": [0.88, None],
        "right_lung_certainty": [0.88, None],
        "heart_stray": [None, 0.25],
        "left_lung_stray": [None, 0.25],
        "right_lung_stray": [None, 0.25],
        "left_over_right_lung": [0.35, 2.8],
        "cardiothoracic_ratio": [0.25, 0.85],
    },
    "warned": {
        "heart_across": [0.48, None],
        "plain_black": [None, 0.25],
        "plain_white": [None, 0.25],
        "gray_levels": [32, None],
        "longer_side_px": [320, None],
        "cardiothoracic_ratio": [0.3, 0.8],
    },
}
LIMITS = read_gate_limits({"gate": GATE})
