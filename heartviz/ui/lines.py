"""The ratio's two lines on the film: drawn so that their ends can be moved, and the ratio by where they were moved to.

`lines.js` moves them, and writes the columns into a hidden box, whose event brings them here. Without scripts they
show what was measured.
"""

import json
from typing import Any

import gradio as gr

from heartviz import plots
from heartviz.errors import QuestionError
from heartviz.measure import move_lines
from heartviz.records import Report
from heartviz.ui import panels
from heartviz.ui.held import HeldReport, Shelf

ANSWER_ID = "hv-lines"
_COLOURS = {"heart": plots.HEART_COLOUR, "thorax": plots.WIDTH_COLOUR}


def draw_lines(report: Report) -> str:
    """HTML of both lines, to lie on the film; their ends are sliders in the film's columns."""
    height, width = report.radiograph.pixels.shape
    ratio, found = report.shown_ratio, report.cardiothoracic
    drawn = ""
    for name, row in (("heart", ratio.heart_row), ("thorax", ratio.thorax_row)):
        cols = getattr(ratio, f"{name}_cols")
        first, last = getattr(found, f"{name}_cols")
        place = (
            f"--hv-first:{cols[0] / width:.6f};--hv-end:{(cols[1] + 1) / width:.6f};--hv-row:{(row + 0.5) / height:.6f}"
        )
        ends = "".join(
            f'<span class="hv-end" role="slider" tabindex="0" data-end="{end}" aria-label="{name.capitalize()}: '
            f'{side} end of its width" aria-valuemin="0" aria-valuemax="{width - 1}" aria-valuenow="{cols[end]}" '
            f'aria-valuetext="column {cols[end]}"></span>'
            for end, side in enumerate(("left", "right"))
        )
        drawn += (
            f'<div class="hv-line" data-line="{name}" data-found="{first},{last}" '
            f'style="{place};--hv-colour:{plots.hex_colour(_COLOURS[name])}">{ends}</div>'
        )
    return f'<div class="hv-lines" data-shown="outlines" data-width="{width}">{drawn}</div>'


def tell_ratio(report: Report) -> str:
    """HTML of the ratio by the lines, which changes while they are moved, and the button that puts them back."""
    hidden = "" if report.moved else " hidden"
    return (
        '<div class="hv-tools hv-by-lines" data-shown="outlines"><span>Cardiothoracic ratio by the lines</span> '
        f'<output data-testid="ratio-by-lines">{report.shown_ratio.ratio:.2f}</output>'
        f'<button type="button" class="hv-put-back"{hidden}>Put the lines back</button></div>'
    )


def move(shelf: Shelf, held: HeldReport | None, columns: str) -> Any:
    """The ratio panel by lines at these columns, which are held with the film; nothing where there is no film.

    `columns` is JSON, {"heart": [first, last], "thorax": [first, last]}; without them the lines are put back.
    """
    report = None if held is None else held.report
    if report is None:
        return gr.skip()
    shelf.keep_lines(_read(report, columns), held)
    return panels.ratio_panel(held.report)


def _read(report: Report, columns: str) -> Any:
    try:
        given = json.loads(columns)
        if "heart" not in given:
            return None
        (a, b), (c, d) = ([int(col) for col in given[name]] for name in _COLOURS)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise QuestionError("The lines could not be read. Move them again.") from error
    return move_lines(report.cardiothoracic, (a, b), (c, d), report.radiograph.pixels.shape[1])


def add_answer() -> gr.Textbox:
    """The hidden box that the lines' columns come through."""
    return gr.Textbox(elem_id=ANSWER_ID, elem_classes="hv-fetch", show_label=False, container=False)


def wire(shelf: Shelf, held: gr.State, answer: gr.Textbox, ratio: gr.HTML) -> None:
    """Has moved lines change the ratio panel of the page that is being built."""

    def on_move(of: HeldReport | None, columns: str) -> Any:
        try:
            return move(shelf, of, columns)
        except QuestionError as error:
            raise gr.Error(str(error), print_exception=False) from None

    # Gradio 6.31 tells of a textbox's "input" when a key is pressed, of its "change" whenever it has another text.
    answer.change(on_move, [held, answer], ratio, queue=False, show_progress="hidden", api_visibility="private")
