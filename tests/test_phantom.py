"""The drawn chest: known masks, the patient's left on the picture's right, same seed same bytes."""

import numpy as np
import pytest

from heartviz.phantom import draw_chest


def width(mask: np.ndarray) -> int:
    columns = np.flatnonzero(mask.any(axis=0))
    return int(columns[-1] - columns[0] + 1)


@pytest.mark.parametrize("size", [(640, 560), (301, 257), (200, 333)])
def test_pictures_and_masks_have_the_size_asked_for(size):
    pixels, *masks = draw_chest(3, size=size)
    assert pixels.shape == size
    assert pixels.dtype == np.float32
    assert 0.0 <= pixels.min() < 0.1
    assert 0.7 < pixels.max() <= 1.0
    assert all(mask.shape == size and mask.dtype == bool and mask.any() for mask in masks)


def test_same_seed_same_bytes_and_another_seed_another_film():
    first, again, other = draw_chest(5)[0], draw_chest(5)[0], draw_chest(6)[0]
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize(("heart_scale", "low", "high"), [(1.0, 0.42, 0.49), (1.35, 0.56, 0.66)])
def test_scale_sets_the_cardiothoracic_ratio(heart_scale, low, high):
    _, heart, left, right = draw_chest(2, heart_scale)
    assert low < width(heart) / width(left | right) < high


def test_lungs_are_dark_beside_a_bright_heart_and_lie_on_their_sides():
    pixels, heart, left, right = draw_chest(2)
    assert np.median(pixels[left | right]) + 0.2 < np.median(pixels[heart])
    columns = [np.flatnonzero(mask.any(axis=0)).mean() for mask in (right, heart, left)]
    assert columns == sorted(columns)
    apex_col = np.flatnonzero(heart.any(axis=0))[-1]
    assert apex_col - heart.shape[1] / 2 > heart.shape[1] / 2 - np.flatnonzero(heart.any(axis=0))[0]
    assert not (heart & (left | right)).any()


def test_what_cannot_be_drawn_is_refused_in_words():
    with pytest.raises(ValueError, match="at least 96"):
        draw_chest(1, size=(80, 300))
    with pytest.raises(ValueError, match=r"between 0\.5 and 1\.7"):
        draw_chest(1, heart_scale=2.0)
