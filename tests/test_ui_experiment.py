"""The Experiment page with an engine that knows no model: what each step shows, keeps and says."""

from dataclasses import replace

import cv2
import gradio as gr
import numpy as np
import pytest

from heartviz.errors import SegmentationError
from heartviz.interventions.catalogue import INTERVENTIONS
from heartviz.take_home.html import make_html
from heartviz.take_home.paper import write_paper
from heartviz.ui import edit, experiment, maps
from heartviz.ui.held import Shelf
from heartviz.ui.session import Session
from tests.drawn_report import FakeCompute, make_report


@pytest.fixture(scope="module")
def report():
    return make_report()


@pytest.fixture
def compute():
    return FakeCompute()


@pytest.fixture
def session():
    return Session(Shelf(), gr.State(None))


def test_without_a_film_the_page_says_what_to_do(compute):
    for view in (
        experiment.open_page(None),
        experiment.experiment(compute.engine(), None, "blur_lungs", 1.0),
        experiment.draw_curve(compute.engine(), None),
    ):
        assert view["empty"]["visible"] is True
        assert view["bench"]["visible"] is False
    assert "Analyze a film first" in experiment.NO_FILM
    assert compute.experiments == []


def test_the_page_opens_with_what_both_models_see_and_says_what_it_is_not(report):
    view = experiment.open_page(Shelf().keep(report))
    assert view["bench"]["visible"] is True
    assert view["before_plain"]["value"].shape == view["before_mask"]["value"].shape
    assert view["after_plain"] is None
    for words in ("not a medical device", "the heart that was found", "VSD", "No film of a patient"):
        assert words in view["about"]


def test_an_experiment_shows_before_after_change_and_promise(compute, report):
    view = experiment.experiment(compute.engine(), Shelf().keep(report), "dim_heart", 0.3)
    assert compute.experiments == [("dim_heart", 0.3)]
    # drawn_report: VGG+Mask gave VSD 67 % and gives every class 25 % now: 42 points less.
    for words in (
        "67 %",
        "25 %",
        "-42 points",
        "VSD to Normal",
        "<td>0 points</td>",
        "<td>50 %</td><td>40 %</td>",
        "<td>25 %</td><td>40 %</td>",
    ):
        assert words in view["outcome"]
    assert "Dim the heart" in view["after_mask"]["alt_text"]


def test_a_change_without_a_knob_is_asked_without_strength(compute, report):
    experiment.experiment(compute.engine(), Shelf().keep(report), "blur_lungs", 0.3)
    assert compute.experiments == [("blur_lungs", None)]


@pytest.mark.parametrize("name", INTERVENTIONS)
def test_every_change_has_its_words_and_only_those_with_a_knob_a_slider(name):
    view = experiment.choose(name)
    assert view["strength"]["visible"] is bool(INTERVENTIONS[name].knob)
    assert INTERVENTIONS[name].says.split("'")[0] in view["says"]


def test_a_failed_experiment_says_so_and_keeps_the_film(compute, report):
    def fail(*_):
        raise SegmentationError("No room.")

    compute.experiment = compute.draw_dim_curve = fail
    held = Shelf().keep(report)
    failed = experiment.experiment(compute.engine(), held, "blur_lungs", None)
    assert "No room." in failed["outcome"]
    # No picture of the experiment before it stays beside the reason.
    assert failed["after_plain"] is failed["after_mask"] is None
    assert "No room." in experiment.draw_curve(compute.engine(), held)["curve_words"]
    assert held.report is report


def test_another_films_lungs_are_held_with_the_film_and_used_until_it_goes(compute, report):
    shelf, engine = Shelf(), compute.engine()
    held = shelf.keep(report)
    assert experiment.choose("swap_lungs")["donor"]["visible"] is True
    assert experiment.choose("blur_lungs")["donor"]["visible"] is False
    refused = experiment.give_donor(engine, shelf, held, b"no film")
    assert "Upload a film." in refused["outcome"]
    assert held.donor is None
    content = cv2.imencode(".png", np.full((128, 112), 100, np.uint8))[1].tobytes()
    experiment.give_donor(engine, shelf, held, content)
    donor = held.donor
    assert donor.picture.shape == (128, 112)
    assert held.report is report
    assert "Lungs of the film that you gave" in experiment.experiment(engine, held, "swap_lungs", None)["outcome"]
    assert compute.experiments == [("swap_lungs", None, donor)]
    shelf.forget(held)
    assert held.donor is None
    assert experiment.give_donor(engine, shelf, held, content)["empty"]["visible"] is True


def test_deletion_says_its_areas_beside_those_of_random_pixels(compute, report):
    view = experiment.draw_deletion(compute.engine(), Shelf().keep(report))
    words = "Plain VGG16: 37 % on average while pixels go (at random 50 %), 50 % while they come (at random 50 %)."
    assert words in view["deletion_words"]
    figure = view["deletion"]["value"]
    assert "n = 1 film" in figure.layout.title.text
    assert len(figure.data) == 12  # three models, by map and at random, deletion and insertion
    assert list(figure.data[0].y) == pytest.approx([90, 10, 10])

    def fail(*_):
        raise SegmentationError("No room.")

    compute.draw_deletion = fail
    failed = experiment.draw_deletion(compute.engine(), Shelf().keep(report))
    assert "No room." in failed["deletion_words"]
    assert failed["deletion"]["value"] is None


def test_the_curve_says_its_numbers_in_words(compute, report):
    view = experiment.draw_curve(compute.engine(), Shelf().keep(report))
    assert "Plain VGG16 says VSD with 10 % at 0, 50 % at 0.2, 90 % at 1." in view["curve_words"]
    assert "90 % at 0, 50 % at 0.2, 10 % at 1" in view["strip"]["alt_text"]
    assert view["strip"]["value"].shape == (4 * 184, 3 * 184, 3)  # three ratios; pictures and three models
    assert "n = 1 film" in view["curve"]["value"].layout.title.text
    assert [axis.title.text for axis in (view["curve"]["value"].layout.xaxis, view["curve"]["value"].layout.yaxis)] == [
        "Gray outside the heart, times",
        "Percent",
    ]


def test_an_edit_is_kept_and_experiments_are_then_made_with_it(compute, report, session):
    held = session.shelf.keep(report)
    said = edit.edit_heart(compute.engine(), session, held, lambda mask: np.roll(mask, 2, axis=1))
    assert held.report is report
    np.testing.assert_array_equal(
        held.edited.segmentation.heart_mask, np.roll(report.segmentation.heart_mask, 2, axis=1)
    )
    assert experiment.film_of(held) is held.edited
    assert "the heart that you drew" in experiment.open_page(held)["about"]
    # drawn_report turns VGG+Mask's answer; two pixels of 600 are a small edit.
    assert "This small edit turns the answer of VGG+Mask (VSD to TOF): do not rely on it." in said
    assert "hv-error" in said


def test_edits_add_up_and_are_compared_with_the_heart_that_was_found(compute, report, session):
    held = session.shelf.keep(report)
    for _ in range(2):
        edit.edit_heart(compute.engine(), session, held, lambda mask: edit.STEPS["Right"](mask, 30))
    np.testing.assert_array_equal(held.edited.segmentation.heart_mask[:, 60:], report.segmentation.heart_mask[:, :-60])
    assert "It turns the answer" in edit.words_of_edit(report, held.edited)
    session.shelf.keep_edited(None, held)
    assert experiment.film_of(held) is report


def test_an_answer_with_less_than_half_is_explained_under_every_table_that_shows_it(report):
    def answer(task, enlarged):
        of = {"Normal": 1 - enlarged, "Enlarged": enlarged}
        return {arm: replace(found, probabilities=of) for arm, found in of_task[task].items()}

    of_task = {
        "heart_size": {
            arm: replace(found, label="Enlarged", operating_point={"Enlarged": 0.33 if arm == "plain" else 0.4})
            for arm, found in report.predictions["heart_size"].items()
        }
    }
    sure, unsure = (
        replace(report, predictions=dict(report.predictions) | {"heart_size": answer("heart_size", enlarged)})
        for enlarged in (0.9, 0.45)
    )
    told = (
        "Plain VGG16 says Enlarged from 33 % on; VGG+Mask says Enlarged from 40 % on; the hardened model says Enlarged "
    )
    for words in (
        edit.words_of_edit(sure, unsure),
        edit.words_of_edit(unsure, sure),
        make_html(write_paper(unsure)).decode(),
    ):
        assert told in words
        assert "not one half" in words
    for words in (edit.words_of_edit(sure, sure), make_html(write_paper(sure)).decode()):
        assert "says Enlarged from" not in words
    answers = sure.predictions["heart_size"], unsure.predictions["heart_size"]
    made = FakeCompute().experiment(report, "remove", 1.0, None)
    made = replace(made, target_class="Enlarged", before=answers[0], after=answers[1])
    assert told in experiment.outcome(sure, made)
    assert told not in experiment.outcome(sure, replace(made, after=answers[0]))


def test_an_edit_that_is_refused_leaves_the_heart_as_it_was(compute, report, session):
    held = session.shelf.keep(report)
    said = edit.edit_heart(compute.engine(), session, held, np.zeros_like)
    assert "The edited heart is empty" in said
    assert held.edited is None
    assert "No film to edit" in edit.edit_heart(compute.engine(), session, None, np.zeros_like)


def test_an_edited_heart_outlasts_other_maps_and_their_controls(compute, report, session):
    held = session.shelf.keep(report)
    edit.edit_heart(compute.engine(), session, held, lambda mask: np.roll(mask, 2, axis=1))
    drawn = held.edited.segmentation.heart_mask

    def tell(done, words):
        pass

    choice = maps.MapChoice("congenital", "ASD", "picture_seen", "grad_cam")
    maps.explain_held(compute.engine(), session.shelf, held, choice, tell)
    assert held.edited.explanation.method == "grad_cam"
    maps.add_controls(compute.engine(), session.shelf, held, True, tell)
    np.testing.assert_array_equal(held.edited.segmentation.heart_mask, drawn)


def test_a_new_film_forgets_the_edit_and_a_forgotten_film_everything(compute, report, session):
    held = session.shelf.keep(report)
    edit.edit_heart(compute.engine(), session, held, lambda mask: mask)
    session.shelf.keep(report, held)
    assert held.edited is None
    edit.edit_heart(compute.engine(), session, held, lambda mask: mask)
    session.shelf.forget(held)
    assert held.report is held.edited is None


@pytest.mark.parametrize(("step", "rows", "cols"), [("Up", -3, 0), ("Down", 3, 0), ("Left", 0, -3), ("Right", 0, 3)])
def test_steps_move_the_heart_as_they_say(step, rows, cols):
    mask = np.zeros((40, 50), bool)
    mask[15:20, 20:30] = True
    np.testing.assert_array_equal(edit.STEPS[step](mask, 3), np.roll(mask, (rows, cols), axis=(0, 1)))
    assert edit.STEPS["Grow"](mask, 2).sum() > mask.sum() > edit.STEPS["Shrink"](mask, 2).sum()
