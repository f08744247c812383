"""The head for frontal and lateral: fitted fairly, exported exactly, scored by patient."""

import csv

import numpy as np
import pytest
import torch

from heartviz.errors import DataError
from heartviz.models import ViewHead
from train.sources import cohen
from train.view import Config, exact_interval, fit_view, main, score_views, to_head


def make_grids(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features in which the first column tells the view, and their views."""
    rng = np.random.default_rng(seed)
    lateral = rng.random(count) < 0.3
    grids = rng.normal(2.0, 1.0, (count, 6400)).astype(np.float32)
    grids[:, 0] += 8 * lateral
    return grids, lateral


def test_exported_head_gives_the_regressions_logits():
    grids, lateral = make_grids(60, 0)
    model = fit_view(grids, lateral, np.where(lateral, "x", "y"), 1e-2)
    with torch.inference_mode():
        logits = to_head(model).linear(torch.from_numpy(grids))[:, 0].numpy()
    # float32 sums of 6400 products
    np.testing.assert_allclose(logits, model.decision_function(grids), atol=1e-3)


def test_head_averages_over_a_grid_of_the_picture():
    head = ViewHead()
    with torch.no_grad():
        head.linear.weight.zero_()
        head.linear.bias.zero_()
        head.linear.weight[0, 12] = 1.0  # first channel, middle cell of 5 x 5
    features = torch.zeros(1, 256, 20, 30)
    features[0, 0, 8:12, 12:18] = 3.0  # the middle fifth of rows and columns
    torch.testing.assert_close(head(features), torch.tensor([3.0]))


def test_scores_are_balanced_over_views():
    lateral = np.array([True, True, False, False, False, False])
    logits = np.array([1.0, -1.0, -1.0, -1.0, -1.0, 1.0])
    sources = np.array(["a", "a", "a", "b", "b", "b"])
    scores = score_views(logits, lateral, sources, np.array(list("pqrstu")))
    assert scores["balanced_accuracy"] == pytest.approx((1 / 2 + 3 / 4) / 2)
    assert scores["laterals_found"] == 0.5
    assert scores["frontals_kept"] == 0.75
    assert scores["lateral_patients"] == 2
    # Both of two right: the exact lower limit is the square root of 0.025.
    assert exact_interval(np.array([True, True])) == (pytest.approx(0.025**0.5), 1.0)
    assert scores["wrong"] == {"a": 1, "b": 1}
    assert scores["interval"][0] <= scores["balanced_accuracy"] <= scores["interval"][1]


def write_collection(folder, rows):
    (folder / "images").mkdir()
    with (folder / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["patientid", "finding", "view", "modality", "filename", "url"])
        writer.writeheader()
        for row in rows:
            writer.writerow(dict(zip(writer.fieldnames, row, strict=True)))


def test_public_layout_of_the_collection(tmp_path):
    site = "https://www.radiopaedia.org/cases/1"
    write_collection(
        tmp_path,
        [
            ("2", "Pneumonia", "PA", "X-ray", "a.png", site),
            ("2", "Pneumonia", "L", "X-ray", "b.png", site),
            ("3", "", "AP Supine", "X-ray", "c.png", ""),
            ("4", "", "Axial", "CT", "d.png", ""),
        ],
    )
    for name in "abc":
        (tmp_path / "images" / f"{name}.png").write_bytes(b"")
    films = cohen.read_films(tmp_path)
    assert [film.view for film in films] == ["frontal", "lateral", "frontal"]
    assert [film.source for film in films] == ["cohen:radiopaedia.org", "cohen:radiopaedia.org", "cohen:unknown"]
    assert films[0].patient_id == films[1].patient_id == "cohen/2"
    assert films[0].label == "Pneumonia"
    (tmp_path / "images" / "b.png").unlink()
    with pytest.raises(DataError, match=r"1 films of .* are missing, b.png first"):
        cohen.read_films(tmp_path)


def test_collection_without_films_or_table_is_refused(tmp_path):
    with pytest.raises(DataError, match="Get the public repository"):
        cohen.read_films(tmp_path)
    write_collection(tmp_path, [("4", "", "Axial", "CT", "d.png", "")])
    with pytest.raises(DataError, match="No radiograph with a stated view"):
        cohen.read_films(tmp_path)


def test_one_view_alone_is_refused(tmp_path):
    write_collection(tmp_path, [("2", "", "PA", "X-ray", "a.png", "")])
    (tmp_path / "images" / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match="Frontal and lateral films are both needed"):
        main(Config(films=(f"cohen={tmp_path}",), out=tmp_path / "out"))
