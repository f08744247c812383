import numpy as np
import pytest

from heartviz.masks import clean_mask, dim_outside, fill_holes, keep_largest_part, mask_contour, open_mask

EMPTY = np.zeros((7, 9), bool)
FULL = np.ones((7, 9), bool)


def test_largest_part_is_kept_and_diagonal_touch_is_no_touch():
    mask = np.zeros((7, 9), bool)
    mask[0:3, 0:3] = True  # nine pixels
    mask[3, 3] = True  # touches a corner only
    kept = keep_largest_part(mask)
    assert kept.sum() == 9
    assert not kept[3, 3]


def test_holes_are_filled_and_bays_are_not():
    mask = np.zeros((7, 9), bool)
    mask[1:6, 1:6] = True
    mask[3, 3] = False  # a hole
    mask[1, 5] = False  # a bay at the edge
    filled = fill_holes(mask)
    assert filled[3, 3]
    assert not filled[1, 5]


@pytest.mark.parametrize("mask", [EMPTY, FULL], ids=["empty", "all True"])
def test_empty_and_full_masks_stay_as_they_are(mask):
    for step in (keep_largest_part, fill_holes):
        np.testing.assert_array_equal(step(mask), mask)


def test_one_pixel_mask():
    mask = EMPTY.copy()
    mask[2, 5] = True
    np.testing.assert_array_equal(clean_mask(mask.astype(np.float32)), mask)
    np.testing.assert_array_equal(mask_contour(mask), [[2, 5]])


def test_contour_is_rows_then_cols():
    mask = np.zeros((20, 30), bool)
    mask[2:5, 10:26] = True
    contour = mask_contour(mask)
    assert contour[:, 0].min() == 2
    assert contour[:, 0].max() == 4
    assert contour[:, 1].max() == 25
    assert mask_contour(EMPTY).shape == (0, 2)


def test_dim_outside_is_a_fifth_outside_and_nothing_inside():
    picture = np.full((7, 9), 0.5, np.float32)
    mask = EMPTY.copy()
    mask[3, 4] = True
    dimmed = dim_outside(picture, mask)
    assert dimmed[3, 4] == np.float32(0.5)
    assert abs(float(dimmed[0, 0]) - 0.1) < 1e-7
    assert picture[0, 0] == 0.5  # the argument is left alone


def test_opening_cuts_a_thin_tongue_and_keeps_the_rest():
    mask = np.zeros((60, 81), bool)
    mask[10:50, 10:45] = True
    body = mask.copy()
    mask[28:33, 45:70] = True  # five pixels thick: no disc of radius 4 fits
    opened = open_mask(mask, 4.0)
    assert not (opened & ~mask).any()
    assert not opened[:, 50:].any()
    # Discs' centres are five pixels inside the body. Of each corner, counted from 1, pixels (1, 1), (1, 2), (2, 1),
    # (1, 3), (3, 1), (1, 4), (4, 1), (2, 2) lie more than 4 from the centre (5, 5).
    assert (body & ~opened).sum() == 4 * 8
    assert opened[12:48, 12:43].all()


def test_opening_leaves_a_mask_alone_that_ends_at_the_picture():
    mask = np.zeros((40, 50), bool)
    mask[:, :20] = True
    np.testing.assert_array_equal(open_mask(mask, 5.0), mask)


def test_opening_a_small_or_empty_mask_leaves_nothing():
    mask = np.zeros((40, 50), bool)
    assert not open_mask(mask, 3.0).any()
    mask[10:14, 10:14] = True
    assert not open_mask(mask, 5.0).any()
