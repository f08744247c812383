"""The Turn the knobs page: a drawn patient from sliders, and whether each model's answer follows the anatomy or not."""

from collections.abc import Callable
from html import escape
from typing import Any

import gradio as gr

from heartviz import plots
from heartviz.knobs import DRAWN, KNOBS, KnobCurve, Settings
from heartviz.phantom import KINDS
from heartviz.plots.figures import plot_knob_curve
from heartviz.records import ARMS, TASK_CLASSES, Report
from heartviz.ui import panels
from heartviz.ui.engine import Engine
from heartviz.ui.faults import words_of
from heartviz.ui.pictures import MODEL_QUEUE, add_image
from heartviz.ui.session import Session
from heartviz.ui.words import NOT_A_DEVICE, TASK_NAMES, TASK_NOTES

View = dict[str, Any]
DISEASES = tuple(kind for kind in KINDS if kind != "Normal")
TASK = "congenital"
# A probability that rises by more than this, from one end of a knob to the other, follows it.
FOLLOWS_POINTS = 20
MOST_PATIENTS = 2**31 - 1
PICTURES = ("film", *(f"map_{arm}" for arm in ARMS))
_HOW = (
    "A thorax in three dimensions, X-rayed by computation. Every knob changes one thing and nothing else: a model that "
    "reads the anatomy should follow severity, and stay where it is when only the exposure or a marker changes. The "
    "models learnt from real films with signs drawn in: whether they follow a patient drawn whole is what you see here."
)


def turn(engine: Engine, task: str, *chosen: Any) -> View:
    """The drawn film with its true outlines, every model's answer and its map, or the reason why there is none."""
    settings = read_settings(*chosen)
    target = target_of(task, settings)
    try:
        report = engine.turn_knobs(settings, task, target)
    except Exception as error:
        failed = panels.error_banner(words_of(error), "This patient could not be drawn.")
        return {**dict.fromkeys((*PICTURES, *(f"answer_{arm}" for arm in ARMS))), "says": failed}
    maps = plots.plot_model_maps(report.explanation, report.segmentation)
    words = escape(describe(report, settings, task))
    view: View = {
        "film": gr.update(value=plots.plot_overlay(report), alt_text=panels.overlay_alt(report)),
        "says": f'<p class="hv-finding" role="status" data-testid="knobs">{words}</p>'
        f'<p class="hv-caption">{escape(TASK_NOTES[task])}</p>',
    }
    for arm in ARMS:
        view[f"answer_{arm}"] = panels.answer_card(report, task, arm)
        view[f"map_{arm}"] = gr.update(value=maps.pictures[arm], alt_text=panels.map_alt(report.explanation, arm))
    return view


def read_settings(patient: float | None, *others: Any) -> Settings:
    """The page's sliders as Settings; an emptied patient number is the first patient's, a minus sign is dropped."""
    return Settings(Settings.patient if patient is None else min(abs(round(patient)), MOST_PATIENTS), *others)


def target_of(task: str, settings: Settings) -> str:
    """The drawn disease where the task has it, else the task's ill class."""
    return settings.kind if settings.kind in TASK_CLASSES[task] else TASK_CLASSES[task][-1]


def describe(report: Report, settings: Settings, task: str) -> str:
    """What was drawn and what each model says of it."""
    target = report.explanation.target_class
    drawn = f"{settings.kind}, severity {settings.severity:.2f}" if settings.severity else "no disease"
    said = ", ".join(
        f"{plots.ARM_NAMES[arm]} {panels.percent(report.predictions[task][arm].probabilities[target])}" for arm in ARMS
    )
    return f"Drawn: {drawn}; cardiothoracic ratio {report.cardiothoracic.ratio:.2f}. Says {target}: {said}."


def curve(engine: Engine, task: str, knob: str, tell: Callable[[float, str], None], *chosen: Any) -> View:
    """Every model's answer against one knob, as a figure and in words."""
    settings = read_settings(*chosen)
    try:
        drawn = engine.draw_knob_curve(settings, task, target_of(task, settings), knob, tell)
    except Exception as error:
        return {"curve": gr.update(value=None, visible=False), "curve_says": panels.error_banner(words_of(error))}
    return {
        "curve": gr.update(value=plot_knob_curve(drawn), visible=True),
        "curve_says": f'<p class="hv-caption">{escape(describe_curve(drawn))}</p>',
    }


def describe_curve(drawn: KnobCurve) -> str:
    """The curve's ends, and how far each model moved on the way, in points between the whole percents of the curve."""
    label = KNOBS[drawn.knob].label
    said, follow = [], []
    for arm in ARMS:
        values, shown = drawn.probability[arm], [round(100 * value) for value in drawn.probability[arm]]
        said.append(
            f"{plots.ARM_NAMES[arm]} from {panels.percent(values[0])} to {panels.percent(values[-1])} (moves by "
            f"{max(shown) - min(shown)} points on the way)"
        )
        if shown[-1] - shown[0] > FOLLOWS_POINTS:
            follow.append(plots.ARM_NAMES[arm])
    low, high = drawn.values[0], drawn.values[-1]
    verdict = f"Rises by more than {FOLLOWS_POINTS} points: {', '.join(follow) or 'no model'}."
    return (
        f"{label} from {low:g} to {high:g}, {KNOBS[drawn.knob].says}. {drawn.target_class}: {'; '.join(said)}. "
        f"{verdict} Cardiothoracic ratio {drawn.ratios[0]:.2f} to {drawn.ratios[-1]:.2f}."
    )


def build_knobs_page(engine: Engine, session: Session, tab: gr.Tab) -> None:
    """Adds the page to the Blocks that are being built; the first patient is drawn when the page is opened."""
    parts: dict[str, Any] = {}
    first = Settings()
    with gr.Row(elem_classes="hv-page"):
        with gr.Column(scale=1, min_width=290, elem_classes="hv-side"):
            task = gr.Radio([(name, key) for key, name in TASK_NAMES.items()], value=TASK, label="Question")
            patient = gr.Number(first.patient, label="Patient number", precision=0)
            age = gr.Slider(0, 90, first.age_years, step=1, label="Age in years")
            kind = gr.Dropdown(list(DISEASES), value=first.kind, label="Disease", filterable=False)
            sliders = {
                name: gr.Slider(of.low, of.high, getattr(first, name), step=of.step, label=of.label, info=of.says)
                for name, of in KNOBS.items()
            }
            marker = gr.Checkbox(first.marker, label="Side marker in the corner")
        with gr.Column(scale=4, min_width=320, elem_classes="hv-main"):
            gr.HTML(
                f'<div class="hv-device" role="note">{escape(NOT_A_DEVICE)} {escape(DRAWN)}</div>'
                f'<p class="hv-caption">{_HOW}</p>'
            )
            parts["says"] = gr.HTML()
            with gr.Row():
                with gr.Column(scale=3, min_width=300):
                    parts["film"] = add_image()
                for arm in ARMS:
                    with gr.Column(scale=2, min_width=200):
                        parts[f"answer_{arm}"] = gr.HTML()
                        parts[f"map_{arm}"] = add_image()
            with gr.Column(elem_classes="hv-panel"):
                gr.HTML("<h2>The answer against one knob</h2>")
                with gr.Row(elem_classes="hv-bench"):
                    knob = gr.Dropdown(
                        [(of.label, name) for name, of in KNOBS.items()], value="severity", label="Knob",
                        filterable=False,
                    )  # fmt: skip
                    draw = gr.Button("Draw the curve", variant="primary")
                parts["curve_says"] = gr.HTML()
                parts["curve"] = gr.Plot(show_label=False, container=False, visible=False)

    chosen = [patient, age, kind, *sliders.values(), marker]

    def by_component(view: View) -> dict[Any, Any]:
        return {parts[name]: update for name, update in view.items()}

    def on_turn(*given: Any) -> dict[Any, Any]:
        return by_component(turn(engine, *given))

    def on_curve(
        asked: str,
        which: str,
        *given: Any,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> dict[Any, Any]:
        return by_component(curve(engine, asked, which, lambda done, words: progress(done, desc=words), *given))

    queue = {**MODEL_QUEUE, "outputs": list(parts.values()), "trigger_mode": "always_last"}
    tab.select(on_turn, [task, *chosen], show_progress_on=parts["film"], **queue)
    turned = [sliders[name].release for name in KNOBS] + [age.release, marker.input, kind.input, task.input]
    for event in (*turned, patient.submit, patient.blur):
        event(on_turn, [task, *chosen], show_progress_on=parts["film"], **queue)
    draw.click(on_curve, [task, knob, *chosen], show_progress_on=parts["curve_says"], **queue)
