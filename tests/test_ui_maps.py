"""The Analyze page's map panels: other maps of the film that is held, their controls, the layers; no model is run."""

import pytest

from heartviz.errors import SegmentationError
from heartviz.records import ARMS
from heartviz.ui import analyze, maps
from heartviz.ui.held import Shelf
from tests.drawn_report import FakeCompute, is_cleared, make_report, raiser


@pytest.fixture
def compute():
    return FakeCompute()


@pytest.fixture(scope="module")
def report():
    return make_report()


def test_other_choices_only_explain_again(compute, report):
    held = Shelf().keep(report)
    view = analyze.explain_again(
        compute.engine(), Shelf(), held, maps.MapChoice("congenital", "ASD", "film", "grad_cam")
    )
    assert compute.explained == [("congenital", "ASD", "film", "grad_cam")]
    assert "Grad-CAM" in view["method_says"]
    # By now others may be chosen, which ask for themselves.
    assert not {"method", "target_class"} & set(view)
    assert "Share of activation" in view["shares_mask"]
    assert compute.analyzed == []
    kept = view["held"].report
    assert kept.segmentation is report.segmentation
    assert (kept.explanation.method, kept.explanation.target_class) == ("grad_cam", "ASD")


@pytest.mark.parametrize("left_over", [None, "VSD", "no class"])
def test_another_task_explains_the_answer_of_vgg_mask(compute, report, left_over):
    view = analyze.explain_again(
        compute.engine(), Shelf(), Shelf().keep(report), maps.MapChoice("heart_size", left_over, "picture_seen")
    )
    assert compute.explained == [("heart_size", "Enlarged", "picture_seen", "sensitivity")]
    assert [value for _, value in view["target_class"]["choices"]] == ["Normal", "Enlarged"]
    assert "Heart size" in view["answer_note"]
    assert "34 %" in view["answer_mask"]


def test_an_error_while_explaining_again_clears_the_page(compute, report):
    compute.explain = raiser(SegmentationError("The map could not be made."))
    view = analyze.explain_again(
        compute.engine(), Shelf(), Shelf().keep(report), maps.MapChoice("congenital", "ASD", "film")
    )
    assert is_cleared(view)
    assert "The map could not be made." in view["status"]


def test_a_forgotten_film_is_not_explained(compute, report):
    held = Shelf().keep(report)
    held.forget()
    for gone in (held, None):
        view = analyze.explain_again(compute.engine(), Shelf(), gone, maps.MapChoice("congenital", "ASD", "film"))
        assert is_cleared(view)
        assert "forgotten" in view["status"]
    assert compute.explained == []


def test_whose_gray_is_meant_is_asked_only_where_it_matters(compute, report):
    for method, asked in (("sensitivity", True), ("lrp_epsilon_plus_flat", False)):
        view = analyze.explain_again(
            compute.engine(), Shelf(), Shelf().keep(report), maps.MapChoice("congenital", "ASD", "film", method)
        )
        assert view["gradient_for"]["visible"] is asked


def test_controls_come_after_the_maps_and_are_computed_once(compute, report):
    shelf = Shelf()
    held = shelf.keep(report)
    before = analyze.show_report(compute.engine(), report, "congenital")
    assert all(before[name] is None for name in maps.CONTROLS)
    for _ in range(2):
        view = maps.add_controls(compute.engine(), shelf, held, True, lambda done, words: None)
        assert set(view) == {*maps.CONTROLS, *(f"control_words_{arm}" for arm in ARMS)}
    assert compute.controlled == 1
    assert "random weights 0.75" in view["control_words_plain"]
    assert "may show the film, not what the model learnt" in view["control_words_plain"]
    assert "may show the film" not in view["control_words_mask"]
    assert "Likeness to the map: 0.12" in view["random_weights_mask"]["alt_text"]
    hidden = maps.add_controls(compute.engine(), shelf, held, False, lambda done, words: None)
    assert all(value is None for value in hidden.values())
    assert maps.add_controls(compute.engine(), shelf, None, True, lambda done, words: None) == {}


def test_controls_that_fail_leave_the_maps_alone(compute, report):
    compute.add_controls = raiser(SegmentationError("No room."))
    held = Shelf().keep(report)
    view = maps.add_controls(compute.engine(), Shelf(), held, True, lambda done, words: None)
    assert set(view) == {"control_words_plain"}
    assert "No room." in view["control_words_plain"]
    assert held.report is report


def test_a_layer_is_shown_for_both_models_and_for_no_film_not_at_all(compute, report):
    view = maps.show_layer(compute.engine(), Shelf().keep(report), "congenital", "block3_conv2")
    assert "block3_conv2" in view["layer_plain"]["alt_text"]
    assert view["layer_mask"]["value"].shape == (720, 720, 3)
    for held, layer in ((None, "block3_conv2"), (Shelf().keep(report), None)):
        assert maps.show_layer(compute.engine(), held, "congenital", layer) == maps.hide_layer()
    assert all(update["visible"] is False and update["value"] is None for update in maps.hide_layer().values())
