from dataclasses import replace

import numpy as np
import pytest

from heartviz.errors import SegmentationError
from heartviz.gate import check_anatomy, check_ratio
from heartviz.records import CardiothoracicRatio, Segmentation
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG


def segmentation(**changes) -> Segmentation:
    masks = {"heart": HEART, "left_lung": LEFT_LUNG, "right_lung": RIGHT_LUNG}
    values = {f"{name}_prob": mask.astype(np.float32) * 0.97 for name, mask in masks.items()}
    values |= {f"{name}_mask": mask for name, mask in masks.items()}
    return Segmentation(**(values | changes))


def test_a_chest_passes():
    check_anatomy(segmentation())


def test_missing_parts_are_named():
    empty = np.zeros_like(HEART)
    with pytest.raises(SegmentationError, match="no heart and no patient's right lung"):
        check_anatomy(segmentation(heart_mask=empty, right_lung_mask=empty))


@pytest.mark.parametrize(("mask", "size"), [(np.ones_like(HEART), "large"), (HEART & (np.arange(257) == 150), "small")])
def test_implausible_areas_are_refused(mask, size):
    with pytest.raises(SegmentationError, match=f"too {size}"):
        check_anatomy(segmentation(heart_mask=mask, heart_prob=np.ones_like(HEART, np.float32)))


def test_uncertain_outlines_are_refused():
    with pytest.raises(SegmentationError, match="60 % certainty"):
        check_anatomy(segmentation(heart_prob=np.where(HEART, np.float32(0.6), np.float32(0.0))))


def test_swapped_lungs_are_called_mirrored():
    with pytest.raises(SegmentationError, match="mirrored"):
        check_anatomy(
            segmentation(
                left_lung_mask=RIGHT_LUNG,
                left_lung_prob=RIGHT_LUNG.astype(np.float32),
                right_lung_mask=LEFT_LUNG,
                right_lung_prob=LEFT_LUNG.astype(np.float32),
            )
        )


def test_ratio_is_passed_warned_of_or_refused():
    usual = CardiothoracicRatio(0.48, (10, 57), 5, (0, 99), 3)
    assert check_ratio(usual) == ()
    assert "unusual" in check_ratio(replace(usual, ratio=0.82))[0]
    with pytest.raises(SegmentationError, match="0.95, which no frontal chest film has"):
        check_ratio(replace(usual, ratio=0.95))
