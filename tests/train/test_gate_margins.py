"""What the gate's checks ask for, measured on films and laid beside the limits."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from heartviz import admission
from heartviz.errors import DataError
from heartviz.gate import anatomy, judge_film
from heartviz.preprocess import stretch_contrast
from heartviz.radiograph import load_radiograph
from tests.chest import HEART, LEFT_LUNG, picture
from train import gate_margins

pytest_plugins = ["tests.small_models"]


@pytest.fixture
def folder(tmp_path):
    for name, brightness in (("a.png", 1.0), ("b.png", 0.5)):
        pixels = np.round(255 * brightness * picture()).astype(np.uint8)
        (tmp_path / name).write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return tmp_path


def test_every_limit_stands_beside_what_films_have(folder, models, monkeypatch, capsys):
    monkeypatch.setattr(gate_margins, "load_models", lambda weights: models)
    gate_margins.main(gate_margins.Config(films=(folder,)))
    head, _, *table = capsys.readouterr().out.splitlines()
    assert head == "2 films; on 0 no heart or no lung was found."
    rows = {
        cells[1].strip(): [cell.strip() for cell in cells[2:-1]] for cells in (line.split("|") for line in table[2:])
    }
    assert len(rows) == len(gate_margins.LIMITS)
    assert rows["chest distance"] == ["", "1", "0.5", "0.5", "0.5", "0 of 2"]
    assert rows["heart area"][:2] == ["0.008", "0.3"]
    assert float(rows["heart area"][3]) == pytest.approx(HEART.mean(), rel=0.01)
    assert rows["plain white"][5] == "0 of 2"


def test_a_film_beyond_a_limit_is_the_one_that_is_refused(folder, models, monkeypatch):
    small = LEFT_LUNG & (np.cumsum(LEFT_LUNG).reshape(LEFT_LUNG.shape) % 40 == 0)
    found = replace(admission.segment_film(), left_lung_mask=small)
    monkeypatch.setattr(admission, "segment_film", lambda *_: found)
    film = load_radiograph(folder / "a.png")
    seen = gate_margins.measure(folder / "a.png", models)
    assert seen["left_lung_area"] < anatomy.LEAST_LUNG_AREA
    (line,) = [line for line in gate_margins.make_table([seen]) if line.startswith("| left lung area")]
    assert line.endswith("| 1 of 1 |")
    refused = [
        check for check in judge_film(film, stretch_contrast(film.pixels), found, None) if check.verdict == "refused"
    ]
    assert [check.name for check in refused] == ["anatomy"]


def test_without_hearts_there_is_no_table(folder, models, monkeypatch):
    found = admission.segment_film()
    nothing = replace(found, heart_mask=np.zeros_like(found.heart_mask))
    monkeypatch.setattr(admission, "segment_film", lambda *_: nothing)
    monkeypatch.setattr(gate_margins, "load_models", lambda weights: models)
    with pytest.raises(DataError, match="On none of these films"):
        gate_margins.main(gate_margins.Config(films=(folder,)))
