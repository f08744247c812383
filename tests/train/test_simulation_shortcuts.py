"""The simulation leaves no trace but the signs: readers that must stay at chance, each beside one that must not."""

import cv2
import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from heartviz.preprocess import stretch_contrast, thorax_frame, to_model_input
from heartviz.weights import load_models
from train.signs import CLASSES, draw_film, draw_severity
from train.simulate import simulate_film
from train.sources.ctr512 import read_films

pytestmark = pytest.mark.slow
FILMS = 120
CHANCE = 1 / len(CLASSES)
# Three standard errors of an accuracy of 0.25 over 480 films (0.0198 each).
MARGIN = 0.06
# Half width of the blanked band in thorax widths: signs reach about this far from the outline.
BAND_W = 0.18
SIZE_PX = 160


@pytest.fixture(scope="module")
def films(shared_data):
    return read_films(shared_data / "ctr512")[:: 396 // FILMS][:FILMS]


def simulate_all(films, group, signs=True):
    """Every film in each class, with its signs or at severity 0: (simulated, masks, film, class)."""
    for number, film in enumerate(films):
        picture, masks = film.read_pixels(), film.read_masks()
        for index, label in enumerate(CLASSES):
            rng = np.random.default_rng([11, number, index])
            severity = draw_severity(rng, label) if signs else 0.0
            yield simulate_film(picture, *masks, draw_film(rng, label, severity, group)), masks, number, index


def residue_features(picture):
    """Fine structure: Laplacian and high-pass residue on an 8 x 8 grid and as histograms, and the radial spectrum."""
    inner = picture[64:448, 64:448]
    parts = []
    for residue in (cv2.Laplacian(inner, cv2.CV_32F), inner - cv2.GaussianBlur(inner, (0, 0), 1.0)):
        parts.append(np.log(residue.reshape(8, 48, 8, 48).std(axis=(1, 3)).ravel() + 1e-4))
        parts.append(np.histogram(residue / (residue.std() + 1e-6), bins=24, range=(-4, 4), density=True)[0])
    power = np.log(np.abs(np.fft.rfft2(inner)) + 1e-3)
    frequency = np.hypot(np.fft.fftfreq(384)[:, None], np.fft.rfftfreq(384)[None])
    ring = np.digitize(frequency, np.linspace(0, 0.5, 25))
    return np.concatenate([*parts, [power[ring == number].mean() for number in range(1, 25)]])


def thorax_features(trunk, picture, masks, band_w):
    """Gray values at 32 x 32 and VGG16's block 3 on a 6 x 6 grid, a band around the base film's outline blanked."""
    frame = thorax_frame(masks[1] | masks[2], SIZE_PX)
    heart = (frame.to_model(masks[0].astype(np.float32)) > 0.5).astype(np.uint8)
    outline = cv2.morphologyEx(heart, cv2.MORPH_GRADIENT, np.ones((3, 3)))
    distance = cv2.distanceTransform(1 - outline, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    band = distance < band_w * SIZE_PX / 1.12  # the frame is the thorax with 0.06 on either side
    blanked = np.where(band, 0.0, frame.to_model(picture)).astype(np.float32)
    with torch.inference_mode():
        features = torch.nn.functional.adaptive_avg_pool2d(trunk(to_model_input(blanked))[2], 6)
    return np.concatenate(
        [cv2.resize(blanked, (32, 32), interpolation=cv2.INTER_AREA).ravel(), features.numpy().ravel()]
    )


def read(features, labels, groups, components=None, scoring="accuracy"):
    """Score of logistic regression on films that it never saw."""
    steps = [StandardScaler(), *([PCA(components, random_state=0)] if components else [])]
    reader = make_pipeline(*steps, LogisticRegression(C=0.05, max_iter=3000))
    folds = GroupKFold(5)
    return float(cross_val_score(reader, features, labels, groups=groups, cv=folds, scoring=scoring).mean())


def test_high_pass_residue_of_sign_free_films_tells_no_class(films):
    rows = [
        (residue_features(made.picture), film, label) for made, _, film, label in simulate_all(films, "both", False)
    ]
    features, groups, labels = (np.array(part) for part in zip(*rows, strict=True))
    assert abs(read(features, labels, groups) - CHANCE) < MARGIN
    # The same reader finds the Normal films at once when they skip the warp.
    for row in np.flatnonzero(labels == 0):
        features[row] = residue_features(stretch_contrast(films[groups[row]].read_pixels()))
    assert read(features, labels == 0, groups, scoring="roc_auc") > 0.9


def test_contour_signs_cannot_be_read_with_a_band_around_the_outline_blanked(films):
    trunk = load_models("local").trunk
    rows = [
        (*(thorax_features(trunk, made.picture, masks, band_w) for band_w in (BAND_W, 0.0)), film, label)
        for made, masks, film, label in simulate_all(films, "contour")
    ]
    blanked, whole, groups, labels = (np.array(part) for part in zip(*rows, strict=True))
    assert read(blanked, labels, groups, components=60) < CHANCE + MARGIN
    assert read(whole, labels, groups, components=60) > 0.45
