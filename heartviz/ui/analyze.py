"""The Analyze page: one film in; outlines, two answers, two sensitivity maps and their shares out."""

import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from heartviz import plots
from heartviz.errors import HeartvizError
from heartviz.phantom import draw_chest
from heartviz.records import ARMS, TASK_CLASSES, GradientFor, Radiograph, Report
from heartviz.ui import panels
from heartviz.ui.engine import Engine, Progress
from heartviz.ui.held import FORGET_AFTER_S, HeldReport, Shelf
from heartviz.ui.words import CLASS_NAMES, GRADIENT_NAMES, GRADIENT_NOTE, TASK_NAMES

DEFAULT_TASK = "congenital"
MODEL_QUEUE = {"concurrency_id": "model", "concurrency_limit": 1, "api_visibility": "private"}
_PICTURES = ("overlay", "seen_plain", "seen_mask", "map_plain", "map_mask")
_WORDS = ("headline", "ratio", "answer_plain", "answer_mask", "answer_note", "map_scale", "shares_summary")
_SHOWN = (*_PICTURES, *_WORDS, "shares_plain", "shares_mask", "shares_plot", "fine_print")
_SCROLL_TO_RESULTS = """() => { if (window.innerWidth < 900) {
  const shown = document.querySelector('#hv-results .hv-headline');
  if (shown) shown.scrollIntoView({block: 'start'}); } }"""

View = dict[str, Any]
Shown = Iterator[dict[Any, Any]]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Example:
    """A film to click on."""

    name: str
    radiograph: Radiograph


def draw_examples() -> tuple[Example, ...]:
    """Two drawn chests, one with a normal and one with an enlarged heart."""
    examples = []
    for name, seed, heart_scale in (("Drawn chest, normal heart", 1, 1.0), ("Drawn chest, enlarged heart", 2, 1.3)):
        pixels = draw_chest(seed, heart_scale)[0]
        size = f"{pixels.shape[1]} x {pixels.shape[0]} px"
        note = "This is a drawn picture, not a patient's film: the models were not made for drawings."
        examples.append(Example(name, Radiograph(pixels, f"{name}, {size}", messages=(note,))))
    return tuple(examples)


def analyze_film(
    engine: Engine,
    shelf: Shelf,
    held: HeldReport | None,
    load: Callable[[], Radiograph],
    task: str,
    gradient_for: GradientFor,
    progress: Progress,
) -> Iterator[View]:
    """First a cleared page, then the whole result of a film, or a cleared page with the reason why there is none."""
    shelf.forget(held)
    yield clear_page(panels.working("Reading the film"))
    try:
        report = engine.analyze(load(), task, None, gradient_for, progress)
        yield {**show_report(engine, report, task), "held": shelf.keep(report)}
    except Exception as error:
        yield clear_page(panels.error_banner(_words_of(error)))


def explain_again(
    engine: Engine,
    shelf: Shelf,
    held: HeldReport | None,
    task: str,
    target_class: str | None,
    gradient_for: GradientFor,
) -> View:
    """The page with other maps of the film it holds, nothing segmented again; class None is VGG+Mask's answer."""
    report = held.report if held is not None else None
    if report is None:
        minutes = FORGET_AFTER_S / 60
        return clear_page(
            panels.error_banner(
                f"A film is forgotten after {minutes:.0f} minutes, or when others need the memory. Drop it again."
            )
        )
    target_class = target_class if target_class in TASK_CLASSES[task] else report.predictions[task]["mask"].label
    try:
        report = replace(report, explanation=engine.explain(report, task, target_class, gradient_for))
        return {**show_report(engine, report, task), "held": shelf.keep(report, held)}
    except Exception as error:
        shelf.forget(held)
        return clear_page(panels.error_banner(_words_of(error)))


def clear_page(status: str) -> View:
    """A page that holds nothing of any film; the upload box is ready for the next one."""
    cleared: View = dict.fromkeys(_SHOWN)
    chooser = gr.update(choices=[], value=None)
    empty = gr.update(visible=True)
    return {
        **cleared, "held": None, "upload": None, "status": status, "target_class": chooser,
        "results": gr.update(visible=False), "empty": empty,
    }  # fmt: skip


def show_report(engine: Engine, report: Report, task: str) -> View:
    """Every panel of the page for this report and task; who holds the report is the caller's to add."""
    explanation, heart_mask = report.explanation, report.segmentation.heart_mask
    pair = plots.plot_sensitivity_pair(explanation, report.segmentation)
    view: View = {
        "upload": None,
        "status": "",
        "empty": gr.update(visible=False),
        "results": gr.update(visible=True),
        "headline": panels.headline(report),
        "overlay": gr.update(value=plots.plot_overlay(report), alt_text=panels.overlay_alt(report)),
        "ratio": panels.ratio_panel(report),
        "answer_note": panels.answer_note(task),
        "target_class": gr.update(
            choices=[(CLASS_NAMES[name], name) for name in TASK_CLASSES[task]], value=explanation.target_class
        ),
        "map_scale": panels.map_scale(report, pair),
        "shares_summary": panels.shares_summary(explanation),
        "shares_plot": plots.plot_shares(explanation),
        "fine_print": panels.fine_print(report, engine.describe()),
    }
    for arm in ARMS:
        seen = plots.plot_picture_seen(report.pictures_seen[arm], heart_mask)
        view[f"seen_{arm}"] = gr.update(value=seen, alt_text=panels.seen_alt(report, task, arm))
        view[f"answer_{arm}"] = panels.answer_card(report, task, arm)
        view[f"map_{arm}"] = gr.update(value=pair.pictures[arm], alt_text=panels.map_alt(explanation, arm))
        view[f"shares_{arm}"] = panels.share_table(explanation, arm)
    return view


def take_upload(path: Path) -> bytes:
    """The uploaded file's bytes; the file itself is deleted, so that its content and its name stay nowhere."""
    content = path.read_bytes()
    path.unlink(missing_ok=True)
    return content


def build_analyze_page(engine: Engine) -> None:
    """Adds the page to the Blocks that are being built."""
    examples, shelf = draw_examples(), Shelf()
    parts: dict[str, Any] = {}
    parts["held"] = gr.State(None, time_to_live=FORGET_AFTER_S, delete_callback=shelf.forget)
    with gr.Row(elem_classes="hv-page"):
        with gr.Column(scale=1, min_width=290, elem_classes="hv-side"):
            parts["upload"] = gr.File(label="Chest film: drop it here or click", height=150, elem_id="hv-upload")
            parts["status"] = gr.HTML("", elem_id="hv-status")
            gr.HTML('<p class="hv-label">Or try a drawn one</p>')
            with gr.Row(elem_classes="hv-examples"):
                clickable = [_add_example(example) for example in examples]
        with gr.Column(scale=4, min_width=320, elem_classes="hv-main"):
            parts["empty"] = gr.HTML(panels.empty_state())
            with gr.Column(visible=False, elem_id="hv-results") as parts["results"]:
                task, gradient_for = _add_panels(parts)
    _wire(engine, shelf, parts, examples, clickable, task, gradient_for)


def _add_example(example: Example) -> tuple[gr.Image, gr.Button]:
    with gr.Column(min_width=100, elem_classes="hv-example"):
        picture = plots.plot_film(example.radiograph.pixels)
        thumbnail = _image(picture, alt_text=f"{example.name}, not a real film", buttons=[])
        return thumbnail, gr.Button(example.name, size="sm")


def _add_panels(parts: dict[str, Any]) -> tuple[gr.Radio, gr.Radio]:
    parts["headline"] = gr.HTML()
    with gr.Column(elem_classes="hv-panel"):
        gr.HTML("<h2>1. The film, measured</h2>")
        with gr.Row():
            with gr.Column(scale=3, min_width=280):
                parts["overlay"] = _image()
            with gr.Column(scale=2, min_width=280):
                parts["ratio"] = gr.HTML()
    with gr.Column(elem_classes="hv-panel"):
        gr.HTML("<h2>2. What each model says, and what it was shown</h2>")
        task = gr.Radio([(name, key) for key, name in TASK_NAMES.items()], value=DEFAULT_TASK, label="Question")
        with gr.Row():
            for arm in ARMS:
                with gr.Row(elem_classes="hv-arm"):
                    with gr.Column(min_width=150):
                        parts[f"seen_{arm}"] = _image()
                    with gr.Column(min_width=200):
                        parts[f"answer_{arm}"] = gr.HTML()
        parts["answer_note"] = gr.HTML()
    with gr.Column(elem_classes="hv-panel"):
        gr.HTML("<h2>3. Which pixels the answers hang on</h2>")
        with gr.Row():
            parts["target_class"] = gr.Radio([], label="Class that the maps explain")
            choices = [(name, key) for key, name in GRADIENT_NAMES.items()]
            gradient_for = gr.Radio(choices, value="picture_seen", label="Gradient taken for", info=GRADIENT_NOTE)
        with gr.Row():
            for arm in ARMS:
                with gr.Column(min_width=280):
                    gr.HTML(f'<h3 class="hv-{arm}">{plots.ARM_NAMES[arm]}</h3>')
                    parts[f"map_{arm}"] = _image()
        parts["map_scale"] = gr.HTML()
    with gr.Column(elem_classes="hv-panel"):
        gr.HTML("<h2>4. Does the model look at the heart?</h2>")
        with gr.Row():
            for arm in ARMS:
                with gr.Column(min_width=300):
                    parts[f"shares_{arm}"] = gr.HTML()
        parts["shares_plot"] = gr.Plot(show_label=False, container=False)
        parts["shares_summary"] = gr.HTML()
    parts["fine_print"] = gr.HTML()
    return task, gradient_for


def _wire(
    engine: Engine,
    shelf: Shelf, parts: dict[str, Any], examples: tuple[Example, ...], clickable: list[tuple[gr.Image, gr.Button]],
    task: gr.Radio, gradient_for: gr.Radio,
) -> None:  # fmt: skip
    outputs = list(parts.values())

    def by_component(view: View) -> dict[Any, Any]:
        return {parts[name]: update for name, update in view.items()}

    def on_film(load: Callable[[], Radiograph], held: HeldReport | None, chosen: tuple, progress: gr.Progress) -> Shown:
        for view in analyze_film(engine, shelf, held, load, *chosen, lambda done, words: progress(done, desc=words)):
            yield by_component(view)

    def on_upload(
        path: str,
        held: HeldReport | None,
        *chosen: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Shown:
        content = take_upload(Path(path))
        yield from on_film(lambda: engine.load(content), held, chosen, progress)

    def on_example(example: Example) -> Callable[..., Shown]:
        def show_example(
            held: HeldReport | None,
            *chosen: str,
            progress: gr.Progress = gr.Progress(),  # noqa: B008
        ) -> Shown:
            yield from on_film(lambda: example.radiograph, held, chosen, progress)

        return show_example

    def on_task(held: HeldReport | None, chosen_task: str, basis: GradientFor) -> dict[Any, Any]:
        return by_component(explain_again(engine, shelf, held, chosen_task, None, basis))

    def on_map(held: HeldReport | None, chosen_task: str, target: str | None, basis: GradientFor) -> dict[Any, Any]:
        return by_component(explain_again(engine, shelf, held, chosen_task, target, basis))

    # A second film dropped while the first is being analysed waits its turn, so that the page ends with the last one.
    new_film = {**MODEL_QUEUE, "outputs": outputs, "trigger_mode": "multiple", "show_progress_on": parts["status"]}
    choices = [task, gradient_for]
    starts = [parts["upload"].upload(on_upload, [parts["upload"], parts["held"], *choices], **new_film)]
    for example, (thumbnail, button) in zip(examples, clickable, strict=True):
        starts.append(button.click(on_example(example), [parts["held"], *choices], **new_film))
        starts.append(thumbnail.select(on_example(example), [parts["held"], *choices], **new_film))
    for start in starts:
        start.then(None, js=_SCROLL_TO_RESULTS, api_visibility="private")
    other_map = {**MODEL_QUEUE, "outputs": outputs, "trigger_mode": "always_last"}
    task.input(
        on_task, [parts["held"], *choices], show_progress_on=[parts["seen_plain"], parts["seen_mask"]], **other_map
    )
    maps = [parts["map_plain"], parts["map_mask"]]
    inputs = [parts["held"], task, parts["target_class"], gradient_for]
    for chooser in (parts["target_class"], gradient_for):
        chooser.input(on_map, inputs, show_progress_on=maps, **other_map)


def _image(value: Any = None, alt_text: str | None = None, buttons: list[str] | None = None) -> gr.Image:
    chosen = ["fullscreen", "download"] if buttons is None else buttons
    return gr.Image(
        value, format="png", interactive=False, show_label=False, container=False, alt_text=alt_text, buttons=chosen
    )


def _words_of(error: Exception) -> str:
    """The user's sentence; an unforeseen error's own words could name a file or a tag, so only its place is logged."""
    if isinstance(error, HeartvizError):
        return str(error)
    places = " < ".join(
        f"{Path(at.filename).name}:{at.lineno}" for at in reversed(traceback.extract_tb(error.__traceback__))
    )
    _log.error("Unforeseen %s at %s", type(error).__name__, places)
    return (
        f"An unforeseen fault in the program ({type(error).__name__}) stopped it. Nothing is shown or kept. "
        "Try another file, and report the fault."
    )
