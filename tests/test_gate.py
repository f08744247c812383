from dataclasses import replace

import numpy as np
import pytest

from heartviz.errors import SegmentationError
from heartviz.gate import check_anatomy, check_ratio
from heartviz.records import CardiothoracicRatio, Segmentation
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, picture

LOWER_HALF = np.arange(301)[:, None] > 150


def segmentation(certainty: float = 0.97, **masks) -> Segmentation:
    masks = {"heart": HEART, "left_lung": LEFT_LUNG, "right_lung": RIGHT_LUNG} | masks
    probs = {f"{name}_prob": mask.astype(np.float32) * np.float32(certainty) for name, mask in masks.items()}
    return Segmentation(**probs, **{f"{name}_mask": mask for name, mask in masks.items()})


def test_a_chest_passes_without_a_warning():
    assert check_anatomy(segmentation(), picture()) == ()


def test_a_film_taken_from_the_side_is_refused():
    with pytest.raises(SegmentationError, match="frontal chest film: it looks like one taken from the side"):
        check_anatomy(replace(segmentation(), lateral_prob=0.51), picture())
    assert check_anatomy(replace(segmentation(), lateral_prob=0.49), picture()) == ()


def test_missing_parts_are_named():
    empty = np.zeros_like(HEART)
    with pytest.raises(SegmentationError, match="no heart and no patient's right lung was found"):
        check_anatomy(segmentation(heart=empty, right_lung=empty), picture())


@pytest.mark.parametrize(("mask", "size"), [(np.ones_like(HEART), "large"), (HEART & (np.arange(257) == 150), "small")])
def test_implausible_areas_are_refused(mask, size):
    with pytest.raises(SegmentationError, match=f"too {size}"):
        check_anatomy(segmentation(heart=mask), picture())


def test_uncertain_outlines_are_refused():
    with pytest.raises(SegmentationError, match="taken for the heart is too unlike one, or is hidden"):
        check_anatomy(segmentation(certainty=0.6), picture())


def shifted(mask, rows, cols=0):
    return np.roll(mask, (rows, cols), axis=(0, 1))


@pytest.mark.parametrize(
    ("masks", "reason"),
    [
        ({"left_lung": RIGHT_LUNG, "right_lung": LEFT_LUNG}, "left lung was found on the left of the picture"),
        ({"right_lung": RIGHT_LUNG & (np.arange(301)[:, None] > 205)}, "one lung is far larger"),
        ({"left_lung": LEFT_LUNG & LOWER_HALF, "right_lung": RIGHT_LUNG & ~LOWER_HALF}, "do not lie side by side"),
        ({"heart": shifted(HEART, -110)}, "not found low between the two lungs"),
        ({"heart": shifted(HEART, 0, 70)}, "not found low between the two lungs"),
    ],
)
def test_parts_out_of_place_are_refused(masks, reason):
    with pytest.raises(SegmentationError, match=reason):
        check_anatomy(segmentation(**masks), picture())


def test_an_inverted_film_is_refused():
    with pytest.raises(SegmentationError, match="looks inverted"):
        check_anatomy(segmentation(), 1 - picture())


def test_a_heart_on_the_right_is_warned_of():
    mirrored = {"heart": HEART[:, ::-1], "left_lung": RIGHT_LUNG[:, ::-1], "right_lung": LEFT_LUNG[:, ::-1]}
    assert "situs inversus" in check_anatomy(segmentation(**mirrored), picture()[:, ::-1])[0]


def test_ratio_is_passed_warned_of_or_refused():
    usual = CardiothoracicRatio(0.48, (10, 57), 5, (0, 99), 3)
    assert check_ratio(usual) == ()
    assert "unusual" in check_ratio(replace(usual, ratio=0.82))[0]
    with pytest.raises(SegmentationError, match="came out as 0.95"):
        check_ratio(replace(usual, ratio=0.95))
