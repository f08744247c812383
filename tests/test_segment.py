"""From a segmenter's logits to masks on the film: orientation, channels, smoothing, tongues."""

import numpy as np
import pytest
import torch
from torch import nn

from heartviz.masks import HEART_OPENING_W
from heartviz.preprocess import square_frame
from heartviz.segment import segment_film

HEIGHT, WIDTH = 301, 403
THORAX = slice(60, 340)  # 280 columns from the first lung to the last
OPENING_PX = HEART_OPENING_W * 280  # 8.4


class KnownSegmenter(nn.Module):
    """Gives the logits of masks (3, H, W) drawn on the film, whatever it is shown."""

    def __init__(self, masks):
        super().__init__()
        frame = square_frame(masks.shape[1:])
        self.logits = torch.from_numpy(np.stack([20 * frame.to_model(mask.astype(np.float32)) - 10 for mask in masks]))

    def forward(self, model_input):
        assert model_input.shape == (1, 3, 320, 320)
        return self.logits[None]


def draw_masks():
    """Heart low and right of the middle, the patient's left lung on the right, both lungs unlike in height."""
    heart, left, right = masks = np.zeros((3, HEIGHT, WIDTH), bool)
    rows, cols = np.mgrid[:HEIGHT, :WIDTH]
    heart[((rows - 200) / 55) ** 2 + ((cols - 215) / 65) ** 2 < 1] = True
    right[50:250, 60:150] = True
    left[70:240, 270:340] = True
    return masks


def segment(masks):
    found = segment_film(np.zeros((HEIGHT, WIDTH), np.float32), nn.Identity(), KnownSegmenter(masks))
    return found, np.stack([found.heart_mask, found.left_lung_mask, found.right_lung_mask])


def test_masks_come_back_where_they_were():
    masks = draw_masks()
    _, found = segment(masks)
    assert found.shape == masks.shape
    for structure, drawn in zip(found, masks, strict=True):
        # A pixel of the model is 1.26 of the film: less than one either way along an outline of some 400 to 600.
        assert (structure ^ drawn).sum() < 600
        assert 2 * (structure & drawn).sum() / (structure.sum() + drawn.sum()) > 0.98


def test_the_view_head_sees_the_trunks_last_features():
    class Trunk(nn.Module):
        def forward(self, model_input):
            return model_input, None, torch.full((1, 256, 80, 80), 2.0)

    class Segmenter(KnownSegmenter):
        def forward(self, features):
            return super().forward(features[0])

    masks, film = draw_masks(), np.zeros((HEIGHT, WIDTH), np.float32)
    found = segment_film(film, Trunk(), Segmenter(masks), lambda stride4: stride4.mean(dim=(1, 2, 3)))
    assert found.lateral_prob == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert np.isnan(segment_film(film, Trunk(), Segmenter(masks)).lateral_prob)


@pytest.mark.parametrize(("thickness", "stays"), [(11, False), (29, True)])
def test_a_thin_tongue_of_the_heart_is_cut_off_and_a_thick_one_stays(thickness, stays):
    masks = draw_masks()
    # Beside the apex, 11 or 29 px thick: a disc of radius 8.4 fits into the second only.
    masks[0, 215 : 215 + thickness, 270:320] = True
    _, found = segment(masks)
    assert found[0, :, 300:312].any() == stays


def test_a_thin_tongue_of_a_lung_stays():
    masks = draw_masks()
    masks[1, 240:265, 330:340] = True  # the costophrenic angle is sharp
    _, found = segment(masks)
    assert found[1, 255:260, 332:338].all()


def test_specks_and_holes_are_gone():
    masks = draw_masks()
    masks[0, 20:40, 20:40] = True
    masks[0, 190:210, 205:225] = False
    _, found = segment(masks)
    assert not found[0, 20:40, 20:40].any()
    assert found[0, 190:210, 205:225].all()


def test_nothing_found_gives_empty_masks_and_probabilities_near_0():
    found, masks = segment(np.zeros((3, HEIGHT, WIDTH), bool))
    assert not masks.any()
    assert found.heart_prob.max() < 1e-3
    assert found.heart_prob.shape == (HEIGHT, WIDTH)


def test_a_heart_without_lungs_is_left_as_it_is():
    masks = draw_masks()
    masks[1:] = False
    _, found = segment(masks)
    assert found[0].sum() > 0.95 * masks[0].sum()
    assert not found[1:].any()
