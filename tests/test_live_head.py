"""The live head: who takes a cue on made-up features, its file, a cue planted in one film, and the page's words."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from heartviz.classify import show_to_arms
from heartviz.cue_trial import PooledHead, pool_features, try_cue
from heartviz.errors import WeightsError
from heartviz.interventions.cues import CUES, SOURCE
from heartviz.live_head import (
    LIVE_FEATURES,
    NO_CUE,
    SHOWN_AS,
    LiveFeatures,
    LiveHead,
    Projection,
    read_live_features,
    train_heads,
)
from heartviz.plots import plot_cue_trial
from heartviz.plots.shortcut import plot_learning
from heartviz.records import ARMS, Radiograph, Segmentation
from heartviz.shortcut_results import SHOWN_NAMES, TAKES_IT
from heartviz.ui import live as live_page
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, picture
from tests.drawn_report import FakeCompute
from train.shortcut_films import ARMS as SHOWN_IN_TRAINING
from train.shortcut_films import show

pytest_plugins = ["tests.small_models"]
GRID, CHANNELS = 2, 8


def make_live(films=80, train_films=40) -> LiveFeatures:
    """Three numbers a film: a faint sign of the disease, noise, and the cue, which only the hardened arm never sees."""
    rng = np.random.default_rng(0)
    sources = ("jsrt", "wingspan") * (films // 2)
    features = {}
    for arm in ARMS:
        for cue in (NO_CUE, *CUES):
            made = rng.normal(0, 1, (films, 2, 3)).astype(np.float32)
            made[:, 1, 0] += 2
            made[:, :, 2] = 4.0 * (cue != NO_CUE and arm != "hardened")
            features[arm, cue] = made
    basis = np.eye(GRID * GRID * CHANNELS, 3, dtype=np.float32)
    wide = np.ones(GRID * GRID * CHANNELS, np.float32)
    return LiveFeatures(
        features, {arm: Projection(0 * wide, wide, basis) for arm in ARMS}, sources, train_films, 64, GRID, "made up"
    )


def test_a_cue_that_is_seen_is_taken_and_one_that_is_not_seen_is_not():
    run = train_heads(make_live(), "marker", 1.0, 40, 1)
    plain, mask, hardened = run.runs
    assert [of.arm for of in run.runs] == ["plain", "x0.2", "levelled_lungs"]
    assert plain.takes_it
    assert mask.takes_it
    assert hardened.average - hardened.worst < TAKES_IT
    with_label, against = run.history["plain"][-1]
    assert (with_label, against) == pytest.approx(
        ((plain.groups[0, 0] + plain.groups[1, 1]) / 2, (plain.groups[0, 1] + plain.groups[1, 0]) / 2)
    )
    assert with_label > 0.9 > 0.6 > against
    unplanted = train_heads(make_live(), "marker", 0.5, 40, 1)
    assert not any(of.takes_it for of in unplanted.runs)


def test_a_run_is_the_same_again_and_another_number_another_run():
    first, again, other = (train_heads(make_live(), "exposure", 0.8, 30, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.heads["plain"].weights, again.heads["plain"].weights)
    assert (first.heads["plain"].weights != other.heads["plain"].weights).any()


def test_the_source_as_cue_is_tested_by_source():
    live = make_live()
    wingspan = np.array(live.sources) == "wingspan"
    features = {place: np.zeros_like(of) for place, of in live.features.items()}
    for of in features.values():
        of[wingspan, :, 0] = 5.0  # the only thing to be seen is the source
    run = train_heads(replace(live, features=features), SOURCE, 1.0, 40, 0)
    # Learnt: Wingspan is ill. Right are Normal of JSRT and VSD of Wingspan, all others wrong.
    assert run.runs[0].groups == {(0, 0): 1.0, (0, 1): 0.0, (1, 0): 0.0, (1, 1): 1.0}
    assert run.runs[0].average == 0.5


@pytest.mark.parametrize(("strength", "films", "words"), [(0.9, 5, "give 20 to 40"), (0.2, 30, "give 0.5")])
def test_what_cannot_be_learnt_is_said(strength, films, words):
    with pytest.raises(ValueError, match=words):
        train_heads(make_live(), "marker", strength, films, 1)


def test_file_comes_back_and_another_is_refused(tmp_path):
    live, path = make_live(), tmp_path / "live.safetensors"
    arrays = {f"features/{arm}/{cue}": of for (arm, cue), of in live.features.items()}
    for arm, of in live.projections.items():
        arrays |= {f"mean/{arm}": of.mean, f"spread/{arm}": of.spread, f"basis/{arm}": of.basis}
    told = {"sources": live.sources, "train_films": 40, "size_px": 64, "grid": GRID, "command": "made up"}
    halves = {name: np.ascontiguousarray(of, np.float16) for name, of in arrays.items()}
    save_file(halves, path, metadata={"heartviz": json.dumps(told)})
    read = read_live_features(path)
    assert (read.test_films, read.train_films, read.sources) == (40, 40, live.sources)
    # Half precision keeps 11 bits: values up to 6 are off by 0.002 at most.
    np.testing.assert_allclose(read.features["mask", "marker"], live.features["mask", "marker"], atol=2e-3)
    assert read_live_features(tmp_path / "none") is None
    path.write_bytes(b"no features")
    with pytest.raises(WeightsError, match="holds no live features"):
        read_live_features(path)


def test_the_network_of_a_head_answers_as_its_features_do(models):
    rng = np.random.default_rng(0)
    width = GRID * GRID * CHANNELS
    projection = Projection(
        *(rng.random((width,), np.float32) + 0.5 for _ in range(2)), rng.random((width, 3), np.float32)
    )
    head = LiveHead(rng.random(3, np.float32), 0.25)
    gray = torch.from_numpy(rng.random((2, 1, 64, 64), np.float32))
    with torch.inference_mode():
        pooled = pool_features(models.trunk, gray, GRID).numpy()
        probability = torch.sigmoid(PooledHead(models.trunk, projection, head, GRID)(gray)).numpy()
    # Two orders of float32 sums over some hundred numbers.
    np.testing.assert_allclose(probability, head.answer(projection.apply(pooled)), rtol=1e-3, atol=1e-5)


def segmentation() -> Segmentation:
    masks = (HEART, LEFT_LUNG, RIGHT_LUNG)
    return Segmentation(*(mask.astype(np.float32) for mask in masks), *masks)


def test_a_cue_is_planted_before_each_model_sees_the_film(models):
    live = make_live()
    run = train_heads(live, "marker", 1.0, 40, 1)
    trial = try_cue(run, live, models, Radiograph(picture()), segmentation())
    assert 0 < trial.cue_area["plain"] < 0.05
    assert trial.cue_area["hardened"] == trial.on_cue["hardened"] == 0
    for arm in ARMS:
        assert trial.maps[arm].shape == trial.pictures[arm].shape == (64, 64)
        assert 0 <= trial.on_cue[arm] <= 1
    # The hardened model's picture is black where the marker lies: nothing it says can come from it.
    np.testing.assert_array_equal(trial.pictures["hardened"], trial.cued_pictures["hardened"])
    assert trial.before["hardened"] == trial.after["hardened"]
    assert np.abs(trial.pictures["plain"] - trial.cued_pictures["plain"]).max() > 0.3
    assert plot_cue_trial(trial).shape == (3 * 248, 3 * 248, 3)
    with pytest.raises(ValueError, match="plants nothing"):
        try_cue(train_heads(live, SOURCE, 1.0, 40, 1), live, models, Radiograph(picture()), segmentation())


@pytest.mark.parametrize("arm", ARMS)
def test_a_film_on_the_page_is_shown_as_the_films_learnt_from_were(arm):
    heart, lungs = HEART[:256, :256], (LEFT_LUNG | RIGHT_LUNG)[:256, :256]
    seen = picture()[:256, :256]
    made = {"pictures": np.stack([seen] * 2)[None], "regions": np.array([[[heart, lungs]] * 2])}
    learnt = show(0, 0, "marker", True, SHOWN_IN_TRAINING[SHOWN_AS[arm]].test, made, (), 0)
    planted = CUES["marker"](seen, heart, lungs, np.random.default_rng(0))
    np.testing.assert_array_equal(learnt, show_to_arms(planted, heart, lungs)[arm])


def test_page_says_in_words_what_its_figures_show(models):
    live = make_live()
    compute = FakeCompute()
    compute.try_cue = lambda run, given, *film: try_cue(run, given, models, *film)
    view = live_page.train(compute.engine(), live, None, "marker", 1.0, 40.0, 1.0)
    assert f"Taken by: {SHOWN_NAMES['plain']}" in view["words"]
    assert "where it goes against it" in view["words"]
    assert "a drawn, healthy patient" in view["trial_words"]
    assert "without the cue" in view["trial"]["alt_text"]
    assert "its picture does not change" in view["trial"]["alt_text"]
    assert "picture unchanged" in view["trial_words"]
    figure = plot_learning(train_heads(live, "marker", 1.0, 40, 1), live.test_films)
    assert "n = 40" in figure.layout.title.text
    assert len(figure.data) == 6
    source = live_page.train(compute.engine(), live, None, SOURCE, 1.0, 40.0, 1.0)
    assert "plants nothing" in source["trial_words"]
    failed = live_page.train(compute.engine(), live, None, "marker", 1.0, 5.0, 1.0)
    assert "could not be trained" in failed["words"]
    assert failed["learning"]["visible"] is False


def test_shipped_features_show_the_shortcut_and_who_resists_it():
    live = read_live_features()
    if live is None:
        pytest.skip(f"{LIVE_FEATURES.name} is not there")
    runs = [train_heads(live, "marker", 0.95, live.train_films, seed).runs for seed in range(3)]
    worst = np.mean([[of.worst for of in three] for three in runs], axis=0)
    assert worst[0] < 0.4
    assert worst[2] > 0.6
