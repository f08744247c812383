"""Where causes lie and what grows, counted on masks set by hand; one real drawing."""

from types import SimpleNamespace

import numpy as np
import pytest

from heartviz.phantom.lesions import SIGNS
from train import phantom_truth
from train.phantom_truth import (
    GROWS,
    IN_HEART,
    IN_LUNGS,
    PLACES,
    Config,
    look_at_patient,
    measure_growth,
    measure_place,
)


def film(cause_at=(), heart_cols=(40, 70)):
    """A thorax box of rows 10 to 89, cols 0 to 99: x is the col in hundredths."""
    lungs, heart, cause = np.zeros((100, 100), bool), np.zeros((100, 100), bool), np.zeros((100, 100), np.float32)
    lungs[10:90, :30] = lungs[10:90, 75:] = True
    heart[50:80, slice(*heart_cols)] = True
    for row, col, amount in cause_at:
        cause[row, col] = amount
    return SimpleNamespace(cause=cause, masks={"lungs": lungs, "heart": heart})


def test_every_sign_has_a_place():
    named = {sign for signs in SIGNS.values() for sign in signs}
    assert named == set(PLACES) | set(IN_LUNGS) | set(IN_HEART)


def test_share_at_the_place_by_hand():
    # Right atrium: x 0.22 to 0.52, y 0.45 to 0.95 of rows 10 to 89, that is rows 46 to 85.
    drawn = film([(46, 22, 3.0), (45, 22, 1.0), (60, 52, 1.0)])
    assert measure_place(drawn, "right_atrium") == pytest.approx(3 / 5)
    assert measure_place(drawn, "vessels_up") == pytest.approx(5 / 5)  # two in the right lung, one in the heart
    assert np.isnan(measure_place(film(), "right_atrium"))


def test_a_heart_that_shrinks_is_seen_and_one_pixel_is_not():
    cols = [(40, 70), (40, 72), (40, 71), (40, 75)]
    films = [film(heart_cols=each) for each in cols]
    assert measure_growth(films, ("ratio",)) == {"ratio": True}
    assert measure_growth(films, ("heart",)) == {
        "heart": False
    }  # 30 px of a row's 1 less; half of sqrt(900) are allowed
    assert measure_growth([film(heart_cols=each) for each in ((40, 70), (40, 67), (40, 75))], ("ratio",)) == {
        "ratio": False
    }
    assert measure_growth([films[0], films[0]], ("ratio", "heart")) == {"ratio": False, "heart": False}


def test_one_drawn_patient_is_measured_in_every_sign_and_disease(tmp_path, monkeypatch):
    monkeypatch.setattr(phantom_truth, "SEVERITIES", (0.0, 1.0))
    told = look_at_patient(0, Config(tmp_path, size_px=96))
    assert len(told["places"]) == sum(len(signs) for signs in SIGNS.values())
    assert {kind: tuple(names) for kind, names in told["growth"].items()} == dict(GROWS)
    assert told["severity_0_is_the_twin"]
    assert told["places"]["VSD left_ventricle"] > 0.5
