import numpy as np
import pytest
import torch

from heartviz.preprocess import (
    IMAGENET_MEAN_RGB,
    Frame,
    square_frame,
    stretch_contrast,
    thorax_frame,
    to_model_input,
)
from tests.chest import LEFT_LUNG, RIGHT_LUNG, SIZE, picture


def test_square_frame_pads_the_short_side_about_the_centre():
    # 301 x 257: side 301, 44 columns of padding, 22 on the left.
    frame = square_frame(SIZE, 320)
    assert (frame.top, frame.left, frame.box_size, frame.model_size) == (0, -22, (301, 301), (320, 320))


def test_frame_at_its_own_size_gives_back_every_pixel():
    frame = Frame(original_size=(7, 5), top=-1, left=-2, box_size=(9, 9), model_size=(9, 9))
    film = np.arange(35, dtype=np.float32).reshape(7, 5)
    np.testing.assert_array_equal(frame.to_original(frame.to_model(film)), film)


def test_frame_round_trip_keeps_a_smooth_film():
    rows, cols = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    film = np.sin(rows / 40) + cols / 100
    frame = square_frame(SIZE, 320)
    back = frame.to_original(frame.to_model(film))
    # Bilinear there and back: half a pixel of slope (at most 0.027 a pixel) at most, but for the padded edge.
    np.testing.assert_allclose(back[3:-3, 3:-3], film[3:-3, 3:-3], atol=0.02)


def test_frame_is_nan_where_the_model_saw_nothing():
    frame = Frame(original_size=(10, 8), top=2, left=3, box_size=(4, 4), model_size=(4, 4))
    film = frame.to_original(np.ones((4, 4), np.float32))
    assert np.isfinite(film).sum() == 16
    assert np.isfinite(film[2:6, 3:7]).all()


@pytest.mark.parametrize("method", ["to_model", "to_original"])
def test_frame_refuses_a_picture_of_another_size(method):
    with pytest.raises(ValueError, match="Picture is"):
        getattr(square_frame((10, 8), 16), method)(np.zeros((3, 3), np.float32))


def test_box_beside_the_film_gives_fill_only():
    frame = Frame(original_size=(10, 8), top=20, left=0, box_size=(4, 4), model_size=(4, 4))
    np.testing.assert_array_equal(frame.to_model(np.ones((10, 8), np.float32), fill=0.5), np.full((4, 4), 0.5))
    assert np.isnan(frame.to_original(np.zeros((4, 4), np.float32))).all()


def test_stretch_contrast_ignores_black_borders_and_white_letters():
    film = np.zeros((200, 200), np.float32)
    film[50:150, 50:150] = np.linspace(0.4, 0.6, 10000, dtype=np.float32).reshape(100, 100)
    film[10:20, 10:20] = 1.0
    stretched = stretch_contrast(film)
    # 0.4 to 0.6 is spread over the whole range: the middle gray 0.5 comes to 0.5, and the outside clips.
    assert abs(float(stretched[100, 50]) - 0.5) < 0.01
    assert stretched[0, 0] == 0.0
    assert stretched[15, 15] == 1.0


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_stretch_contrast_of_a_constant_film_is_zero(value):
    assert not stretch_contrast(np.full((20, 30), value, np.float32)).any()


def test_stretch_contrast_does_not_care_for_gain_and_offset():
    film = picture()
    np.testing.assert_allclose(stretch_contrast(0.1 + 0.3 * film), stretch_contrast(film), atol=1e-5)


def test_stretch_contrast_leaves_its_argument_alone():
    film = picture()
    before = film.copy()
    stretch_contrast(film)
    np.testing.assert_array_equal(film, before)


def test_thorax_frame_is_the_lungs_box_with_six_percent_around():
    # Rows 55..245 (191), cols 38..228 (191): margins round(191 * 0.06) = 11.
    frame = thorax_frame(LEFT_LUNG | RIGHT_LUNG, 176)
    rows = np.flatnonzero((LEFT_LUNG | RIGHT_LUNG).any(axis=1))
    cols = np.flatnonzero((LEFT_LUNG | RIGHT_LUNG).any(axis=0))
    assert frame.top == rows[0] - 11
    assert frame.left == cols[0] - 11
    assert frame.box_size == (rows[-1] - rows[0] + 1 + 22, cols[-1] - cols[0] + 1 + 22)


def test_thorax_frame_of_an_empty_mask_is_refused():
    with pytest.raises(ValueError, match="lung mask is empty"):
        thorax_frame(np.zeros((5, 5), bool))


def test_model_input_is_the_imagenet_convention():
    # Gray 1: (1 - mean) * 255 in each channel.
    tensor = to_model_input(np.ones((4, 6), np.float32))
    assert tensor.shape == (1, 3, 4, 6)
    for channel, mean in enumerate(IMAGENET_MEAN_RGB):
        assert abs(float(tensor[0, channel, 0, 0]) - (1 - mean) * 255) < 1e-3
    assert to_model_input(np.zeros((2, 4, 6), np.float32)).is_contiguous(memory_format=torch.channels_last)
