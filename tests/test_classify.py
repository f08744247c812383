import numpy as np
import pytest
import torch

from heartviz.classify import pictures_seen, predict
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
    seen = pictures_seen(picture(), HEART, frame)
    np.testing.assert_array_equal(seen["plain"], picture())
    np.testing.assert_array_equal(seen["mask"][HEART], seen["plain"][HEART])
    lungs = (LEFT_LUNG | RIGHT_LUNG) & ~HEART
    np.testing.assert_allclose(seen["mask"][lungs], 0.2 * seen["plain"][lungs], rtol=1e-6)
