"""The Audit page: sections of a made-up audit in their places, outliers to choose, and words where there is none."""

import asyncio

import gradio as gr
import pytest

from heartviz.audit import summarise
from heartviz.audit_report import list_sections
from heartviz.errors import DataError
from heartviz.ui.audit import PLACES, WITH_OUTLIERS, Shelf, _add_panel, fill_page
from tests.test_audit import make_audit, two_kinds


class FakeEngine:
    """Counts how often an audit is asked for."""

    def __init__(self, audits):
        self.audits, self.asked = audits, 0

    def audit(self, task):
        self.asked += 1
        found = self.audits.get(task)
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def places():
    async def build():
        with gr.Blocks(analytics_enabled=False):
            return [_add_panel(most, place in WITH_OUTLIERS) for place, most in enumerate(PLACES)]

    return asyncio.run(build())


def test_every_section_has_its_place():
    sections = list_sections(summarise(make_audit(two_kinds())))
    assert len(sections) == len(PLACES)
    for place, (section, most) in enumerate(zip(sections, PLACES, strict=True)):
        assert len(section.figures) <= most
        assert bool(section.outliers) == (place in WITH_OUTLIERS)
    kinds = sections[WITH_OUTLIERS[0]]
    name, figure = kinds.outliers[0]
    assert name.startswith("line ")
    assert ", called " in name
    # The spot of a film's map is brighter than an even map by far, on the film's own scale.
    assert figure.data[0].zmax == pytest.approx(figure.data[0].z.max())
    assert [trace.type for trace in figure.data] == ["heatmap", "contour", "contour"]


def test_page_is_filled_once_and_outliers_are_shown(places):
    engine = FakeEngine({"heart_size": make_audit(two_kinds())})
    shelf = Shelf(engine)
    outputs = [part for panel in places for part in panel.outputs]
    filled = fill_page(shelf, places, "heart_size", None)
    assert filled[0] == "heart_size"
    assert "24 films: 12 Normal, 12 Enlarged" in filled[1]
    assert "hand-drawn outlines" in filled[1]
    assert len(filled) == 2 + len(outputs)
    words = [value for part, value in zip(outputs, filled[2:], strict=True) if isinstance(part, gr.HTML)]
    assert all(text.startswith("<h2>") for text in words)
    assert "AUROC" in words[0]
    plots = [value for part, value in zip(outputs, filled[2:], strict=True) if isinstance(part, gr.Plot)]
    assert sum(update["visible"] for update in plots) == 1 + 1 + 3 + 1 + 1 + 3 + 3 * (1 + 2 + 1) + 1
    again = fill_page(shelf, places, "heart_size", "heart_size")
    assert len(again) == len(filled)
    shown = shelf.outlier("heart_size", WITH_OUTLIERS[0], 1)
    assert shown is shelf.read("heart_size")[1][WITH_OUTLIERS[0]].outliers[1][1]
    assert engine.asked == 1


def test_missing_and_broken_audits_are_told_and_tried_again(places):
    audits = {"heart_size": DataError("a.jsonl holds no audit.")}
    shelf = Shelf(FakeEngine(audits))
    shown, words, *updates = fill_page(shelf, places, "congenital", None)
    assert shown is None
    assert "python -m train.audit --data DIR --out weights" in words
    assert not any(update["visible"] for update in updates if isinstance(update, dict))
    assert "holds no audit" in fill_page(shelf, places, "heart_size", None)[1]
    audits["heart_size"] = make_audit(two_kinds())
    assert "24 films" in fill_page(shelf, places, "heart_size", None)[1]
    audits["congenital"] = make_audit(two_kinds()[:1])
    assert "healthy and ill" in fill_page(shelf, places, "congenital", None)[1]


def test_few_films_leave_no_outliers(places):
    filled = fill_page(Shelf(FakeEngine({"heart_size": make_audit(two_kinds()[6:20])})), places, "heart_size", None)
    assert sum("Too few maps" in update for update in filled if isinstance(update, str)) == 3
