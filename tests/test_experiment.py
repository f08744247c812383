"""Laws of the experiments on a film: what changes, what must not, and what an edited heart does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from heartviz.errors import HeartvizError, SegmentationError
from heartviz.experiment import draw_deletion, draw_dim_curve, replace_heart, run_experiment, take_donor
from heartviz.interventions.catalogue import INTERVENTIONS
from heartviz.interventions.regions import grow_mask, move_mask
from heartviz.pipeline import analyze, explain
from heartviz.preprocess import stretch_contrast
from heartviz.records import ARMS, Radiograph
from heartviz.words import describe_edit, describe_experiment, describe_points
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, picture

pytest_plugins = ["tests.small_models"]


def test_deletion_starts_with_the_film_and_ends_with_its_blurred_picture(models):
    report = analyze(picture(), models)
    curves = draw_deletion(report, models, steps=4)
    assert curves.shares.tolist() == [0, 0.25, 0.5, 0.75, 1]
    for arm in ARMS:
        probability = report.predictions["congenital"][arm].probabilities[curves.target_class]
        for name in ("deletion", "random_deletion"):
            assert getattr(curves, name)[arm][0] == pytest.approx(probability, abs=1e-5)
        for name in ("insertion", "random_insertion"):
            assert getattr(curves, name)[arm][-1] == pytest.approx(probability, abs=1e-5)
        blurred = curves.insertion[arm][0]
        assert curves.deletion[arm][-1] == pytest.approx(blurred, abs=1e-6)
        assert curves.random_deletion[arm][-1] == pytest.approx(blurred, abs=1e-6)
    assert curves.method == report.explanation.method


@pytest.fixture
def report(models):
    return analyze(picture(), models)


@pytest.mark.parametrize("name", INTERVENTIONS)
def test_every_intervention_answers_on_the_films_own_frame(name, models, report):
    before = len(models.segmentations)
    experiment = run_experiment(report, models, name)
    assert len(models.segmentations) == before
    assert experiment.strength == INTERVENTIONS[name].start
    assert experiment.picture.shape == picture().shape
    for arm in ARMS:
        assert experiment.changed_masks[arm].shape == picture().shape
        assert 0 <= experiment.chance[arm] <= 1
        assert experiment.before[arm] is report.predictions["congenital"][arm]
        assert sum(experiment.after[arm].probabilities.values()) == pytest.approx(1.0)
        assert 0 <= experiment.promised[arm] <= 1


@pytest.mark.parametrize(("name", "strength"), [("dim_heart", 1.0), ("plant_marker", 0.0), ("plant_texture", 0.0)])
def test_a_knob_at_rest_changes_nothing(name, strength, models, report):
    experiment = run_experiment(report, models, name, strength)
    for arm in ARMS:
        assert not experiment.changed_masks[arm].any()
        assert experiment.change(arm) == pytest.approx(0.0, abs=1e-6)
        assert experiment.promised[arm] == 0.0


@pytest.mark.parametrize(
    "name", [name for name in INTERVENTIONS if name.endswith("_lungs") or name.startswith("plant")]
)
def test_what_is_done_outside_the_heart_leaves_every_pixel_of_it(name, models, report):
    """A removal grows its region by 1 % of the film: into the heart's rim, it would change what VGG+Mask sees best."""
    changed = run_experiment(report, models, name).picture
    np.testing.assert_array_equal(changed[HEART], stretch_contrast(picture())[HEART])


def test_lungs_are_swapped_for_those_of_the_film_that_is_given(models, report):
    bright = Radiograph((0.5 + 0.5 * picture()).astype(np.float32))
    donor = take_donor(Radiograph(np.ascontiguousarray(bright.pixels[:, ::-1])), models)
    drawn, own = (run_experiment(report, models, "swap_lungs", donor=given).picture for given in (None, donor))
    lungs = (LEFT_LUNG | RIGHT_LUNG) & ~HEART
    assert np.abs(drawn - own)[lungs].max() > 0.01
    np.testing.assert_array_equal(own[~(LEFT_LUNG | RIGHT_LUNG) | HEART], drawn[~(LEFT_LUNG | RIGHT_LUNG) | HEART])


def test_a_film_without_lungs_gives_none(models):
    with pytest.raises(HeartvizError):
        take_donor(Radiograph(np.zeros(HEART.shape, np.float32)), models)


def test_the_papers_knob_gives_each_model_its_usual_picture_at_its_place(models, report):
    at_one, at_fifth = (run_experiment(report, models, "dim_outside", ratio) for ratio in (1.0, 0.2))
    assert at_one.change("plain") == pytest.approx(0.0, abs=1e-6)
    assert at_fifth.change("mask") == pytest.approx(0.0, abs=1e-6)
    assert at_fifth.changed_masks["plain"].any()
    assert at_fifth.promised["mask"] == 0.0
    np.testing.assert_allclose(at_one.pictures_seen["mask"], at_one.pictures_seen["plain"], equal_nan=True)


def test_a_model_that_sees_nothing_of_the_lungs_does_not_change_with_them(models, report):
    # All convolutions but the first see nothing: the answer is the head's bias, whatever the film.
    for arm in ARMS:
        with torch.no_grad():
            models.classifiers["congenital", arm].network.head.weight.zero_()
    experiment = run_experiment(analyze(picture(), models), models, "remove_lungs")
    assert experiment.changed_masks["plain"].any()
    assert experiment.change("plain") == pytest.approx(0.0, abs=1e-6)


def test_the_promise_is_the_maps_share_where_the_film_was_changed(models, report):
    experiment = run_experiment(report, models, "plant_marker")
    values = report.explanation.attributions["plain"].values
    inside = np.nansum(np.abs(values[experiment.changed_masks["plain"]]))
    assert experiment.promised["plain"] == pytest.approx(inside / np.nansum(np.abs(values)), rel=1e-5)
    assert experiment.chance["plain"] < 0.05  # a marker of a twelfth of the shorter side
    assert not (experiment.changed_masks["plain"] & HEART).any()


@pytest.mark.parametrize("name", ["plant_texture", "blur_lungs"])
def test_a_faint_change_where_vgg_mask_is_dimmed_counts_for_both(name, models, report):
    """0.2 times 0.03 of gray is under the limit of 0.01, and moves VGG+Mask's answer all the same."""
    experiment = run_experiment(report, models, name)
    assert experiment.changed_masks["plain"].any()
    np.testing.assert_array_equal(experiment.changed_masks["plain"], experiment.changed_masks["mask"])
    assert experiment.chance["mask"] == experiment.chance["plain"] > 0


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (0.786, 0.392, "-40 points"),
        (0.500, 0.512, "+1 points"),
        (0.5041, 0.4962, "0 points"),
        (0.02, 0.06, "+4 points"),
    ],
)
def test_points_are_those_between_the_percents_that_are_shown(before, after, words, models, report):
    experiment = run_experiment(report, models, "dim_heart")

    def gives(probability):
        answer = experiment.before["plain"]
        probabilities = {**answer.probabilities, experiment.target_class: probability}
        return {"plain": replace(answer, probabilities=probabilities)}

    assert describe_points(replace(experiment, before=gives(before), after=gives(after)), "plain") == words


def test_words_of_an_experiment_give_points_and_promise(models, report):
    experiment = run_experiment(report, models, "remove_lungs")
    words = describe_experiment(experiment, "sensitivity")
    assert f"({describe_points(experiment, 'plain')})" in words
    assert f"{100 * experiment.promised['mask']:.0f} % of its map's sensitivity" in words
    rest = run_experiment(report, models, "dim_heart", 1.0)
    assert describe_experiment(rest, "sensitivity").startswith("Plain VGG16 sees nothing changed. VGG+Mask")


def test_the_silhouette_is_the_same_for_two_films_of_one_mask(models, report):
    other = analyze(np.clip(picture() * 0.5 + 0.3 * np.eye(301, 257, dtype=np.float32), 0, 1), models)
    first, second = (run_experiment(each, models, "silhouette") for each in (report, other))
    for arm in ARMS:
        assert first.after[arm].probabilities == pytest.approx(second.after[arm].probabilities)


def test_unknown_names_and_strengths_are_refused(models, report):
    with pytest.raises(ValueError, match="Unknown intervention 'cut': choose one of dim_outside"):
        run_experiment(report, models, "cut")
    with pytest.raises(ValueError, match="Strength is 1.5: give 0 to 1"):
        run_experiment(report, models, "dim_heart", 1.5)


def test_the_curve_goes_through_the_usual_answers_and_maps(models, report):
    curve = draw_dim_curve(report, models, (0.0, 0.2, 1.0))
    target = report.explanation.target_class
    for arm, place in (("plain", 2), ("mask", 1)):
        usual = report.predictions["congenital"][arm].probabilities[target]
        assert curve.probability[arm][place] == pytest.approx(usual, abs=1e-5)
        share = report.explanation.shares[arm].share["heart"]
        # On the networks' picture and on the film: the same map, enlarged.
        assert curve.heart_share[arm][place] == pytest.approx(share, abs=0.03)
        assert curve.maps[arm].shape == curve.pictures.shape
    assert curve.pictures[0].min() == 0.0


def test_an_edited_heart_moves_the_ratio_by_its_width(models, report):
    wider = HEART.copy()
    row = np.flatnonzero(HEART.any(axis=1))[20]
    first = np.flatnonzero(HEART.any(axis=0))[0]
    wider[row, first - 7 : first] = True
    edited = replace_heart(report, models, wider)
    width = report.cardiothoracic.thorax_width_px
    assert edited.cardiothoracic.ratio == pytest.approx(report.cardiothoracic.ratio + 7 / width)
    assert edited.segmentation.lungs_mask.sum() == (LEFT_LUNG | RIGHT_LUNG).sum()
    # Plain VGG16 does not see the heart's outline.
    assert edited.predictions["congenital"]["plain"].probabilities == pytest.approx(
        report.predictions["congenital"]["plain"].probabilities, abs=1e-6
    )
    assert len(models.segmentations) == 1


def test_the_same_heart_gives_the_same_report(models, report):
    again = replace_heart(report, models, HEART.copy())
    for arm in ARMS:
        np.testing.assert_allclose(
            again.explanation.attributions[arm].values,
            report.explanation.attributions[arm].values,
            rtol=1e-4,
            atol=1e-9,
        )
    sentence, warned = describe_edit(report, again)
    assert "Dice 1.00" in sentence
    assert "No answer turns" in sentence
    assert not warned


def test_a_small_edit_that_turns_an_answer_is_warned_of(models, report):
    def with_answer(edited, label):
        answers = {task: dict(by_arm) for task, by_arm in edited.predictions.items()}
        answers["congenital"]["mask"] = answers["congenital"]["mask"].__class__(
            **{**vars(answers["congenital"]["mask"]), "label": label}
        )
        return edited.__class__(**{**vars(edited), "predictions": answers})

    label = report.predictions["congenital"]["mask"].label
    other = next(name for name in ("Normal", "VSD") if name != label)
    small = with_answer(replace_heart(report, models, grow_mask(HEART, 1)), other)
    sentence, warned = describe_edit(report, small)
    assert f"This small edit turns the answer of VGG+Mask ({label} to {other})" in sentence
    assert warned
    large = with_answer(replace_heart(report, models, move_mask(HEART, 0, 40)), other)
    sentence, warned = describe_edit(report, large)
    assert "It turns the answer of VGG+Mask" in sentence
    assert not warned


def test_an_edited_heart_is_explained_by_the_method_that_the_person_chose(models, report):
    explained = explain(report, models, "heart_size", "Enlarged", method="grad_cam")
    edited = replace_heart(replace(report, explanation=explained), models, grow_mask(HEART, 2)).explanation
    assert (edited.method, edited.task, edited.target_class) == ("grad_cam", "heart_size", "Enlarged")


def test_an_empty_or_foreign_heart_is_refused(models, report):
    with pytest.raises(SegmentationError, match="The edited heart is empty. Draw a heart"):
        replace_heart(report, models, np.zeros_like(HEART))
    with pytest.raises(ValueError, match=r"Mask is \(3, 4\), the film is \(301, 257\)"):
        replace_heart(report, models, np.ones((3, 4), bool))
