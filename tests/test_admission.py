"""A film through the gate: what is let in, and which turn or inversion is offered for what is not."""

from dataclasses import replace

import numpy as np
import pytest

from heartviz import admission
from heartviz.admission import admit_film
from heartviz.errors import GateError
from heartviz.gate import CORRECTIONS, apply_correction
from heartviz.pipeline import analyze
from heartviz.preprocess import stretch_contrast
from heartviz.records import Radiograph, Segmentation
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, picture

pytest_plugins = ["tests.small_models"]

UNDO = {
    "turn_half": "turn_half",
    "turn_left": "turn_right",
    "turn_right": "turn_left",
    "invert": "invert",
    "invert_turn_half": "invert_turn_half",
    "invert_turn_left": "invert_turn_right",
}
FILM = Radiograph(picture(), "PNG, 257 x 301 px, 8 bit gray", adult=True)


def is_upright(film) -> bool:
    """Whether it is the drawn chest as it stands; inverted twice it has changed by rounding."""
    return film.shape == HEART.shape and np.allclose(film, stretch_contrast(picture()), atol=1e-4)


def found_on(film) -> Segmentation:
    """The drawn chest's outlines where it stands upright; a far distance and nothing found elsewhere."""
    if not is_upright(film):
        probs, masks = [np.zeros(film.shape, np.float32)] * 3, [np.zeros(film.shape, bool)] * 3
        return Segmentation(*probs, *masks, lateral_prob=0.1, chest_distance=1.8)
    masks = (HEART, LEFT_LUNG, RIGHT_LUNG)
    probs = [mask.astype(np.float32) for mask in masks]
    return Segmentation(*probs, *masks, lateral_prob=0.1, chest_distance=0.5)


@pytest.fixture
def seeing(models, monkeypatch):
    """Models that know the drawn chest only as it stands."""
    monkeypatch.setattr(admission, "segment_film", lambda film, *_: found_on(film))
    monkeypatch.setattr(admission, "measure_chest_distance", lambda film, *_: 0.5 if is_upright(film) else 1.8)
    return models


def test_a_film_that_passes_comes_with_its_checks(seeing):
    admitted = admit_film(FILM, seeing)
    assert admitted.cardiothoracic.ratio > 0.3
    assert admitted.checks[0].sentence == "It is readable: PNG, 257 x 301 px, 8 bit gray."
    assert admitted.offer == ""


@pytest.mark.parametrize("name", UNDO)
def test_what_puts_a_turned_or_inverted_film_right_is_offered(name, seeing):
    changed = replace(FILM, pixels=CORRECTIONS[UNDO[name]].apply(FILM.pixels))
    with pytest.raises(GateError, match="looks like a frontal chest film, but it ") as refused:
        admit_film(changed, seeing)
    assert refused.value.offer == name
    verdicts = {check.name: check.verdict for check in refused.value.checks}
    assert [verdicts[name] for name in ("readable", "chest", "frontal", "upright")] == ["passed"] * 3 + ["refused"]
    assert verdicts["anatomy"] == "not reached"
    assert admit_film(apply_correction(changed, name), seeing).cardiothoracic.ratio > 0.3


def test_what_no_turn_makes_a_chest_film_is_refused_without_an_offer(seeing):
    page = Radiograph(np.random.default_rng(0).random((301, 257), np.float32))
    with pytest.raises(GateError, match="does not look like a chest film") as refused:
        admit_film(page, seeing)
    assert refused.value.offer == ""
    assert refused.value.radiograph is page
    assert not refused.value.segmentation.heart_mask.any()


def test_a_mirrored_film_passes_with_a_warning_and_an_offer_and_is_never_mirrored_by_itself(seeing, monkeypatch):
    masks = [np.ascontiguousarray(mask[:, ::-1]) for mask in (HEART, RIGHT_LUNG, LEFT_LUNG)]
    found = replace(found_on(stretch_contrast(picture())), heart_mask=masks[0], heart_prob=masks[0].astype(np.float32))
    found = replace(found, left_lung_mask=masks[1], left_lung_prob=masks[1].astype(np.float32))
    found = replace(found, right_lung_mask=masks[2], right_lung_prob=masks[2].astype(np.float32))
    monkeypatch.setattr(admission, "segment_film", lambda film, *_: found)
    mirrored = replace(FILM, pixels=np.ascontiguousarray(FILM.pixels[:, ::-1]))
    report = analyze(mirrored, seeing, correct="offered")
    assert report.offer == "mirror"
    assert "situs inversus" in report.messages[0]
    np.testing.assert_array_equal(report.radiograph.pixels, mirrored.pixels)


def test_analysis_corrects_only_when_it_is_asked_to(seeing):
    upside_down = np.ascontiguousarray(FILM.pixels[::-1, ::-1])
    with pytest.raises(GateError, match="upside down. Turn it upright, and it will be analysed.$") as refused:
        analyze(upside_down, seeing)
    assert refused.value.offer == "turn_half"
    assert "_" not in "".join(check.sentence for check in refused.value.checks)
    for correct in ("turn_half", "offered"):
        report = analyze(upside_down, seeing, correct=correct)
        np.testing.assert_array_equal(report.radiograph.pixels, FILM.pixels)
        assert "(turned by 180 degrees)" in report.messages[0]
        assert "(turned by 180 degrees)" in report.radiograph.description
    with pytest.raises(ValueError, match="Unknown correction 'upright'"):
        analyze(upside_down, seeing, correct="upright")


@pytest.mark.parametrize("outlined", [True, False])
def test_a_film_from_the_side_is_refused_with_its_heart_outlined(outlined, models, monkeypatch):
    probs = [mask.astype(np.float32) for mask in (HEART, LEFT_LUNG, RIGHT_LUNG)]
    found = Segmentation(*probs, HEART, LEFT_LUNG, RIGHT_LUNG, lateral_prob=0.9, chest_distance=1.2)
    seen = np.roll(HEART, 9, axis=1) & outlined
    monkeypatch.setattr(admission, "segment_film", lambda *_: found)
    monkeypatch.setattr(admission, "find_lateral_heart", lambda *_: (seen.astype(np.float32), seen))
    monkeypatch.setattr(admission, "find_correction", lambda *_: "")
    with pytest.raises(GateError) as refused:
        admit_film(FILM, models)
    shown = refused.value.segmentation
    np.testing.assert_array_equal(shown.heart_mask, seen)
    assert not shown.lungs_mask.any()
    (frontal,) = (check for check in refused.value.checks if check.name == "frontal")
    assert ("learnt from drawn films" in frontal.sentence) == outlined
