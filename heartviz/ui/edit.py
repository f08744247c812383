"""Edit the heart: brush, grow, shrink and move it; ratio and all answers follow, and a turned answer is warned of."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from heartviz import plots
from heartviz.errors import QuestionError
from heartviz.interventions.regions import grow_mask, move_mask, read_strokes
from heartviz.records import ARMS, TASK_CLASSES, Report
from heartviz.ui import paint, panels
from heartviz.ui.engine import Engine
from heartviz.ui.faults import words_of
from heartviz.ui.held import HeldReport
from heartviz.ui.pictures import MODEL_QUEUE
from heartviz.ui.session import Session
from heartviz.ui.words import TASK_NAMES
from heartviz.words import describe_edit

Mask = NDArray[np.bool_]
STEP_RATIO = 0.01  # of the film's shorter side, a press
STEPS: dict[str, Callable[[Mask, int], Mask]] = {
    "Grow": grow_mask,
    "Shrink": lambda mask, px: grow_mask(mask, -px),
    "Up": lambda mask, px: move_mask(mask, -px, 0),
    "Down": lambda mask, px: move_mask(mask, px, 0),
    "Left": lambda mask, px: move_mask(mask, 0, -px),
    "Right": lambda mask, px: move_mask(mask, 0, px),
}
_HOW = (
    "Paint in turquoise what belongs to the heart, in red what doesn't, then apply it; or grow, shrink and move the "
    "outline, 1 % of the film a press. The cardiothoracic ratio, what VGG+Mask is shown, and the answers follow. "
    "Nothing is segmented again."
)


@dataclass(frozen=True)
class EditPanel:
    """What the page needs of the panel: how to open it for a film, and the events that change the heart."""

    open: Callable[[HeldReport | None], tuple[str, str]]
    outputs: list[Any]
    events: list[Any]


def edit_heart(engine: Engine, session: Session, held: HeldReport | None, change: Callable[[Mask], Mask]) -> str:
    """What changing the heart's mask does, in words; the held film keeps the edited heart, or the one before it."""
    found = None if held is None else held.report
    if found is None:
        return panels.error_banner("Analyze a film first.", "No film to edit.")
    before = held.edited or found
    try:
        edited = engine.replace_heart(before, change(before.segmentation.heart_mask))
    except Exception as error:
        return panels.error_banner(words_of(error), "The heart was left as it was.")
    session.shelf.keep_edited(edited, held)
    return words_of_edit(found, edited)


def apply_strokes(mask: Mask, strokes: str | None) -> Mask:
    """The mask with what was painted, a `data:` address; raises QuestionError where it is nothing or can't be read."""
    added, removed = read_strokes(paint.read_painted(strokes), mask.shape)
    if not (added | removed).any():
        raise QuestionError("Nothing is painted. Paint on the film, then apply it.")
    return (mask | added) & ~removed


def words_of_edit(found: Report, edited: Report) -> str:
    """Ratio and answers with the edited heart beside those with the heart that was found."""
    sentence, warned = describe_edit(found, edited)
    kind = "hv-error" if warned else "hv-note"
    ratios = _pair(found, edited, lambda report: f"{report.cardiothoracic.ratio:.2f}")
    rows = f"<tr><th scope='row'>Cardiothoracic ratio</th>{ratios}</tr>"
    for task in TASK_CLASSES:
        for arm in ARMS:
            cells = _pair(found, edited, partial(_answer, task=task, arm=arm))
            rows += f"<tr><th scope='row'>{plots.ARM_NAMES[arm]}: {escape(TASK_NAMES[task])}</th>{cells}</tr>"
    notes = "".join(panels.threshold_note(found.predictions[task], edited.predictions[task]) for task in TASK_CLASSES)
    return (
        f'<div class="hv-banner {kind}" role="status">{escape(sentence)}</div><div class="hv-shares"><table '
        'data-testid="edited"><thead><tr><td></td><th scope="col">as found</th><th scope="col">as edited</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div>{notes}"
    )


def _pair(found: Report, edited: Report, say: Callable[[Report], str]) -> str:
    return f"<td>{escape(say(found))}</td><td><b>{escape(say(edited))}</b></td>"


def _answer(report: Report, task: str, arm: str) -> str:
    prediction = report.predictions[task][arm]
    return f"{prediction.label} {panels.percent(prediction.probabilities[prediction.label])}"


def add_edit_panel(engine: Engine, session: Session) -> EditPanel:
    """Adds the panel to the page that is being built, and its events."""
    with gr.Column(elem_classes="hv-panel"):
        gr.HTML(f'<h2>4. Edit the heart</h2><p class="hv-caption">{_HOW}</p>')
        with gr.Row():
            with gr.Column(scale=3, min_width=300):
                surface, painted = gr.HTML(), gr.Textbox(visible=False)
            with gr.Column(scale=2, min_width=280):
                gr.HTML(paint.draw_brushes())
                apply = gr.Button("Apply what I painted", variant="primary")
                with gr.Row(elem_classes="hv-steps"):
                    steps = {name: gr.Button(name, size="sm", min_width=80) for name in STEPS}
                reset = gr.Button("Back to the heart that was found")
                words = gr.HTML()

    def canvas(held: HeldReport | None) -> str:
        report = None if held is None else held.edited or held.report
        return "" if report is None else paint.draw_surface(report)

    def on_open(held: HeldReport | None) -> tuple[str, str]:
        known = held is not None and held.report is not None and held.edited is not None
        return canvas(held), words_of_edit(held.report, held.edited) if known else ""

    def on_paint(held: HeldReport | None, strokes: str | None) -> tuple[str, str]:
        said = edit_heart(engine, session, held, partial(apply_strokes, strokes=strokes))
        return canvas(held), said

    def on_step(name: str, held: HeldReport | None) -> tuple[str, str]:
        def change(mask: Mask) -> Mask:
            return STEPS[name](mask, max(1, round(STEP_RATIO * min(mask.shape))))

        said = edit_heart(engine, session, held, change)
        return canvas(held), said

    def on_reset(held: HeldReport | None) -> tuple[str, str]:
        if held is not None:
            session.shelf.keep_edited(None, held)
        return canvas(held), ""

    outputs = [surface, words]
    queue = {**MODEL_QUEUE, "outputs": outputs, "show_progress_on": [words]}
    events = [
        apply.click(on_paint, [session.held, painted], js=paint.SEND, **queue),
        reset.click(on_reset, [session.held], **queue),
    ]
    for name, button in steps.items():
        events.append(button.click(partial(on_step, name), [session.held], **queue))
    return EditPanel(on_open, outputs, events)
