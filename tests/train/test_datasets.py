"""Samples for the classifiers: same seed same film, signs by group, and the control that blanks the outline."""

import cv2
import numpy as np
import pytest

from heartviz.errors import DataError
from heartviz.masks import mask_contour
from heartviz.phantom import draw_chest
from train import classifier
from train.datasets import blank_band, simulated_samples
from train.signs import SIGN_GROUPS
from train.sources import Film


@pytest.fixture
def film(tmp_path):
    pixels, *masks = draw_chest(3, size=(301, 280))
    cv2.imwrite(str(tmp_path / "film.png"), np.rint(pixels * 255).astype(np.uint8))
    for name, mask in zip(("heart", "left", "right"), masks, strict=True):
        cv2.imwrite(str(tmp_path / f"{name}.png"), mask.astype(np.uint8) * 255)
    paths = (tmp_path / f"{name}.png" for name in ("film", "heart", "left", "right"))
    return Film("drawn/3", "drawn", "drawn/3", *paths)


def test_blanked_band_covers_the_outline_and_nothing_farther(film):
    heart, left, right = film.read_masks()
    cols = np.flatnonzero((left | right).any(axis=0))
    width_px = 0.1 * (cols[-1] - cols[0] + 1)
    blanked = blank_band(np.ones(heart.shape, np.float32), film, 0.1) == 0
    outline = mask_contour(heart).astype(int)
    assert blanked[outline[:, 0], outline[:, 1]].all()
    rows_cols = np.argwhere(blanked)
    nearest = [np.hypot(*(outline - place).T).min() for place in rows_cols[::50]]
    assert max(nearest) <= width_px + 1  # the outline runs on pixels inside the mask
    assert not blanked[:20].any()


def test_control_is_for_contour_signs_only(film, tmp_path):
    config = classifier.Config(
        task="heart_size", data=tmp_path, out=tmp_path, segmenter=tmp_path / "none", blank_band_w=0.1
    )
    with pytest.raises(DataError, match="use it with --task congenital"):
        classifier.main(config)


def test_simulated_samples_name_their_signs_and_can_be_made_again(film):
    def segment(picture):
        return film.read_masks()

    made = [
        list(simulated_samples([(4, film)], segment, SIGN_GROUPS, seed=2, training=training))
        for training in (False, True, True)
    ]
    for samples in made:
        assert [sample.group for sample in samples] == [0, 1, 2] * 4
        assert [sample.label for sample in samples] == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
        assert all(sample.severity == 0 for sample in samples[:3])
        assert all(0.2 < sample.severity <= 1 for sample in samples[3:])
    for first, again in zip(made[1], made[2], strict=True):
        np.testing.assert_array_equal(first.picture, again.picture)
    # Vessel signs alone leave the heart where jitter put it: as on no film with contour signs.
    of_vsd = made[0][3:6]
    hearts = {SIGN_GROUPS[sample.group]: int(sample.true_masks[0].sum()) for sample in of_vsd}
    assert hearts["contour"] > hearts["vessels"]
