"""The planted-shortcut grid: cues, groups and assignments counted by hand, and one tiny grid run and resumed."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from heartviz.interventions.cues import CUES, HEART_STEP, LUNG_GAIN, OUTSIDE_CUES, assign_cues
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, picture
from train.last_layers import LastTraining, share_outside, train_last
from train.shortcut import list_jobs
from train.shortcut_films import ARMS, find_outside, list_sets, set_name, show
from train.shortcut_scores import score_run, summarise_runs
from train.shortcut_tables import shortcut_finding, shortcut_table

LUNGS = LEFT_LUNG | RIGHT_LUNG
SOURCES = ["jsrt"] * 40 + ["wingspan"] * 60


def planted(name):
    return CUES[name](picture(), HEART, LUNGS, np.random.default_rng(0))


@pytest.mark.parametrize("name", CUES)
def test_a_cue_leaves_its_picture_alone_and_stays_in_range(name):
    before = picture()
    changed = CUES[name](before, HEART, LUNGS, np.random.default_rng(0))
    np.testing.assert_array_equal(before, picture())
    assert changed.dtype == np.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert np.abs(changed - before).max() > 0.03
    again = CUES[name](before, HEART, LUNGS, np.random.default_rng(0))
    np.testing.assert_array_equal(changed, again)


@pytest.mark.parametrize("name", OUTSIDE_CUES)
def test_cues_outside_leave_the_heart_alone(name):
    np.testing.assert_array_equal(planted(name)[HEART], picture()[HEART])


def test_cues_change_what_they_say_they_change():
    lungs = LUNGS & ~HEART
    np.testing.assert_allclose(planted("lung_gain")[lungs], np.clip(picture()[lungs] * LUNG_GAIN, 0, 1), rtol=1e-5)
    np.testing.assert_array_equal(planted("lung_gain")[~lungs], picture()[~lungs])
    step = planted("heart_step") - picture()
    np.testing.assert_array_equal(step[~HEART], 0)
    rows = np.flatnonzero((step != 0).any(axis=1))
    assert rows[0] > 190  # the heart's middle row in the drawn chest
    np.testing.assert_allclose(step[HEART & (np.arange(301)[:, None] > 191)], HEART_STEP, atol=1e-6)
    np.testing.assert_array_equal(planted("marker")[LUNGS | HEART], picture()[LUNGS | HEART])
    empty = CUES["heart_step"](picture(), np.zeros_like(HEART), LUNGS, np.random.default_rng(0))
    np.testing.assert_array_equal(empty, picture())


@pytest.mark.parametrize("strength", [0.5, 0.8, 0.95, 1.0])
def test_the_cue_goes_with_the_label_exactly_as_often_as_asked(strength):
    labels, cued = assign_cues("marker", strength, SOURCES, 1)
    assert labels[:40].sum() == 20
    assert labels[40:].sum() == 30
    assert (cued == labels.astype(bool))[labels == 1].sum() == round(strength * 50)
    assert (cued == labels.astype(bool))[labels == 0].sum() == round(strength * 50)


def test_the_source_as_cue_goes_with_the_label_and_plants_nothing():
    labels, cued = assign_cues("source", 0.95, SOURCES, 0)
    assert labels[:40].sum() == 2
    assert labels[40:].sum() == 57
    assert not cued.any()


def test_assignments_are_the_same_again_and_differ_between_seeds():
    first, second = (assign_cues("marker", 0.8, SOURCES, seed) for seed in (0, 1))
    np.testing.assert_array_equal(first, assign_cues("marker", 0.8, SOURCES, 0))
    assert (second[0] != first[0]).any()


def made():
    """Three films in both labels with gray values of their own, the heart a square."""
    pictures = np.zeros((3, 2, 32, 32), np.float16)
    for place in range(3):
        pictures[place] = 0.2 + 0.2 * place
    regions = np.zeros((3, 2, 2, 32, 32), bool)
    regions[:, :, 0, 10:20, 10:20] = True
    regions[:, :, 1, 4:28, 2:10] = True
    return {"pictures": pictures, "regions": regions}


def test_what_each_arm_is_shown():
    heart = made()["regions"][0, 0, 0]
    kinds = ("plain", "x 0.2", "x 0", "filled", "random")
    shown = {kind: show(0, 0, "marker", False, kind, made(), [1], 0) for kind in kinds}
    for picture_shown in shown.values():
        np.testing.assert_allclose(picture_shown[heart], 0.2, atol=1e-3)
    body = ~heart
    body[:, 22:] = False  # the donor may have the marker there
    for kind, gray in (("plain", 0.2), ("x 0.2", 0.04), ("x 0", 0.0), ("filled", 0.4), ("random", 0.08)):
        np.testing.assert_allclose(shown[kind][body], gray, atol=1e-3)


def test_a_foreign_outside_does_not_tell_the_films_own_cue():
    for cue in OUTSIDE_CUES:
        without, with_cue = (show(0, 1, cue, planted, "filled", made(), [1, 2], 0) for planted in (False, True))
        np.testing.assert_array_equal(without, with_cue)
    inside = [show(0, 1, "heart_step", planted, "filled", made(), [1, 2], 0) for planted in (False, True)]
    assert (inside[0] != inside[1]).any()


def test_a_donor_is_never_the_film_itself():
    for seed in range(20):
        assert show(1, 0, "marker", False, "filled", made(), [0, 1, 2], seed)[0, 0] != pytest.approx(0.4, abs=1e-3)


def test_sets_are_shared_where_pictures_are_the_same():
    assert set_name("marker", False, "plain") == set_name("exposure", False, "plain") == "features_none_plain"
    assert set_name("source", False, "x 0.2") == "features_none_x_0.2"
    assert set_name("marker", True, "plain") != set_name("exposure", True, "plain")
    assert set_name("marker", False, "filled") != set_name("exposure", False, "filled")

    # What lies outside is black or another film's there: the film's own marker is nowhere to be seen.
    assert set_name("marker", True, "x 0") == "features_none_x_0"
    assert set_name("marker", True, "filled") == set_name("marker", False, "filled")
    assert set_name("heart_step", True, "x 0") != set_name("heart_step", False, "x 0")

    class Chosen:
        cues, arms, strengths, seeds = ("marker", "source"), ("plain", "x0_filled"), (0.95,), 2

    # none: plain, filled; marker: planted plain, filled.
    assert len(list_sets(Chosen)) == 4
    jobs = list_jobs(Chosen)
    assert len(jobs) == len(set(jobs)) == 3 * 2 * 2
    assert all(job.arm in ARMS for job in jobs)


def test_cells_are_outside_when_less_than_half_of_them_is_heart():
    regions = torch.zeros(1, 2, 2, 32, 32, dtype=torch.bool)
    regions[0, 0, 0, :16, :9] = True  # 9 of 16 columns of the first cell
    regions[0, 1, 0, :16, :7] = True
    outside = find_outside(regions)
    assert outside.shape == (1, 2, 1, 2, 2)
    assert outside[0, 0, 0].tolist() == [[0, 1], [1, 1]]
    assert outside[0, 1, 0].tolist() == [[1, 1], [1, 1]]


def test_the_penalty_is_the_share_of_the_gradient_outside():
    given = torch.rand(2, 3, 2, 2, requires_grad=True)
    weight = torch.tensor([[1.0, 0.0], [0.0, 3.0]])

    def logits_of(features):
        score = (features * weight).sum(dim=(1, 2, 3))
        return torch.stack([score, torch.zeros(2)], dim=1)

    outside = torch.zeros(2, 1, 2, 2)
    outside[:, :, 1, 1] = 1
    # Squared gradients go as 1 and 9 in the two cells that count: 9 / 10 outside.
    assert share_outside(logits_of(given), given, outside).item() == pytest.approx(0.9, rel=1e-4)
    assert share_outside(logits_of(given), given, 0 * outside).item() == 0.0


def test_a_penalty_turns_training_away_from_outside():
    torch.manual_seed(0)
    labels = torch.arange(32) % 2
    features = torch.rand(32, 512, 2, 2)
    features[labels == 1, :, 0, 0] += 0.5  # the heart says it
    features[labels == 1, :, 1, 1] += 0.5  # and so does a cue outside
    outside = torch.ones(32, 1, 2, 2)
    outside[:, :, 0, 0] = 0
    last = nn.Sequential(nn.Conv2d(512, 512, 1), nn.ReLU())
    shares = []
    for penalty in (0.0, 20.0):
        network = train_last(features, labels, last, LastTraining(epochs=20), outside, penalty)
        given = features.clone().requires_grad_(True)
        shares.append(share_outside(network(given), given, outside).item())
    assert shares[1] < shares[0] - 0.004  # Seeds 0 to 2: 0.007 to 0.010 less. After six epochs both are still alike.


def line(probability, **kind):
    return {"cue": "marker", "strength": 0.95, "arm": "plain", "seed": 0, "heart_share": 0.4, **kind} | {
        "probability": probability
    }


def test_groups_gap_and_worst_group_by_hand():
    # Without the cue, films say (Normal, VSD) rightly 2 of 2 and 0 of 2; with it 1 of 2 and 2 of 2.
    without, with_cue = [[0.1, 0.4], [0.2, 0.3]], [[0.3, 0.9], [0.8, 0.7]]
    scores = score_run(line([without, with_cue]), ["jsrt", "wingspan"])
    assert scores["average"] == pytest.approx(5 / 8)
    assert scores["worst_group"] == 0.0
    # Aligned: Normal without 1.0, VSD with 1.0. Conflicting: Normal with 0.5, VSD without 0.0.
    assert scores["gap"] == pytest.approx((1.0 + 1.0 - 0.5 - 0.0) / 2)
    assert scores["heart_share"] == 0.4


def test_without_a_planted_cue_the_groups_are_label_and_source():
    scores = score_run(line([[[0.9, 0.9], [0.1, 0.9]]], cue="source"), ["jsrt", "wingspan"])
    # Normal jsrt wrong, VSD jsrt right, both of wingspan right. Aligned: Normal jsrt 0, VSD wingspan 1.
    assert scores["worst_group"] == 0.0
    assert scores["average"] == 0.75
    assert scores["gap"] == pytest.approx((0 + 1 - 1 - 1) / 2)


def test_runs_are_summarised_over_seeds():
    right, wrong = [[[0.1, 0.9]], [[0.1, 0.9]]], [[[0.9, 0.1]], [[0.9, 0.1]]]
    (entry,) = summarise_runs([line(right), line(wrong, seed=1)], ["jsrt"])
    assert entry["seeds"] == 2
    assert entry["films"] == 1
    assert entry["average"] == {"mean": 0.5, "range": [0.0, 1.0]}
    assert json.dumps(entry)


def test_the_table_says_what_the_reach_asks_for():
    number = {"mean": 0.5, "range": [0.4, 0.6]}
    scores = dict.fromkeys(("average", "worst_group", "gap", "auroc", "heart_share"), number)
    entry = {"films": 79, "seeds": 3, "interval": [0.45, 0.55], "arm": "plain", **scores}
    worse = {**scores, "worst_group": {"mean": 0.25, "range": [0.2, 0.3]}}
    runs = [
        {**entry, "cue": "none", "strength": 0.5},
        {**entry, "cue": "marker", "strength": 0.95},
        {**entry, "cue": "lung_gain", "strength": 0.95, **worse},
        {**entry, "cue": "heart_step", "strength": 0.95, "worst_group": {"mean": 0.0, "range": [0.0, 0.0]}},
    ]
    result = {"runs": runs, "config": {"size_px": 112}, "command": "x", "train_films": 277, "test_films": 79}
    table = shortcut_table(result)
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert len(table.rows) == 4
    assert "plain 0.25 (average 0.50, cue lung_gain; without any cue 0.50)" in table.finding
    assert "Trained on 277 films, tested on 79 others" in table.under
    assert shortcut_finding(runs[:1]) == ""
