"""Audits of held-out films: what is listed, and both files made by small models on the drawn chest."""

import numpy as np
import pytest

from heartviz.audit import read_audit
from heartviz.records import TASK_CLASSES
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, picture
from train import audit
from train.audit import Config, list_congenital, list_heart_size, main

pytest_plugins = ["tests.small_models"]


class DrawnFilm:
    """The drawn chest as a film of a source, with its heart or a wider one."""

    def __init__(self, source, heart_mask=HEART):
        self.source, self._heart_mask = source, heart_mask

    def read_pixels(self):
        return picture()

    def read_masks(self):
        return np.stack([self._heart_mask, LEFT_LUNG, RIGHT_LUNG])


def narrow_heart():
    """The drawn heart's middle, 81 columns wide."""
    return HEART & (np.abs(np.arange(HEART.shape[1]) - 150) <= 40)[None]


def test_heart_size_is_labelled_by_the_masks():
    # The lungs are 191 columns wide, the drawn heart 101: 0.53; its middle 81: 0.42.
    films = [DrawnFilm("jsrt"), DrawnFilm("wingspan", narrow_heart())]
    listed = list_heart_size(films)
    assert [(of.line, of.label, of.group) for of in listed] == [(1, "Enlarged", "jsrt"), (2, "Normal", "wingspan")]


def test_congenital_films_are_drawn_in_every_class_and_alike_again():
    listed = list_congenital([DrawnFilm("jsrt"), DrawnFilm("wingspan")], seed=9)
    assert [of.line for of in listed] == list(range(1, 9))
    assert [of.label for of in listed[4:]] == list(TASK_CLASSES["congenital"])
    normal, vsd = listed[0].source(), listed[1].source()
    np.testing.assert_array_equal(vsd, list_congenital([DrawnFilm("jsrt")], seed=9)[1].source())
    assert not np.array_equal(normal, vsd)
    assert not np.array_equal(vsd, list_congenital([DrawnFilm("jsrt")], seed=10)[1].source())


def test_both_files_are_written_and_kept(models, monkeypatch, tmp_path, capsys):
    films = [DrawnFilm("jsrt"), DrawnFilm("wingspan", narrow_heart())]
    monkeypatch.setattr(audit, "read_films", lambda _: films)
    monkeypatch.setattr(audit, "read_splits", lambda _: {})
    monkeypatch.setattr(audit, "films_of", lambda given, *_: given)
    monkeypatch.setattr(audit, "hash_films", lambda given: str(len(given)))
    monkeypatch.setattr(audit, "load_models", lambda _: models)
    config = Config(data=tmp_path, out=tmp_path / "out", methods=("sensitivity",))
    main(config)
    congenital = read_audit(tmp_path / "out" / "audit_congenital.jsonl")
    assert [film.label for film in congenital.films] == [*TASK_CLASSES["congenital"]] * 2
    assert {film.group for film in congenital.films} == {"jsrt", "wingspan"}
    assert "SIMULATED" in congenital.about
    heart_size = read_audit(tmp_path / "out" / "audit_heart_size.jsonl")
    assert len(heart_size.films) == 2
    assert "0.50" in heart_size.about
    assert "audit_congenital.jsonl: 8 films, 0 refused" in capsys.readouterr().out
    assert not list((tmp_path / "out").glob("*.part"))
    monkeypatch.setattr(audit, "audit_films", lambda *_: pytest.fail("it was there already"))
    main(config)
