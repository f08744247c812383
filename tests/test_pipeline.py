"""The chain of stages: with random networks for its laws, and with the shipped models on real films (slow)."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from heartviz import asking
from heartviz.__main__ import main
from heartviz.classify import gray_factors, pictures_seen
from heartviz.errors import RadiographError
from heartviz.gate import CHECKS
from heartviz.pipeline import add_controls, analyze, explain
from heartviz.preprocess import stretch_contrast, thorax_frame, to_model_input
from heartviz.records import ARMS, TASK_CLASSES
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, picture
from tests.full_disk import full_disk

pytest_plugins = ["tests.small_models"]


def test_report_is_whole_and_on_the_films_own_frame(models):
    told = []
    report = analyze(picture(), models, progress=lambda done, words: told.append(done))
    assert told == sorted(told)
    assert told[-1] == 1.0
    for task, class_names in TASK_CLASSES.items():
        for arm in ARMS:
            prediction = report.predictions[task][arm]
            assert tuple(prediction.probabilities) == class_names
            assert sum(prediction.probabilities.values()) == pytest.approx(1.0)
    for arm in ARMS:
        values = report.explanation.attributions[arm].values
        assert values.shape == picture().shape
        assert report.pictures_seen[arm].shape == picture().shape
        assert np.nanmin(values) >= 0
        assert sum(report.explanation.shares[arm].share.values()) == pytest.approx(1.0)
        # What the networks never saw has no number, and the map and the picture agree on where that is.
        np.testing.assert_array_equal(np.isnan(values), np.isnan(report.pictures_seen[arm]))
    assert np.isnan(report.explanation.attributions["plain"].values[0, 0])
    assert report.explanation.target_class == report.predictions["congenital"]["mask"].label
    assert set(report.seconds) == {"load", "segment", "classify", "explain", "measure"}


def test_predictions_are_those_of_the_networks_called_plainly(models):
    """The kept graph and the shared trunk change no number."""
    report = analyze(picture(), models)
    frame = thorax_frame(LEFT_LUNG | RIGHT_LUNG)
    shown = pictures_seen(stretch_contrast(picture()), HEART, LEFT_LUNG | RIGHT_LUNG, frame)
    for (task, arm), classifier in models.classifiers.items():
        with torch.inference_mode():
            logits = classifier.network(models.trunk(to_model_input(shown[arm]))[2])[0]
        for name, value in zip(classifier.class_names, logits.tolist(), strict=True):
            assert report.predictions[task][arm].logits[name] == pytest.approx(value, abs=1e-5)


def test_explaining_another_class_segments_nothing_again(models):
    report = analyze(picture(), models)
    before = len(models.segmentations)
    other = explain(report, models, "heart_size", "Enlarged", "film")
    assert len(models.segmentations) == before
    assert (other.task, other.target_class, other.gradient_for) == ("heart_size", "Enlarged", "film")
    again = explain(report, models, "congenital", report.explanation.target_class)
    for arm in ARMS:
        np.testing.assert_allclose(
            again.attributions[arm].values, report.explanation.attributions[arm].values, rtol=1e-4, atol=1e-9
        )


def test_every_class_can_be_explained_and_an_unknown_one_is_refused(models):
    for task, class_names in TASK_CLASSES.items():
        for name in class_names:
            assert analyze(picture(), models, task=task, target_class=name).explanation.target_class == name
    with pytest.raises(ValueError, match="Unknown task 'size'"):
        analyze(picture(), models, task="size")
    with pytest.raises(ValueError, match="Unknown class 'Enlarged' of congenital"):
        analyze(picture(), models, target_class="Enlarged")


def test_another_method_redoes_nothing_but_its_maps(models, monkeypatch):
    report = analyze(picture(), models)
    before = len(models.segmentations)
    monkeypatch.setattr(asking.Passes, "predict_all", lambda self: pytest.fail("nothing is predicted again"))
    told = []
    for method in ("grad_cam", "lrp_epsilon_plus_flat", "occlusion_region"):
        other = explain(report, models, "congenital", "VSD", method=method, progress=lambda done, _: told.append(done))
        assert other.method == method
        for arm in ARMS:
            assert other.attributions[arm].values.shape == picture().shape
            assert np.isnan(other.attributions[arm].values[0, 0])
    assert len(models.segmentations) == before
    assert min(told) >= 0
    assert max(told) <= 1.0
    with pytest.raises(ValueError, match="Unknown method 'guess'"):
        explain(report, models, "congenital", "VSD", method="guess")


def test_whose_gray_is_meant_matters_for_gradients_only(models):
    report = analyze(picture(), models)
    factors = gray_factors(stretch_contrast(picture()), HEART, LEFT_LUNG | RIGHT_LUNG)
    assert (factors["mask"][~HEART] == np.float32(0.2)).all()
    for method in ("smoothgrad", "lrp_epsilon_plus_flat"):
        seen, film = (explain(report, models, "congenital", "VSD", basis, method) for basis in ("picture_seen", "film"))
        for arm in ARMS:
            factor = factors[arm] if method == "smoothgrad" else 1.0
            expected = factor * seen.attributions[arm].values
            np.testing.assert_allclose(film.attributions[arm].values, expected, rtol=1e-5, atol=1e-12)


def test_controls_are_the_same_method_untrained_and_the_pictures_edges(models):
    report = analyze(picture(), models)
    weights = models.classifiers["congenital", "plain"].network.head.weight.clone()
    explained = add_controls(report, models)
    torch.testing.assert_close(models.classifiers["congenital", "plain"].network.head.weight, weights)
    for arm in ARMS:
        assert set(explained.controls[arm]) == {"random_weights", "edges"}
        for control in explained.controls[arm].values():
            assert control.values.shape == picture().shape
            assert -1 <= control.likeness <= 1
            assert control.alike == (control.likeness >= 0.5)
        np.testing.assert_array_equal(explained.attributions[arm].values, report.explanation.attributions[arm].values)


def test_a_map_of_edges_is_called_alike_its_control(models):
    report = analyze(picture(), models)
    edges = add_controls(report, models).controls["plain"]["edges"]
    painted = replace(report.explanation.attributions["plain"], values=3 * edges.values)
    attributions = {**report.explanation.attributions, "plain": painted}
    explained = add_controls(
        replace(report, explanation=replace(report.explanation, attributions=attributions)), models
    )
    assert explained.controls["plain"]["edges"].likeness > 0.9
    assert explained.controls["plain"]["edges"].alike


def test_bad_input_leaves_the_models_usable(models):
    with pytest.raises(RadiographError):
        analyze(b"not a film", models)
    assert analyze(picture(), models).cardiothoracic.ratio > 0


def test_command_line_continues_past_a_bad_file(models, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("heartviz.weights.load_models", lambda where=None: models)
    good, bad = tmp_path / "film.png", tmp_path / "page.png"
    cv2.imwrite(str(good), (picture() * 255).astype(np.uint8))
    bad.write_text("<html>not a film</html>")
    status = main(["analyze", str(bad), str(good), "--out", str(tmp_path / "out"), "--method", "lrp_epsilon_plus_flat"])
    assert status == 1
    refused = json.loads((tmp_path / "out" / "page" / "report.json").read_text())
    assert refused["accepted"] is False
    assert "HTML" in refused["messages"][0]
    assert [check["verdict"] for check in refused["checks"]] == ["refused"] + 6 * ["not reached"]
    assert refused["offered_correction"] is None
    accepted = json.loads((tmp_path / "out" / "film" / "report.json").read_text())
    assert accepted["accepted"] is True
    assert [check["name"] for check in accepted["checks"]] == list(CHECKS)
    assert accepted["checks"][6]["verdict"] == "unknown"  # a PNG gives no age
    assert accepted["size"] == {"height": 301, "width": 257}
    assert set(accepted["predictions"]["congenital"]["plain"]) == {"Normal", "VSD", "ASD", "TOF"}
    assert set(accepted["relevance_share"]["mask"]) == {"heart", "lungs", "elsewhere", "chance", "interval"}
    assert accepted["explanation"]["method"] == "lrp_epsilon_plus_flat"
    assert accepted["explanation"]["gap"]["plain"] >= 0
    assert sum(accepted["positive_relevance_share"]["mask"].values()) == pytest.approx(1.0)
    assert accepted["relevance_share"]["mask"]["interval"]["heart"][0] <= accepted["relevance_share"]["mask"]["heart"]
    for name in ("heart_mask", "left_lung_mask", "right_lung_mask", "lrp_epsilon_plus_flat_plain"):
        image = cv2.imread(str(tmp_path / "out" / "film" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        assert image.shape[:2] == (301, 257)
    heart = cv2.imread(str(tmp_path / "out" / "film" / "heart_mask.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(heart, HEART.astype(np.uint8) * 255)
    assert "1 of 2 films analysed" in capsys.readouterr().out


def test_command_line_tells_files_of_one_name_apart(models, monkeypatch, tmp_path):
    monkeypatch.setattr("heartviz.weights.load_models", lambda where=None: models)
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "film.png")
        cv2.imwrite(str(paths[-1]), (picture() * 255).astype(np.uint8))
    assert main(["analyze", *map(str, paths), "--out", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["film", "film_2"]


def test_command_line_says_what_it_can_not_write(models, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("heartviz.weights.load_models", lambda where=None: models)
    path = tmp_path / "film.png"
    cv2.imwrite(str(path), (picture() * 255).astype(np.uint8))
    assert main(["analyze", str(path), "--out", str(path / "out")]) == 2
    assert "Not a directory): make room, or give another --out" in capsys.readouterr().err
    with full_disk(2000):
        assert main(["analyze", str(path), "--out", str(tmp_path / "out")]) == 2
    assert f"heartviz: {tmp_path / 'out' / 'film'} can't be written (File too large)" in capsys.readouterr().err
    assert not (tmp_path / "out" / "film" / "report.json").exists()


def test_command_line_without_weights_stops(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("HEARTVIZ_WEIGHTS", raising=False)
    assert main(["analyze", "x.png", "--out", str(tmp_path), "--weights", str(tmp_path / "none")]) == 2
    assert "heartviz:" in capsys.readouterr().err
