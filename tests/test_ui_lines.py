"""The ratio's lines on the page without a browser: where they lie, what moving them does, what is refused."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest

from heartviz.errors import QuestionError
from heartviz.report import report_to_dict
from heartviz.take_home.paper import write_paper
from heartviz.ui import lines, maps
from heartviz.ui.held import Shelf
from tests.drawn_report import make_report


@pytest.fixture
def report():
    return make_report()


def columns_of(html: str) -> list[int]:
    return [int(column) for column in re.findall(r'aria-valuenow="(\d+)"', html)]


def columns(heart: tuple[int, int], thorax: tuple[int, int]) -> str:
    return json.dumps({"heart": heart, "thorax": thorax, "at": 1})


@pytest.mark.parametrize("slow", ["explain", "add_controls"])
def test_lines_moved_while_maps_are_computed_stay_moved(slow, report):
    shelf = Shelf()
    held, found = shelf.keep(report), report.cardiothoracic
    other = replace(report.explanation, sentence="made meanwhile")
    edited = replace(report, messages=("edited",))

    def compute(*_):
        lines.move(shelf, held, columns((found.heart_cols[0], found.heart_cols[1] + 7), found.thorax_cols))
        shelf.keep_edited(edited, held)
        return other

    engine = SimpleNamespace(**{slow: compute}, replace_heart=lambda film, mask: edited)
    if slow == "explain":
        maps.explain_held(engine, shelf, held, maps.MapChoice("congenital", "VSD", "film"), print)
    else:
        maps.add_controls(engine, shelf, held, True, print)
    assert held.report.moved.heart_cols == (found.heart_cols[0], found.heart_cols[1] + 7)
    assert held.report.explanation is other
    assert held.edited is edited


def test_maps_of_a_film_before_are_not_laid_on_the_one_that_is_held_by_now(report):
    shelf = Shelf()
    held = shelf.keep(report)
    newer = replace(report, radiograph=replace(report.radiograph))

    def compute(*_):
        shelf.keep(newer, held)
        return replace(report.explanation, sentence="of the film before")

    shown, _ = maps.explain_held(
        SimpleNamespace(explain=compute), shelf, held, maps.MapChoice("congenital", "VSD", "film"), print
    )
    assert held.report is newer
    assert shown.explanation.sentence == "of the film before"


def test_lines_lie_where_they_were_measured(report):
    ratio, width = report.cardiothoracic, report.radiograph.pixels.shape[1]
    html = lines.draw_lines(report)
    assert columns_of(html) == [*ratio.heart_cols, *ratio.thorax_cols]
    assert f"--hv-first:{ratio.heart_cols[0] / width:.6f};--hv-end:{(ratio.heart_cols[1] + 1) / width:.6f}" in html
    assert html.count('role="slider"') == 4
    assert " hidden>Put the lines back" in lines.tell_ratio(report)


def test_moved_lines_are_held_with_the_film_and_told_wherever_it_is_told_of(report):
    shelf = Shelf()
    held, found = shelf.keep(report), report.cardiothoracic
    held.edited = edited = replace(report, messages=("edited",))
    heart = (found.heart_cols[0], found.heart_cols[1] + 7)
    panel = lines.move(shelf, held, columns(heart, found.thorax_cols))
    ratio = (heart[1] - heart[0] + 1) / found.thorax_width_px
    assert f'data-testid="ctr">{ratio:.2f}<' in panel
    assert f"moved by hand; by the outlines the ratio is {found.ratio:.3f}" in panel
    assert held.edited is edited
    assert held.report.cardiothoracic == found
    assert columns_of(lines.draw_lines(held.report)) == [*heart, *found.thorax_cols]
    assert " hidden" not in lines.tell_ratio(held.report)
    told = report_to_dict(held.report, None)
    assert told["cardiothoracic_ratio"] == found.ratio
    assert told["moved_by_hand"]["cardiothoracic_ratio"] == ratio
    assert told["moved_by_hand"]["columns"]["heart"] == list(heart)
    said = next(part for part in write_paper(held.report).parts if part.title == "The film, measured").sentences
    assert said[0].startswith(f"Cardiothoracic ratio {ratio:.3f}.")
    assert f"by the outlines the ratio is {found.ratio:.3f}" in said[1]

    panel = lines.move(shelf, held, '{"at": 2}')
    assert f'data-testid="ctr">{found.ratio:.2f}<' in panel
    assert held.report.moved is None
    assert report_to_dict(held.report, None)["moved_by_hand"] is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "could not be read"),
        ("1", "could not be read"),
        ('{"heart": [1]}', "could not be read"),
        ('{"heart": ["a", 2], "thorax": [1, 2]}', "could not be read"),
        ('{"heart": [1, 2, 3], "thorax": [1, 2]}', "could not be read"),
        (columns((9, 8), (1, 90)), "from column 9 to 8"),
        (columns((1, 8), (-1, 90)), "from column -1 to 90"),
        (columns((1, 8), (1, 10**9)), "from column 1 to 1000000000"),
        ('{"heart": [1e999, 2], "thorax": [1, 2]}', "could not be read"),
    ],
)
def test_what_is_no_line_is_refused_and_changes_nothing(report, given, words):
    shelf = Shelf()
    held = shelf.keep(report)
    with pytest.raises(QuestionError, match=words):
        lines.move(shelf, held, given)
    assert held.report.moved is None


def test_without_a_film_nothing_moves(report):
    held = Shelf().keep(report)
    held.forget()
    for none in (None, held):
        assert lines.move(Shelf(), none, columns((1, 2), (1, 3))) == gr.skip()
