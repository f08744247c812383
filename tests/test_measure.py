import math

import numpy as np
import pytest

from heartviz.errors import QuestionError, SegmentationError
from heartviz.measure import (
    delete_by_rank,
    hits_cause,
    measure_cardiothoracic_ratio,
    measure_rank_accuracy,
    measure_relevance_share,
    move_lines,
)
from heartviz.records import CardiothoracicRatio


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


def test_positive_shares_count_only_what_speaks_for_the_class():
    heart, lungs = np.zeros((2, 6), bool), np.zeros((2, 6), bool)
    heart[0, :2], lungs[0, 2:5] = True, True
    values = np.zeros((2, 6), np.float32)
    values[0, 0], values[0, 1], values[0, 2], values[1, 0] = 3, -5, 1, 2
    # Above zero: 3 heart, 1 lungs, 2 elsewhere. Absolute: 8, 1, 2.
    measured = measure_relevance_share(values, heart, lungs, "positive")
    assert measured.share == pytest.approx({"heart": 3 / 6, "lungs": 1 / 6, "elsewhere": 2 / 6})
    assert measure_relevance_share(values, heart, lungs).share["heart"] == pytest.approx(8 / 11)


def test_interval_holds_the_share_and_is_wide_where_one_spot_carries_the_map():
    heart, lungs = np.zeros((160, 160), bool), np.zeros((160, 160), bool)
    heart[40:120, 40:120] = True
    even = np.ones((160, 160), np.float32)
    spot = np.full((160, 160), 1e-5, np.float32)
    spot[60:65, 60:65], spot[5:10, 5:10] = 1.0, 1.0
    widths = {}
    for name, values in (("even", even), ("spot", spot)):
        measured = measure_relevance_share(values, heart, lungs)
        low, high = measured.interval["heart"]
        assert low <= measured.share["heart"] <= high
        widths[name] = high - low
    # Even: 256 blocks of which 64 are heart, so sd = sqrt(.25 * .75 / 256) = 0.027 and 3.92 sd = 0.106.
    assert widths["even"] == pytest.approx(0.106, rel=0.25)
    # Two blocks carry nearly everything: either is left out of about one draw in three.
    assert widths["spot"] > 0.9


def test_rank_accuracy_counts_the_cause_among_as_many_highest_values():
    truth = np.zeros((3, 4), bool)
    truth[0, :3] = True
    values = np.arange(12, dtype=np.float32).reshape(3, 4)[::-1].copy()  # highest row first: 8 9 10 11
    assert measure_rank_accuracy(values, truth) == pytest.approx(2 / 3)
    values[0, 3] = np.nan
    assert measure_rank_accuracy(values, truth) == 1.0
    assert math.isnan(measure_rank_accuracy(values, np.zeros_like(truth)))


def test_pointing_game_asks_for_the_highest_value_only():
    truth = np.zeros((2, 3), bool)
    truth[1, 2] = True
    values = np.array([[np.nan, 2.0, -9.0], [0.0, 1.0, 3.0]], np.float32)
    assert hits_cause(values, truth) == 1.0
    assert hits_cause(-values, truth) == 0.0
    assert math.isnan(hits_cause(np.ones((2, 3), np.float32), truth))


def test_deletion_and_insertion_of_a_model_that_adds_up_its_pixels():
    picture = np.array([[4.0, 3.0], [2.0, 1.0]], np.float32)
    deleted, inserted = delete_by_rank(
        picture, picture, np.zeros((2, 2), np.float32), lambda pictures: pictures.sum(axis=(1, 2)), steps=4
    )
    # Highest first: 10 loses 4, 3, 2, 1; insertion gains them in that order.
    assert deleted.tolist() == [10, 6, 3, 1, 0]
    assert inserted.tolist() == [0, 4, 7, 9, 10]


def test_lines_that_were_moved_give_their_own_ratio():
    found = CardiothoracicRatio(0.5, (40, 79), 10, (20, 99), 30)
    moved = move_lines(found, (40, 83), (20, 107), 120)
    assert moved == CardiothoracicRatio(0.5, (40, 83), 10, (20, 107), 30)
    assert move_lines(found, (50, 50), (20, 99), 120).ratio == pytest.approx(1 / 80)
    for heart, thorax in (((60, 59), (20, 99)), ((-1, 59), (20, 99)), ((40, 79), (20, 120))):
        with pytest.raises(QuestionError, match="A line can't go from column"):
            move_lines(found, heart, thorax, 120)
