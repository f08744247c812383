"""The gate's limits set by films: how far the tails are lengthened, what spoils a film, and which films tell."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from heartviz import admission
from heartviz.errors import DataError
from heartviz.gate import judge_film
from heartviz.manifest import GATE_LIMITS, read_gate_limits
from heartviz.preprocess import stretch_contrast
from heartviz.radiograph import load_radiograph
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, picture
from tests.limits import GATE, LIMITS
from train import gate_limits
from train.spoil import SPOILS, Harm, compare_hearts, last_harmless

pytest_plugins = ["tests.small_models"]


def film_with(rng: np.random.Generator) -> dict[str, float]:
    """What might be measured on a film: each number drawn around a half, areas and parts astray small."""
    small = ("_area", "_stray")
    return {
        name: float(np.exp(rng.normal(-3, 0.2)) if name.endswith(small) else np.clip(rng.normal(0.5, 0.05), 0, 0.99))
        for name in gate_limits.SIDES
    } | {"chest_distance": 0.6}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    for number, brightness in enumerate((1.0, 0.9, 0.8, 0.7)):
        pixels = np.round(255 * brightness * picture()).astype(np.uint8)
        (folder / f"{number}.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return folder


def test_ends_lie_so_much_further_out_than_the_last_hundredth():
    # 0 to 100 evenly: the last hundredths begin at 1 and 99, 49 from the median; twice that is 98.
    values = list(range(101))
    assert gate_limits.set_ends("heart_down", values, 2, "both") == (-48.0, 148.0)
    assert gate_limits.set_ends("heart_down", values, 1, "low") == (1.0, None)
    # By logarithm: from 1 to 10, then as much again.
    assert gate_limits.set_ends("heart_area", [0.1] * 2 + [1.0] * 96 + [10.0] * 2, 2, "both") == (0.01, 100.0)
    # Certainty 0.9 around 0.99: a tenth of what is missing, and a tenth of that.
    assert gate_limits.set_ends("heart_certainty", [0.9] * 2 + [0.99] * 98, 2, "low") == (0.0, None)
    # Rounded to three digits, and outwards.
    assert gate_limits.set_ends("heart_down", [0.12345] * 9, 1, "both") == (0.123, 0.124)


def test_the_least_widening_is_taken_that_keeps_films_left_out():
    rng = np.random.default_rng(0)
    films = [film_with(rng) for _ in range(200)]
    widening, inside = gate_limits.widen(films, 0.95)
    assert inside >= 0.95
    assert 1 < widening < 4
    assert gate_limits.widen(films, 1.0)[0] > widening
    limits = gate_limits.set_all(films, widening)
    assert sum(gate_limits.within(film, limits) for film in films) / len(films) >= inside
    with pytest.raises(DataError, match="With no limits do 100.0% of the 201 films pass"):
        gate_limits.widen([*films, films[0] | {"heart_down": 50.0}], 1.0)


def test_exposure_is_limited_before_it_harms():
    def steps(*harms):
        return [Harm(step, (dice,) * 10, changed) for step, dice, changed in harms]

    harms = {
        "plain_white": steps((0.1, 1.0, 0.0), (0.2, 0.95, 0.2), (0.3, 0.85, 0.5)),
        "plain_black": steps((0.1, 1.0, 0.0), (0.2, 0.95, 0.1), (0.3, float("nan"), 1.0)),
        "gray_levels": steps((64, 1.0, 0.05), (32, 0.91, 0.3), (16, 0.5, 0.3)),
        "gray_range": steps((0.2, 1.0, 0.0), (0.1, 0.8, 0.0)),
        "longer_side_px": steps((320, 1.0, 0.0), (256, 0.3, 0.02), (128, 0.0, 0.6)),
    }
    refused, warned = gate_limits.set_exposure(harms)
    assert refused == {
        "plain_white": (None, 0.2),
        "plain_black": (None, 0.2),
        "gray_levels": (32, None),
        "gray_range": (0.2, None),
    }
    assert warned == {
        "plain_white": (None, 0.1),
        "plain_black": (None, 0.2),
        "gray_levels": (64, None),
        "longer_side_px": (256, None),
    }
    with pytest.raises(DataError, match="mildest step of plain_white harms"):
        gate_limits.set_exposure(harms | {"plain_white": steps((0.1, 0.5, 0.0))})
    # The first harm decides, whatever comes after it.
    assert last_harmless(steps((3, 1, 0), (2, 0, 0), (1, 1, 0)), lambda harm: harm.lost(0.9) > 0) == 3


def test_spoilt_films_have_what_the_gate_measures():
    rng = np.random.default_rng(0)
    pixels = np.clip(picture() + rng.normal(0, 0.02, picture().shape), 0.05, 0.95).astype(np.float32)
    found = replace(admission.Segmentation(*_masks()), lateral_prob=0.1)
    inside = pixels[found.heart_mask | found.lungs_mask]
    for name, step in (("plain_white", 0.3), ("plain_black", 0.3), ("gray_levels", 12), ("gray_range", 0.1)):
        measured = gate_limits.exposure.measure_exposure(SPOILS[name][0](pixels, inside, step), found)
        # A gray level of 8 bits is 0.004; ties at the cut add a few pixels; a level may be one that no pixel has.
        assert measured[name] == pytest.approx(step, abs=1 if name == "gray_levels" else 0.01), name
    small = SPOILS["longer_side_px"][0](pixels, inside, 150)
    assert small.shape == (150, 128)  # 257 * 150 / 301
    half = replace(found, heart_mask=np.ascontiguousarray(found.heart_mask[::2, ::2]))
    assert compare_hearts(found, half) > 0.95


def _masks():
    masks = (HEART, LEFT_LUNG, RIGHT_LUNG)
    return (*(mask.astype(np.float32) for mask in masks), *masks)


def test_what_is_written_is_what_a_release_takes(folder, models, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(gate_limits, "load_models", lambda weights: models)
    object.__setattr__(models, "manifest", {"gate": GATE})
    object.__setattr__(models, "sha256", {"segmenter": "a", "view": "b", "chest": "c"})
    harmless = {name: [Harm(step, (1.0,), 0.0) for step in steps] for name, (_, steps) in SPOILS.items()}
    given = []
    monkeypatch.setattr(gate_limits, "measure_harm", lambda films, _: given.extend(films) or harmless)
    gate_limits.main(gate_limits.Config(out=tmp_path / "run", films=(folder,), kept=0.5, spoilt=1))
    results = json.loads((tmp_path / "run" / "gate_results.json").read_text())
    assert {kind: tuple(results[kind]) for kind in GATE_LIMITS} == dict(GATE_LIMITS)
    assert results["films"] == {"set": 2, "spoilt": 1, "told": 2}
    assert len(given) == 1
    assert results["models"] == {"segmenter": "a", "view": "b", "chest": "c"}
    assert results["refused"]["lateral_distance"] == [None, 1.6]
    limits = read_gate_limits({"gate": results})
    film = load_radiograph(folder / "1.png")
    assert not limits.refuses("heart_area", float(HEART.mean()))
    head, _, _, _, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith("2 films set the limits (widening 1;")
    assert len(rows) == len(GATE_LIMITS["refused"]) - 1
    checks = judge_film(film, stretch_contrast(film.pixels), admission.segment_film(), None, limits)
    assert [check.verdict for check in checks[:4]] == ["passed"] * 4


def test_a_film_beyond_a_limit_is_the_one_that_is_refused(folder, models, monkeypatch):
    small = LEFT_LUNG & (np.cumsum(LEFT_LUNG).reshape(LEFT_LUNG.shape) % 40 == 0)
    found = replace(admission.segment_film(), left_lung_mask=small)
    monkeypatch.setattr(admission, "segment_film", lambda *_: found)
    film = load_radiograph(folder / "0.png")
    seen = gate_limits.measure(folder / "0.png", models)
    ends = {"left_lung_area": LIMITS.refused["left_lung_area"]}
    assert not gate_limits.within(seen, ends)
    assert list(gate_limits.make_table([seen], ends))[2].endswith("| 1 of 1 |")
    checks = judge_film(film, stretch_contrast(film.pixels), found, None, LIMITS)
    assert [check.name for check in checks if check.verdict == "refused"] == ["anatomy"]


def test_a_film_from_the_side_may_lie_as_far_off_as_those_that_set_the_limit(folder, models, monkeypatch):
    seen = iter((1.234, 1.1))
    found = admission.segment_film()
    monkeypatch.setattr(admission, "segment_film", lambda *_: replace(found, chest_distance=next(seen)))
    # Every second of four; three digits, outwards.
    assert gate_limits.set_laterals(folder, models) == (None, 1.24)


def test_what_can_not_set_limits_is_told(folder, models, monkeypatch, tmp_path):
    monkeypatch.setattr(gate_limits, "load_models", lambda weights: models)
    with pytest.raises(DataError, match="No films: give --films, --data, or both"):
        gate_limits.main(gate_limits.Config(out=tmp_path))
    found = admission.segment_film()
    nothing = replace(found, heart_mask=np.zeros_like(found.heart_mask))
    monkeypatch.setattr(admission, "segment_film", lambda *_: nothing)
    (folder / "page.png").write_text("<html>")
    with pytest.raises(DataError, match="On none of these films"):
        gate_limits.main(gate_limits.Config(out=tmp_path, films=(folder,)))
