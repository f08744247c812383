"""A film's heart and lungs: VGG-U-Net's probabilities on the original frame, and clean masks."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from heartviz.masks import HEART_OPENING_W, SMOOTHING_SIGMA_PX, clean_mask, keep_largest_part, open_mask
from heartviz.models import ChestDistance, VGGTrunk, VGGUNet, ViewHead
from heartviz.preprocess import LATERAL_SIZE_PX, square_frame, to_model_input
from heartviz.records import Segmentation


def segment_film(
    picture: NDArray[np.float32],
    trunk: VGGTrunk,
    segmenter: VGGUNet,
    view_head: ViewHead | None = None,
    chest: ChestDistance | None = None,
) -> Segmentation:
    """Heart, patient's left and right lung of a film with stretched contrast, float32 (H, W) in 0..1.

    Masks are one part each without holes, and empty where nothing was found. With a `view_head` also how likely the
    film was taken from the side, with `chest` how far it lies from the training films, from the same features.
    Source: paper section 2.2.1, 2.2.2; we add the lungs, the largest part and the smoothing, and cut thin tongues off
    the heart.
    """
    frame = square_frame(picture.shape)
    with torch.inference_mode():
        features = trunk(to_model_input(frame.to_model(picture)))
        probs = torch.sigmoid(segmenter(features).float())[0].numpy()
        lateral_prob = float("nan") if view_head is None else torch.sigmoid(view_head(features[2]).float()).item()
        chest_distance = float("nan") if chest is None else chest(features[2].float()).item() / chest.limit
    on_film = [frame.to_original(_smooth(prob), fill=0.0) for prob in probs]
    return Segmentation(*on_film, *clean_masks(on_film), lateral_prob=lateral_prob, chest_distance=chest_distance)


def measure_chest_distance(picture: NDArray[np.float32], trunk: VGGTrunk, chest: ChestDistance) -> float:
    """The `chest_distance` of `segment_film` alone, at less than half of its cost."""
    with torch.inference_mode():
        features = trunk(to_model_input(square_frame(picture.shape).to_model(picture)))
        return chest(features[2].float()).item() / chest.limit


def find_lateral_heart(
    picture: NDArray[np.float32], trunk: VGGTrunk, decoder: VGGUNet
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Probability and mask (H, W) of the heart on a film taken from the side, with stretched contrast, in 0..1.

    Source: paper section 2.2.2, which outlines lateral hearts by hand; ours are learnt from drawn films.
    """
    frame = square_frame(picture.shape, LATERAL_SIZE_PX)
    with torch.inference_mode():
        prob = torch.sigmoid(decoder(trunk(to_model_input(frame.to_model(picture)))).float())[0, 0].numpy()
    on_film = frame.to_original(_smooth(prob), fill=0.0)
    return on_film, clean_mask(on_film)


def clean_masks(probs: Sequence[NDArray[np.float32]]) -> tuple[NDArray[np.bool_], ...]:
    """Masks (H, W) of heart, left and right lung from probabilities: one part, no holes, no tongue of the heart."""
    heart_mask, left_lung_mask, right_lung_mask = (clean_mask(prob) for prob in probs)
    lung_cols = np.flatnonzero((left_lung_mask | right_lung_mask).any(axis=0))
    if heart_mask.any() and lung_cols.size:
        radius_px = HEART_OPENING_W * (lung_cols[-1] - lung_cols[0] + 1)
        heart_mask = keep_largest_part(open_mask(heart_mask, radius_px))
    return heart_mask, left_lung_mask, right_lung_mask


def _smooth(prob: NDArray[np.float32]) -> NDArray[np.float32]:
    return cv2.GaussianBlur(prob, (0, 0), SMOOTHING_SIGMA_PX, borderType=cv2.BORDER_REPLICATE)
