"""Laws of the interventions on drawn films: what is changed, what is not, and what is left of a region."""

import cv2
import numpy as np
import pytest

from heartviz.interventions import regions as change

HEIGHT, WIDTH = 120, 161


@pytest.fixture
def picture():
    """Noise on a slope, odd width, so that a swap of axes or a flip shows."""
    rng = np.random.default_rng(0)
    slope = np.linspace(0.2, 0.6, HEIGHT)[:, None] + np.linspace(0, 0.2, WIDTH)[None]
    return (slope + 0.05 * rng.standard_normal((HEIGHT, WIDTH))).clip(0, 1).astype(np.float32)


@pytest.fixture
def mask():
    """An ellipse off the centre."""
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(drawn, center=(60, 70), axes=(30, 20), angle=30, startAngle=0, endAngle=360, color=1, thickness=-1)
    return drawn.astype(bool)


CHANGES = {
    "dim": lambda picture, mask: change.dim_region(picture, mask, 0.2),
    "blur": change.blur_region,
    "swap": lambda picture, mask: change.swap_region(picture, mask, picture[:, ::-1].copy(), mask[:, ::-1]),
    "texture": lambda picture, mask: change.plant_texture(picture, mask, 0.05, np.random.default_rng(1)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_a_region_leaves_the_rest_and_its_input_alone(name, picture, mask):
    before = picture.copy()
    changed = CHANGES[name](picture, mask)
    np.testing.assert_array_equal(picture, before)
    assert changed.dtype == np.float32
    assert changed.shape == picture.shape
    np.testing.assert_array_equal(changed[~mask], picture[~mask])
    assert np.abs(changed[mask] - picture[mask]).mean() > 0.01
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_dim_region_is_the_reverse_of_dimming_outside(picture, mask):
    np.testing.assert_allclose(change.dim_region(picture, mask, 0.5)[mask], picture[mask] / 2)


def test_blur_takes_the_noise_and_keeps_the_mean(picture, mask):
    blurred = change.blur_region(picture, mask)
    inner = change.grow_mask(mask, -4)
    steps = [np.abs(np.diff(each, axis=1))[inner[:, 1:]].mean() for each in (blurred, picture)]
    assert steps[0] < 0.1 * steps[1]
    assert blurred[inner].mean() == pytest.approx(picture[inner].mean(), abs=0.01)


def test_remove_fills_a_region_of_a_flat_picture_with_its_gray(mask):
    picture = np.where(mask, 0.9, 0.3).astype(np.float32)
    # The removal reaches 1 % past the mask, so that nothing bright is left at the edge.
    np.testing.assert_allclose(change.remove_region(picture, mask), 0.3, atol=1e-5)


def test_removing_everything_leaves_the_mean(picture):
    np.testing.assert_allclose(change.remove_region(picture, np.ones_like(picture, bool)), picture.mean())


def test_swap_brings_the_others_pattern_with_this_films_mean_and_spread(picture, mask):
    stripes = np.tile((np.arange(WIDTH) // 6 % 2).astype(np.float32), (HEIGHT, 1))
    swapped = change.swap_region(picture, mask, stripes, mask)
    inner = change.grow_mask(mask, -3)
    assert np.corrcoef(swapped[inner], stripes[inner])[0, 1] > 0.9
    assert swapped[inner].mean() == pytest.approx(picture[inner].mean(), abs=0.02)


def test_swap_stretches_row_by_row():
    mask, other_mask = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    mask[10:30, 10:50], other_mask[5:15, 20:40] = True, True
    other = np.tile(np.linspace(0, 1, 60, dtype=np.float32), (40, 1))
    base = np.tile(np.linspace(0.2, 0.8, 60, dtype=np.float32), (40, 1))
    # A ramp across half the columns, stretched to twice its width and matched in spread: the ramp that was there.
    swapped = change.swap_region(base, mask, other, other_mask)
    np.testing.assert_allclose(swapped[15:25, 15:45], base[15:25, 15:45], atol=0.02)


def test_swap_refuses_an_empty_region(picture, mask):
    with pytest.raises(ValueError, match="empty"):
        change.swap_region(picture, mask, picture, np.zeros_like(mask))


def test_keep_only_and_silhouette(picture, mask):
    kept = change.keep_only(picture, mask)
    np.testing.assert_array_equal(kept[mask], picture[mask])
    np.testing.assert_allclose(kept[~mask], picture[~mask].mean(), rtol=1e-5)
    np.testing.assert_array_equal(change.silhouette(mask), mask.astype(np.float32))


def test_letters_are_found_outside_the_thorax_only():
    picture = np.full((400, 420), 0.2, np.float32)
    thorax = np.zeros(picture.shape, bool)
    thorax[150:380, 60:360] = True
    letters = np.zeros(picture.shape, np.uint8)
    cv2.putText(letters, "R", (30, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.0, color=1, thickness=3)
    cv2.putText(letters, "L", (200, 250), cv2.FONT_HERSHEY_SIMPLEX, 1.0, color=1, thickness=3)
    picture[letters > 0] = 1.0
    picture[:60, 250:400] = 0.95  # a bright plate is no letter
    found = change.find_letters(picture, thorax)
    rows, cols = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    assert rows[0] >= 25
    assert rows[-1] <= 70
    assert cols[0] >= 20
    assert cols[-1] <= 65
    assert change.remove_region(picture, found)[30:65, 25:60].max() < 0.35


@pytest.mark.parametrize("gray", [0.0, 1.0])
def test_a_constant_film_has_no_letters(gray):
    picture = np.full((90, 100), gray, np.float32)
    assert not change.find_letters(picture, np.zeros(picture.shape, bool)).any()


def test_marker_lies_in_the_upper_right_corner_and_fades_with_its_strength(picture):
    whole, half = change.plant_marker(picture), change.plant_marker(picture, 0.5)
    changed = whole != picture
    rows, cols = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert rows[-1] < 0.2 * HEIGHT
    assert cols[0] > 0.8 * WIDTH
    np.testing.assert_allclose(half, (picture + whole) / 2, atol=1e-6)
    np.testing.assert_array_equal(change.plant_marker(picture, 0.0), picture)
    boxed = change.plant_marker(picture, 1.0, (slice(40, 100), slice(20, 90))) != picture
    rows, cols = np.flatnonzero(boxed.any(axis=1)), np.flatnonzero(boxed.any(axis=0))
    assert rows[0] >= 40
    assert cols[0] > 70
    assert cols[-1] < 90


def test_texture_has_the_amplitude_that_is_asked_for():
    picture, mask = np.full((200, 220), 0.5, np.float32), np.zeros((200, 220), bool)
    mask[20:180, 30:190] = True
    planted = change.plant_texture(picture, mask, 0.05, np.random.default_rng(0))
    inner = change.grow_mask(mask, -5)
    assert planted[inner].std() == pytest.approx(0.05, rel=0.05)
    assert planted[inner].mean() == pytest.approx(0.5, abs=0.005)
    again = change.plant_texture(picture, mask, 0.05, np.random.default_rng(0))
    np.testing.assert_array_equal(planted, again)


def test_texture_of_an_empty_region_changes_nothing(picture):
    empty = np.zeros_like(picture, bool)
    np.testing.assert_array_equal(change.plant_texture(picture, empty, 0.1, np.random.default_rng(0)), picture)


def test_grow_and_shrink_a_square():
    mask = np.zeros((30, 40), bool)
    mask[10:20, 10:25] = True
    assert change.grow_mask(mask, 3)[7, 15]
    assert not change.grow_mask(mask, 3)[6, 15]
    assert change.grow_mask(mask, -3)[13:17, 13:22].all()
    assert change.grow_mask(mask, -3).sum() == 4 * 9
    np.testing.assert_array_equal(change.grow_mask(mask, 0), mask)


def test_an_empty_mask_stays_empty_and_a_full_one_full():
    empty, full = np.zeros((9, 12), bool), np.ones((9, 12), bool)
    assert not change.grow_mask(empty, 3).any()
    assert change.grow_mask(full, 3).all()


def test_move_mask_goes_down_and_right_and_loses_what_leaves():
    mask = np.zeros((20, 30), bool)
    mask[2:5, 20:28] = True
    moved = change.move_mask(mask, rows=4, cols=5)
    expected = np.zeros_like(mask)
    expected[6:9, 25:30] = True
    np.testing.assert_array_equal(moved, expected)


def test_strokes_add_in_turquoise_and_take_away_in_red():
    layer = np.zeros((20, 30, 4), np.uint8)
    layer[2:4, 4:8] = (64, 224, 208, 255)
    layer[10:12, 4:8] = (255, 90, 90, 255)
    layer[15:17, 4:8] = (64, 224, 208, 60)  # hardly there
    added, removed = change.read_strokes(layer, (40, 60))
    expected = np.zeros((40, 60), bool)
    expected[4:8, 8:16] = True
    np.testing.assert_array_equal(added, expected)
    assert removed.sum() == 4 * 8
    assert removed[20:24, 8:16].all()
