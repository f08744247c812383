import math

import numpy as np
import pytest

from heartviz.errors import SegmentationError
from heartviz.measure import measure_cardiothoracic_ratio, measure_relevance_share


def boxes():
    heart, lungs = np.zeros((20, 30), bool), np.zeros((20, 30), bool)
    heart[10:15, 12:20] = True  # 8 wide
    lungs[4:16, 5:9] = True
    lungs[4:18, 21:25] = True  # both lungs: columns 5 to 24, 20 wide
    return heart, lungs


def test_ratio_is_heart_width_over_width_of_both_lungs():
    measured = measure_cardiothoracic_ratio(*boxes())
    assert measured.ratio == 8 / 20
    assert measured.heart_cols == (12, 19)
    assert measured.thorax_cols == (5, 24)
    assert (measured.heart_width_px, measured.thorax_width_px) == (8, 20)
    assert 4 <= measured.thorax_row <= 15  # a row in which both lungs stand


def test_ratio_does_not_change_when_the_film_is_mirrored():
    heart, lungs = boxes()
    assert measure_cardiothoracic_ratio(heart[:, ::-1], lungs[:, ::-1]).ratio == 8 / 20


@pytest.mark.parametrize(("which", "name"), [(0, "heart"), (1, "lungs")])
def test_an_empty_mask_is_refused(which, name):
    masks = list(boxes())
    masks[which] = np.zeros((20, 30), bool)
    with pytest.raises(SegmentationError, match=f"No {name} found"):
        measure_cardiothoracic_ratio(*masks)


def test_shares_of_a_planted_map_and_their_chance():
    # Ten seen pixels: 2 heart with |3| each, 3 lung with |-1|, 5 elsewhere with 0: 6/9, 3/9, 0.
    heart, lungs = np.zeros((2, 6), bool), np.zeros((2, 6), bool)
    heart[0, :2] = True
    lungs[0, 1:5] = True  # one pixel lies in the heart too and counts as heart
    values = np.zeros((2, 6), np.float32)
    values[0, :2] = 3
    values[0, 2:5] = -1
    values[1, 4:] = np.nan
    measured = measure_relevance_share(values, heart, lungs)
    assert measured.share == pytest.approx({"heart": 6 / 9, "lungs": 3 / 9, "elsewhere": 0.0})
    assert measured.chance == pytest.approx({"heart": 0.2, "lungs": 0.3, "elsewhere": 0.5})


def test_a_uniform_map_has_shares_equal_to_chance():
    heart, lungs = boxes()
    measured = measure_relevance_share(np.full((20, 30), -0.7, np.float32), heart, lungs)
    assert measured.share == pytest.approx(dict(measured.chance))


def test_a_zero_map_has_no_shares():
    measured = measure_relevance_share(np.zeros((20, 30), np.float32), *boxes())
    assert all(math.isnan(value) for value in measured.share.values())
