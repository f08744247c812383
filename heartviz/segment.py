"""A film's heart and lungs: VGG-U-Net's probabilities on the original frame, and clean masks."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from heartviz.masks import clean_mask
from heartviz.models import VGGTrunk, VGGUNet
from heartviz.preprocess import square_frame, to_model_input
from heartviz.records import Segmentation

# Outlines are smoothed by this sigma, in px of the 320 px model picture, before they are enlarged.
SMOOTHING_SIGMA_PX = 1.2


def segment_film(picture: NDArray[np.float32], trunk: VGGTrunk, segmenter: VGGUNet) -> Segmentation:
    """Heart, patient's left and right lung of a film with stretched contrast, float32 (H, W) in 0..1.

    Masks are one part each without holes, and empty where nothing was found. Source: paper section 2.2.1; we add the
    lungs, the largest part and the smoothing.
    """
    frame = square_frame(picture.shape)
    with torch.inference_mode():
        logits = segmenter(trunk(to_model_input(frame.to_model(picture))))
        probs = torch.sigmoid(logits.float())[0].numpy()
    on_film = [frame.to_original(_smooth(prob), fill=0.0) for prob in probs]
    return Segmentation(*on_film, *(clean_mask(prob) for prob in on_film))


def _smooth(prob: NDArray[np.float32]) -> NDArray[np.float32]:
    return cv2.GaussianBlur(prob, (0, 0), SMOOTHING_SIGMA_PX, borderType=cv2.BORDER_REPLICATE)
