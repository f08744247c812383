"""Writing in the picture is warned of; a lone marker and a drawn film are not."""

import cv2
import numpy as np
import pytest

from heartviz.gallery import EXAMPLES
from heartviz.interventions.writing import WARNING, check_writing, count_row
from heartviz.preprocess import stretch_contrast
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, picture

THORAX = HEART | LEFT_LUNG | RIGHT_LUNG


def boxes(*places: tuple[int, int, int, int]) -> np.ndarray:
    """A mask of filled boxes, each (left, top, width, height)."""
    mask = np.zeros((100, 200), bool)
    for left, top, width, height in places:
        mask[top : top + height, left : left + width] = True
    return mask


@pytest.mark.parametrize(
    ("places", "row"),
    [
        ((), 0),
        (((10, 10, 6, 10),), 1),
        (((10, 10, 6, 10), (20, 11, 6, 10), (30, 9, 6, 10)), 3),
        # 26 px apart, 15 is the most for parts 10 px high.
        (((10, 10, 6, 10), (42, 10, 6, 10)), 1),
        # 6 px lower, half of their height is 5.
        (((10, 10, 6, 10), (20, 16, 6, 10)), 1),
        # More than twice as high.
        (((10, 10, 6, 10), (20, 4, 6, 22)), 1),
    ],
)
def test_letters_in_a_row_are_alike_level_and_near(places, row):
    assert count_row(boxes(*places)) == row


def write(gray: np.ndarray, words: str) -> np.ndarray:
    large = cv2.resize(np.round(gray * 255).astype(np.uint8), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    cv2.putText(large, words, (12, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 255, 2, cv2.LINE_AA)
    return stretch_contrast(large.astype(np.float32) / 255)


def test_a_name_is_warned_of_and_a_side_marker_is_not():
    thorax_mask = cv2.resize(THORAX.astype(np.uint8), None, fx=3, fy=3).astype(bool)
    assert check_writing(write(picture(), "DOE JANE 1960"), thorax_mask) == (WARNING,)
    assert check_writing(write(picture(), "L"), thorax_mask) == ()
    assert check_writing(write(picture(), ""), thorax_mask) == ()


def test_drawn_films_hold_no_writing():
    for example in EXAMPLES:
        pixels = stretch_contrast(example.load().pixels)
        assert check_writing(pixels, np.zeros(pixels.shape, bool)) == ()
