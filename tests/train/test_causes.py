"""Maps against the drawn signs' pixels: scores counted by hand, and one film explained as the app does it."""

import json
from pathlib import Path

import numpy as np
import pytest

from heartviz.errors import DataError
from heartviz.paper_results import read_heart_shares, read_paper_results
from heartviz.plots.audit import plot_all_heart_shares
from heartviz.records import ARMS, Segmentation
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, picture
from train import cause_tables, causes
from train.causes import EDGES, Config, explain_drawing, score_map, summarise

pytest_plugins = ["tests.small_models"]


CONFIG = Config(data=Path("unused"), out=Path("unused"), seed=1)


class DrawnFilm:
    """The drawn chest as a film of a source."""

    source = "jsrt"

    def read_pixels(self):
        return picture()

    def read_masks(self):
        return HEART, LEFT_LUNG, RIGHT_LUNG


def test_scores_count_absolute_values_in_the_cause():
    values = np.array([[-4, 1], [2, 1]], np.float32)
    cause = np.array([[True, False], [False, True]])
    # The two strongest pixels are -4 (in the cause) and 2 (not in it); the strongest of all is in it.
    heart = np.array([[False, True], [True, False]])
    assert score_map(values, cause, {"heart": heart}) == {"rank": 0.5, "hit": 1.0, "share": 5 / 8, "heart": 3 / 8}
    assert np.isnan(score_map(np.zeros((2, 2), np.float32), cause, {})["share"])


def line(film, method, rank, right=True, label="VSD"):
    place = {"film": film, "label": label, "arm": "plain", "method": method}
    return (
        place
        | {"right": right, "area": 0.2, "rank": rank, "hit": 1.0, "share": 0.3}
        | {"heart": 0.25, "heart_area": 0.2}
    )


def test_summary_weighs_films_alike_and_compares_with_the_edges_of_the_same_picture():
    lines = [line(0, EDGES, 0.2), line(0, EDGES, 0.4, label="ASD"), line(1, EDGES, 0.1)]
    lines += [line(0, "grad_cam", 0.5), line(0, "grad_cam", 0.5, label="ASD"), line(1, "grad_cam", 0.3, right=False)]
    found = {of["method"]: of for of in summarise(lines)}
    of = found["grad_cam"]
    assert (of["films"], of["drawings"]) == (2, 3)
    assert of["rank"]["mean"] == pytest.approx((0.5 + 0.3) / 2)
    assert of["over_edges"]["mean"] == pytest.approx((0.2 + 0.2) / 2)
    assert of["over_chance"]["mean"] == pytest.approx((0.3 + 0.1) / 2)
    assert (of["rank_if_right"]["mean"], of["rank_if_right"]["n"]) == (0.5, 1)
    assert found[EDGES]["over_edges"]["mean"] == 0


def test_a_drawing_gives_a_line_for_each_wanted_model_and_method(models, monkeypatch):
    monkeypatch.setattr(causes, "_load_once", lambda _: models)
    models.sha256.update({f"congenital_{arm}": arm for arm in ARMS})
    probs = [mask.astype(np.float32) for mask in (HEART, LEFT_LUNG, RIGHT_LUNG)]
    found = Segmentation(*probs, HEART, LEFT_LUNG, RIGHT_LUNG)
    monkeypatch.setattr(causes, "segment_film", lambda *_: found)
    wanted = [("plain", EDGES), ("hardened", "sensitivity")]
    lines = explain_drawing((3, DrawnFilm(), "VSD"), wanted, CONFIG)
    assert [(of["arm"], of["method"], of["film"], of["model"]) for of in lines] == [
        ("plain", EDGES, 3, "plain"),
        ("hardened", "sensitivity", 3, "hardened"),
    ]
    assert all(0 < of["area"] < 1 and 0 <= of["rank"] <= 1 for of in lines)
    assert lines == explain_drawing((3, DrawnFilm(), "VSD"), wanted, CONFIG)
    empty = Segmentation(*probs, HEART & False, LEFT_LUNG, RIGHT_LUNG)
    monkeypatch.setattr(causes, "segment_film", lambda *_: empty)
    assert explain_drawing((3, DrawnFilm(), "VSD"), wanted, CONFIG) == []


def test_a_method_is_believed_where_it_finds_clearly_more_than_edges(tmp_path, capsys):
    lines = []
    for film in range(8):
        lines += [
            line(film, EDGES, 0.2),
            line(film, "grad_cam", 0.4),
            line(film, "sensitivity", 0.2 + 0.1 * (film % 2)),
        ]
    result = {"command": "made up", "config": {"integration_steps": 8, "smoothgrad_samples": 8, "patch_stride_px": 32}}
    (tmp_path / "causes.json").write_text(json.dumps(result | {"methods": summarise(lines)}))
    cause_tables.main(cause_tables.Config(results=tmp_path / "causes.json", app=tmp_path / "app.json"))
    printed = capsys.readouterr().out
    assert "On every model: Grad-CAM. On some models: none. On no model: Sensitivity" in printed
    assert "| Grad-CAM | Plain VGG16 | 8 | 8 | 0.400 [0.400, 0.400] | +0.200 [+0.200, +0.200] |" in printed
    (table,) = read_paper_results(tmp_path / "app.json")
    shares = read_heart_shares(tmp_path / "app.json")
    assert [(of.method, of.arm, of.drawings) for of in shares] == [
        ("grad_cam", "plain", 8),
        ("sensitivity", "plain", 8),
    ]
    assert shares[0].quantiles == (0.25,) * 5
    figure = plot_all_heart_shares(shares)
    assert "n = 8" in figure.layout.title.text
    assert list(figure.data[0].median) == [25, 25]
    assert [row[0] for row in table.rows] == ["Grad-CAM", "Sensitivity (the paper's)", "Edges of the picture"]
    assert [row[-1] for row in table.rows] == ["yes", "no", None]
    with pytest.raises(DataError, match="1 drawings have no map of edges for plain"):
        summarise(lines[1:2])
