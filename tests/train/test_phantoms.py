"""How drawn films are looked at: one film by the small models, and the summary counted by hand."""

from dataclasses import replace

import pytest

from heartviz import admission
from heartviz.knobs import true_outlines
from heartviz.phantom_files import Order, draw_film
from heartviz.records import ARMS
from train import phantoms
from train.phantoms import look_at_film, summarise

pytest_plugins = ["tests.small_models"]


def line(number, heart, refused="", view="pa", lateral=0.1, kind="Normal", answer="Normal"):
    told = {"heart_dice": heart, "lungs_dice": 0.9, "ratio": 0.5, "ratio_found": 0.48, "kind": kind}
    answers = {"answers": dict.fromkeys(ARMS, answer)}
    return {"number": number, "view": view, "lateral_prob": lateral, "refused": refused} | told | answers


def test_summary_counts_views_refusals_and_answers():
    lines = [line(0, 0.8), line(1, 0.9, "no heart"), line(2, 1.0, kind="VSD", answer="TOF")]
    lines.append(line(3, 0.0, view="lateral", lateral=0.4))
    found = summarise(lines)
    assert (found["frontal"], found["lateral"]) == (3, 1)
    assert found["heart_dice"]["median"] == pytest.approx(0.9)
    assert found["ratio_error"] == {"bias": pytest.approx(-0.02), "mean_absolute": pytest.approx(0.02)}
    assert found["view_right"] == {"count": 3, "of": 4}  # the lateral is called frontal
    assert found["let_through"] == {"count": 2, "of": 3}
    assert found["congenital"]["mask"]["accuracy"] == pytest.approx(2 / 3)
    assert found["congenital"]["mask"]["answers"] == {"Normal": {"Normal": 2}, "VSD": {"TOF": 1}}


def test_a_drawn_film_is_compared_with_its_own_masks(models, monkeypatch, tmp_path):
    monkeypatch.setattr(phantoms, "_load_once", lambda _: models)
    order = Order(1, ("TOF",), "pa", 1.0, 3, tmp_path, size_px=128)
    own = true_outlines(draw_film(order, 0))
    own = replace(own, lateral_prob=0.1, chest_distance=0.6)
    monkeypatch.setattr(admission, "segment_film", lambda *_: own)
    told = look_at_film(0, order, "local")
    assert (told["kind"], told["refused"]) == ("TOF", "")
    assert (told["heart_dice"], told["lungs_dice"]) == (1.0, 1.0)
    assert told["ratio_found"] == told["ratio"]
    nothing = replace(own, heart_mask=own.heart_mask & False)
    monkeypatch.setattr(admission, "segment_film", lambda *_: nothing)
    told = look_at_film(0, order, "local")
    assert told["heart_dice"] == 0.0
    assert "heart" in told["refused"]
    assert "answers" not in told
