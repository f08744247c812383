"""Turning the knobs of a drawn patient: what changes, what stays, and what the page says of it."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from heartviz.knob_answers import ask_about_drawing, draw_knob_curve
from heartviz.knobs import KNOBS, KnobCurve, Settings, draw_settings
from heartviz.plots.figures import plot_knob_curve
from heartviz.records import ARMS
from heartviz.ui import knobs as page
from tests.drawn_report import FakeCompute, make_report, raiser

pytest_plugins = ["tests.small_models"]
SMALL = 128


def test_each_knob_changes_the_film_and_at_rest_it_does_not():
    first = draw_settings(Settings(), SMALL)
    np.testing.assert_array_equal(first.pixels, draw_settings(Settings(), SMALL).pixels)
    for name, of in KNOBS.items():
        turned = draw_settings(replace(Settings(), **{name: of.high}), SMALL)
        assert np.abs(turned.pixels - first.pixels).max() > 0.02, name
    same = draw_settings(replace(Settings(), kind="ASD"), SMALL)  # severity 0: no disease, whatever its name
    np.testing.assert_array_equal(same.pixels, first.pixels)


def test_exposure_and_marker_leave_the_anatomy_alone():
    first = draw_settings(Settings(), SMALL)
    other = draw_settings(replace(Settings(), brightness=1.0, marker=True), SMALL)
    for name, mask in first.masks.items():
        np.testing.assert_array_equal(mask, other.masks[name])


def test_a_drawing_is_asked_about_by_its_own_outlines(models, monkeypatch):
    monkeypatch.setattr("heartviz.knob_answers.draw_settings", partial(draw_settings, size_px=SMALL))
    report = ask_about_drawing(Settings(severity=1.0), models, "congenital", "VSD")
    assert models.segmentations == []
    assert report.explanation.target_class == "VSD"
    assert set(report.predictions["heart_size"]) == set(ARMS)
    assert 0.3 < report.cardiothoracic.ratio < 0.8
    assert "no patient" in report.radiograph.messages[0]


def test_curve_has_the_settings_own_answer_at_its_place(models, monkeypatch):
    monkeypatch.setattr("heartviz.knob_answers.draw_settings", partial(draw_settings, size_px=SMALL))
    told = []
    curve = draw_knob_curve(Settings(), models, "congenital", "ASD", "heart_size", 3, lambda done, _: told.append(done))
    assert curve.values.tolist() == pytest.approx([0.7, 1.35, 2.0])
    assert (np.diff(curve.ratios) > 0).all()
    assert told == pytest.approx([0, 1 / 3, 2 / 3])
    report = ask_about_drawing(replace(Settings(), heart_size=2.0), models, "congenital", "ASD")
    for arm in ARMS:
        alone = report.predictions["congenital"][arm].probabilities["ASD"]
        assert curve.probability[arm][-1] == pytest.approx(alone, abs=1e-5)


CURVE = KnobCurve(
    "severity", "VSD", np.array([0.0, 1.0]), dict.fromkeys(ARMS, np.array([0.1, 0.6])), np.array([0.45, 0.55])
)
CHOSEN = (1, 45.0, "VSD", 0.5, 1.0, 1.0, 0.0, False)


def test_page_tells_in_words_what_it_shows():
    compute = FakeCompute()
    asked = []
    compute.turn_knobs = lambda *given: asked.append(given) or make_report()
    view = page.turn(compute.engine(), "congenital", *CHOSEN)
    assert asked == [(Settings(*CHOSEN), "congenital", "VSD")]
    assert "VSD, severity 0.50; cardiothoracic ratio" in view["says"]
    assert "wide" in view["film"]["alt_text"]
    compute.draw_knob_curve = lambda *given: CURVE
    drawn = page.curve(compute.engine(), "congenital", "severity", lambda done, words: None, *CHOSEN)
    assert "Plain VGG16 from 10 % to 60 % (moves by 50 points on the way)" in drawn["curve_says"]
    figure = plot_knob_curve(CURVE)
    assert "n = 1 drawn patient, 2 films" in figure.layout.title.text
    assert list(figure.data[0].y) == pytest.approx([10, 60])
    assert page.target_of("heart_size", Settings(*CHOSEN)) == "Enlarged"
    assert page.read_settings(None, *CHOSEN[1:]) == Settings(*CHOSEN)
    assert page.read_settings(-3.0, *CHOSEN[1:]).patient == 3


def test_points_are_the_difference_of_the_percents_that_are_shown():
    # 32.4 - 14.6 is 17.8, but 32 % and 15 % are shown: 17. So 29.6 and 50.4: 20.8, 20 from 30 % to 50 %.
    probability = {arm: np.array([0.324, 0.146]) for arm in ARMS} | {"mask": np.array([0.296, 0.504])}
    said = page.describe_curve(replace(CURVE, probability=probability))
    assert "Plain VGG16 from 32 % to 15 % (moves by 17 points on the way)" in said
    assert "VGG+Mask from 30 % to 50 % (moves by 20 points on the way)" in said
    assert "Rises by more than 20 points: no model." in said


def test_a_patient_that_cannot_be_drawn_is_said():
    compute = FakeCompute()
    compute.turn_knobs = compute.draw_knob_curve = raiser(ValueError("no"))
    view = page.turn(compute.engine(), "congenital", *CHOSEN)
    assert "could not be drawn" in view["says"]
    assert view["film"] is None
    assert page.curve(compute.engine(), "congenital", "severity", print, *CHOSEN)["curve"]["visible"] is False
