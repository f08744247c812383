import numpy as np
import pytest
import torch

from heartviz.classify import gray_factors, pictures_seen, predict
from heartviz.masks import LEVEL_MEDIAN
from heartviz.preprocess import Frame
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, SIZE, picture

CLASSES = ("Normal", "Enlarged")


def test_temperature_divides_the_logits():
    # softmax of (0, 2 ln 3) / 2 = (1/4, 3/4)
    prediction = predict(torch.tensor([0.0, 2 * np.log(3.0)]), "heart_size", "plain", CLASSES, 2.0, {})
    assert prediction.probabilities == pytest.approx({"Normal": 0.25, "Enlarged": 0.75})
    assert prediction.label == "Enlarged"
    assert prediction.logits["Enlarged"] == pytest.approx(2 * np.log(3.0))


@pytest.mark.parametrize(("threshold", "label"), [(0.75, "Enlarged"), (0.76, "Normal"), (0.2, "Enlarged")])
def test_operating_point_decides_at_its_threshold(threshold, label):
    logits = torch.tensor([0.0, np.log(3.0)], dtype=torch.float64)
    probability = float(torch.softmax(logits, 0)[1])
    threshold = probability if threshold == 0.75 else threshold
    assert predict(logits, "heart_size", "mask", CLASSES, 1.0, {"Enlarged": threshold}).label == label


def test_mask_arm_sees_the_heart_as_it_is_and_a_fifth_outside():
    frame = Frame(SIZE, 0, 0, SIZE, SIZE)
    seen = pictures_seen(picture(), HEART, LEFT_LUNG | RIGHT_LUNG, frame)
    np.testing.assert_array_equal(seen["plain"], picture())
    np.testing.assert_array_equal(seen["mask"][HEART], seen["plain"][HEART])
    lungs = (LEFT_LUNG | RIGHT_LUNG) & ~HEART
    np.testing.assert_allclose(seen["mask"][lungs], 0.2 * seen["plain"][lungs], rtol=1e-6)


def speckled():
    """A film whose lungs are of many grays, none of them near black or white."""
    return np.random.default_rng(0).uniform(0.3, 0.6, SIZE).astype(np.float32)


def test_hardened_arm_sees_the_heart_and_lungs_that_a_gain_does_not_change():
    frame, lungs = Frame(SIZE, 0, 0, SIZE, SIZE), LEFT_LUNG | RIGHT_LUNG
    film = speckled()
    seen = pictures_seen(film, HEART, lungs, frame)["hardened"]
    np.testing.assert_array_equal(seen[HEART], film[HEART])
    assert not seen[~(HEART | lungs)].any()
    beside = lungs & ~HEART
    assert np.median(seen[beside]) == pytest.approx(LEVEL_MEDIAN, abs=1e-6)
    brighter = np.where(beside, 0.05 + 1.3 * film, film).astype(np.float32)
    again = pictures_seen(brighter, HEART, lungs, frame)["hardened"]
    np.testing.assert_allclose(again, seen, atol=1e-5)


def test_gray_factors_are_how_much_of_the_films_gray_each_model_is_shown():
    lungs = LEFT_LUNG | RIGHT_LUNG
    film = speckled()
    factors = gray_factors(film, HEART, lungs)
    frame = Frame(SIZE, 0, 0, SIZE, SIZE)
    seen = pictures_seen(film, HEART, lungs, frame)
    # One pixel of each region a little brighter: too few to move the median or the tenth percentile.
    for region in (HEART, lungs & ~HEART, ~(HEART | lungs)):
        row, col = np.argwhere(region & (film > np.median(film[region])) & (film < 0.5))[0]
        changed = film.copy()
        changed[row, col] += 0.001
        after = pictures_seen(changed, HEART, lungs, frame)
        for arm, factor in factors.items():
            moved = float(after[arm][row, col] - seen[arm][row, col]) / 0.001
            assert moved == pytest.approx(float(factor[row, col]), rel=0.01, abs=1e-3)
