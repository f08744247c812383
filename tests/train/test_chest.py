"""The distance from the training films: what lies along and across their spread, and who lies within the limit."""

import numpy as np
import pytest
import torch

from heartviz.errors import DataError
from heartviz.models import ChestDistance
from heartviz.models.chest import CHEST_AXES
from train.chest import fit_distance, measure
from train.foreign import FOREIGN, PARTS, cut_part


def make_grids(count: int, seed: int) -> np.ndarray:
    """Features that vary along four directions, and a little by themselves."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(5).normal(size=(4, 6400))
    logs = 3 + 0.1 * rng.normal(size=(count, 4)) @ directions + 0.05 * rng.normal(size=(count, 6400))
    return np.expm1(np.maximum(logs, 0)).astype(np.float32)


def test_films_of_the_same_kind_lie_near_one_and_others_far():
    distance = fit_distance(make_grids(80, 0))
    same, other = make_grids(20, 1), np.random.default_rng(2).exponential(20, (20, 6400)).astype(np.float32)
    near, far = (measure(distance, torch.from_numpy(grids)) for grids in (same, other))
    assert 0.5 < near.mean() < 2
    assert far.min() > 3 * near.max()


def test_distance_by_hand():
    distance = ChestDistance()
    distance.axes[0, 0] = 1.0
    distance.axis_spread[0] = 2.0
    grids = torch.zeros(1, 6400)
    grids[0, 0] = np.expm1(4.0)  # 4 along the first axis, which spreads by 2: 2 spreads on one axis of 16
    torch.testing.assert_close(distance.measure(grids), torch.tensor([(4 / CHEST_AXES / 2) ** 0.5]))
    grids[0, 0], grids[0, 1] = 0.0, np.expm1(8.0)  # 8 across all axes: 64 / 6400 on average
    torch.testing.assert_close(distance.measure(grids), torch.tensor([(0.01 / 2) ** 0.5]))


def test_too_few_films_are_refused():
    with pytest.raises(DataError, match="more than 16 are needed"):
        fit_distance(make_grids(CHEST_AXES, 0))


@pytest.mark.parametrize("kind", FOREIGN)
def test_drawn_pictures_are_the_same_for_the_same_seed_and_have_gray(kind):
    first, again = (FOREIGN[kind](np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first.dtype, first.min() >= 0, first.max() <= 1, first.std() > 0.02) == (np.float32, True, True, True)


def test_parts_are_cut_where_they_lie():
    film = np.arange(12 * 10, dtype=np.float32).reshape(12, 10)
    np.testing.assert_array_equal(cut_part(film, "upper right quarter"), film[:6, 5:])
    assert {part: cut_part(film, part).size for part in PARTS if "quarter" in part} == {
        part: 30 for part in PARTS if "quarter" in part
    }
