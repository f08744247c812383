"""The Analyze page: one film in; outlines, two answers, every model's maps and their shares out."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from heartviz import plots
from heartviz.errors import RadiographError
from heartviz.gallery import EXAMPLES, Example
from heartviz.records import ARMS, GradientFor, Radiograph, Report
from heartviz.ui import checks, lines, maps, panels, take_home
from heartviz.ui.engine import Engine, Progress
from heartviz.ui.faults import words_of
from heartviz.ui.held import HeldReport, Shelf
from heartviz.ui.pictures import MODEL_QUEUE, add_image
from heartviz.ui.session import Session
from heartviz.ui.upload import take_upload
from heartviz.ui.viewer import show_viewer
from heartviz.ui.waiting import describe_queue, has_waiting, is_full, words_when_full
from heartviz.ui.words import TASK_NAMES
from heartviz.words import DEFAULT_METHOD

DEFAULT_TASK = "congenital"
WAITING = "Waiting for the models"
_PICTURES = tuple(f"seen_{arm}" for arm in ARMS)
_WORDS = ("headline", "overlay", "ratio", *(f"answer_{arm}" for arm in ARMS), "answer_note", "fine_print")
_SHOWN = (*_PICTURES, *_WORDS, *maps.SHOWN)
_SCROLL_TO_RESULTS = """() => { if (window.innerWidth < 900) {
  const shown = document.querySelector('#hv-results .hv-headline');
  if (shown) shown.scrollIntoView({block: 'start'}); } }"""

# While a film waits for its turn, nothing of the one before stands beside it: the browser itself covers these at once.
_COVERED = ("results", "gate", "refused")
_UNCOVERED = dict.fromkeys(("gate", "refused"), gr.update(visible=True))
_COVER = f"""() => {{ const see = (visible) => ({{visible, __type__: 'update'}});
  return [{json.dumps(panels.working(WAITING))}, see(true), {", ".join(["see(false)"] * len(_COVERED))}]; }}"""

View = dict[str, Any]
Shown = Iterator[dict[Any, Any]]


def analyze_film(
    engine: Engine,
    shelf: Shelf,
    held: HeldReport | None,
    load: Callable[[], Radiograph],
    task: str,
    gradient_for: GradientFor,
    progress: Progress,
    is_replaced: Callable[[], bool] = lambda: False,
) -> Iterator[View]:
    """First a cleared page, then the whole result of a film, or a cleared page with the reason why there is none.

    Where another film of the page waits by then, the page stays cleared.
    """
    shelf.forget(held)
    yield clear_page(panels.working("Reading the film"))
    try:
        report = engine.analyze(load(), task, None, gradient_for, progress)
        view = show_report(engine, report, task)
    except Exception as error:
        report, refusal = None, error
    if is_replaced():
        waiting = clear_page(panels.working(WAITING))
        del waiting["upload"]
        yield waiting
    elif report is not None:
        yield {**view, "held": shelf.keep(report)}
    else:
        yield {**clear_page(panels.error_banner(words_of(refusal))), **checks.show_refusal(refusal, shelf)}


def explain_again(
    engine: Engine,
    shelf: Shelf,
    held: HeldReport | None,
    choice: maps.MapChoice,
    progress: Progress = lambda done, words: None,
) -> View:
    """The page with other maps of the film it holds, or a cleared page with the reason why there are none.

    What was chosen is left as it is, which may be another choice by now.
    """
    report, reason = maps.explain_held(engine, shelf, held, choice, progress)
    if report is None:
        return clear_page(panels.error_banner(reason))
    view = {**show_report(engine, report, choice.task), "held": held}
    del view["method"]
    if report.explanation.target_class == choice.target_class:
        del view["target_class"]
    return view


def clear_page(status: str) -> View:
    """A page that holds nothing of any film; the upload box is ready for the next one."""
    cleared: View = {**dict.fromkeys(_SHOWN), **maps.hide_layer(), **checks.clear_checks()}
    chooser = gr.update(choices=[], value=None)
    empty = gr.update(visible=True)
    return {
        **cleared, "held": None, "upload": None, "status": status, "target_class": chooser, "layer": None,
        "method": gr.update(value=DEFAULT_METHOD), "gradient_for": gr.update(visible=True),
        "results": gr.update(visible=False), "empty": empty, **_UNCOVERED,
    }  # fmt: skip


def show_again(held: HeldReport | None, status: str) -> View:
    """The page as it was before another film was to be asked about, which was turned away."""
    has_report, has_offer = held is not None and held.report is not None, held is not None and held.refused is not None
    return {
        "upload": None, "status": status, "results": gr.update(visible=has_report),
        "empty": gr.update(visible=not has_report and not has_offer), **_UNCOVERED,
    }  # fmt: skip


def show_report(engine: Engine, report: Report, task: str) -> View:
    """Every panel of the page for this report and task; who holds the report is the caller's to add."""
    heart_mask = report.segmentation.heart_mask
    view: View = {
        "upload": None,
        "status": "",
        "empty": gr.update(visible=False),
        "results": gr.update(visible=True),
        **_UNCOVERED,
        "headline": panels.headline(report),
        "overlay": show_viewer(report),
        "ratio": panels.ratio_panel(report),
        "answer_note": panels.answer_note(task),
        "fine_print": panels.fine_print(report, engine.describe()),
    }
    for arm in ARMS:
        seen = plots.plot_picture_seen(report.pictures_seen[arm], heart_mask)
        view[f"seen_{arm}"] = gr.update(value=seen, alt_text=panels.seen_alt(report, task, arm))
        view[f"answer_{arm}"] = panels.answer_card(report, task, arm)
    return {**view, **checks.show_checks(report), **maps.show_maps(report, task)}


def build_analyze_page(engine: Engine, session: Session, tab: gr.Tab) -> None:
    """Adds the page to the Blocks that are being built."""
    parts: dict[str, Any] = {"held": session.held}
    with gr.Row(elem_classes="hv-page"):
        with gr.Column(scale=1, min_width=290, elem_classes="hv-side"):
            parts["upload"] = gr.File(label="Chest film: drop it here or click", height=150, elem_id="hv-upload")
            parts["status"] = gr.HTML("", elem_id="hv-status")
            with gr.Column() as parts["gate"]:
                checks.add_check_list(parts)
            gr.HTML('<p class="hv-label">Or try a drawn one: no patient, X-rayed by computation</p>')
            with gr.Row(elem_classes="hv-examples"):
                clickable = [_add_example(example) for example in EXAMPLES]
        with gr.Column(scale=4, min_width=320, elem_classes="hv-main"):
            parts["empty"] = gr.HTML(panels.empty_state())
            with gr.Column() as parts["refused"]:
                checks.add_refused_film(parts)
            with gr.Column(visible=False, elem_id="hv-results") as parts["results"]:
                task = _add_panels(parts)
    _wire(engine, session.shelf, parts, clickable, task)


def _add_example(example: Example) -> tuple[gr.Image, gr.Button]:
    with gr.Column(min_width=100, elem_classes="hv-example"):
        picture = plots.plot_film(example.load().pixels)[::4, ::4]
        thumbnail = add_image(picture, alt_text=f"Drawn film: {example.name}, not a real one", buttons=[])
        return thumbnail, gr.Button(example.name, size="sm")


def _add_panels(parts: dict[str, Any]) -> gr.Radio:
    parts["headline"] = gr.HTML()
    with gr.Column(elem_classes="hv-panel"):
        gr.HTML("<h2>1. The film, measured</h2>")
        with gr.Row():
            with gr.Column(scale=3, min_width=280):
                parts["overlay"] = gr.HTML()
            with gr.Column(scale=2, min_width=280):
                parts["ratio"] = gr.HTML()
        parts["lines"] = lines.add_answer()
    with gr.Column(elem_classes="hv-panel"):
        gr.HTML("<h2>2. What each model says, and what it was shown</h2>")
        task = gr.Radio([(name, key) for key, name in TASK_NAMES.items()], value=DEFAULT_TASK, label="Question")
        with gr.Row():
            for arm in ARMS:
                with gr.Row(elem_classes="hv-arm"):
                    with gr.Column(min_width=150):
                        parts[f"seen_{arm}"] = add_image()
                    with gr.Column(min_width=200):
                        parts[f"answer_{arm}"] = gr.HTML()
        parts["answer_note"] = gr.HTML()
    maps.add_map_panels(parts)
    take_home.add_panel(parts["held"])
    parts["fine_print"] = gr.HTML()
    return task


def _wire(
    engine: Engine,
    shelf: Shelf, parts: dict[str, Any], clickable: list[tuple[gr.Image, gr.Button]], task: gr.Radio,
) -> None:  # fmt: skip
    outputs = list(parts.values())

    def by_component(view: View) -> dict[Any, Any]:
        # Gradio takes an empty dict for one value: a view that changes nothing leaves the status as it is.
        return {parts[name]: update for name, update in view.items()} or {parts["status"]: gr.skip()}

    demo, film_questions = gr.context.Context.root_block, set()

    def is_replaced(request: gr.Request) -> bool:
        return has_waiting(demo, request.session_hash, film_questions)

    def on_film(
        load: Callable[[], Radiograph],
        held: HeldReport | None,
        chosen: tuple,
        progress: gr.Progress,
        request: gr.Request,
    ) -> Shown:
        def tell(done: float, words: str) -> None:
            progress(done, desc=words)

        for view in analyze_film(engine, shelf, held, load, *chosen, tell, lambda: is_replaced(request)):
            yield by_component(view)

    def on_turned_away(held: HeldReport | None) -> dict[Any, Any]:
        queue = describe_queue(demo)
        words = words_when_full(queue) if is_full(queue) else "The server could not be asked. Try again in a minute."
        return by_component(show_again(held, panels.error_banner(words, "This film was not taken.")))

    def on_upload(
        request: gr.Request,
        path: str,
        held: HeldReport | None,
        *chosen: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Shown:
        yield from on_film(lambda: engine.load(take_upload(Path(path))), held, chosen, progress, request)

    def on_example(example: Example) -> Callable[..., Shown]:
        def show_example(
            request: gr.Request,
            held: HeldReport | None,
            *chosen: str,
            progress: gr.Progress = gr.Progress(),  # noqa: B008
        ) -> Shown:
            yield from on_film(example.load, held, chosen, progress, request)

        return show_example

    def on_offer(
        request: gr.Request,
        held: HeldReport | None,
        *chosen: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Shown:
        offered = None if held is None else held.offered

        def load() -> Radiograph:
            if offered is None:
                raise RadiographError("The film is no longer held. Drop it again.")
            return engine.correct(offered.radiograph, offered.offer)

        yield from on_film(load, held, chosen, progress, request)

    def on_maps(
        request: gr.Request,
        held: HeldReport | None,
        *chosen: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> dict[Any, Any]:
        def tell(done: float, words: str) -> None:
            progress(done, desc=words)

        view = explain_again(engine, shelf, held, maps.MapChoice(*chosen), tell)
        return by_component({} if is_replaced(request) else view)

    def on_task(
        request: gr.Request,
        held: HeldReport | None,
        chosen_task: str,
        target: str | None,
        *chosen: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> dict[Any, Any]:
        # Another question starts with what VGG+Mask answers to it, also where both have a class of the same name.
        return on_maps(request, held, chosen_task, None, *chosen, progress=progress)

    def on_controls(
        held: HeldReport | None,
        wanted: bool,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> dict[Any, Any]:
        def tell(done: float, words: str) -> None:
            progress(done, desc=words)

        return by_component(maps.add_controls(engine, shelf, held, wanted, tell))

    def on_layer(held: HeldReport | None, chosen_task: str, layer: str | None) -> dict[Any, Any]:
        return by_component(maps.show_layer(engine, held, chosen_task, layer))

    # A second film dropped while the first is being analysed waits its turn, so that the page ends with the last one.
    new_film = {**MODEL_QUEUE, "outputs": outputs, "trigger_mode": "multiple", "show_progress_on": parts["status"]}
    choices = [task, parts["gradient_for"]]

    def start(listen: Callable[..., Any], on_new: Callable[..., Shown], inputs: list[Any]) -> Any:
        listen(None, None, covered, js=_COVER, **private)
        started = listen(on_new, inputs, **new_film)
        film_questions.add(started["id"])
        started.failure(on_turned_away, parts["held"], outputs, queue=False, show_progress="hidden", **private)
        return started

    private = {"api_visibility": "private"}
    covered = [parts[name] for name in ("status", "empty", *_COVERED)]
    film_and_choices = [parts["held"], *choices]
    starts = [start(parts["upload"].upload, on_upload, [parts["upload"], *film_and_choices])]
    starts.append(start(parts["offer"].click, on_offer, film_and_choices))
    for example, (thumbnail, button) in zip(EXAMPLES, clickable, strict=True):
        starts += [start(listen, on_example(example), film_and_choices) for listen in (button.click, thumbnail.select)]
    other_map = {**MODEL_QUEUE, "outputs": outputs, "trigger_mode": "always_last"}
    pictures = [parts[f"map_{arm}"] for arm in ARMS]
    inputs = [parts["held"], task, parts["target_class"], parts["gradient_for"], parts["method"]]
    others = [task.input(on_task, inputs, show_progress_on=pictures, **other_map)]
    for chooser in (parts["target_class"], parts["gradient_for"], parts["method"]):
        others.append(chooser.input(on_maps, inputs, show_progress_on=pictures, **other_map))
    controls = [parts[name] for name in maps.CONTROLS]
    control_inputs = [parts["held"], parts["with_controls"]]
    for started in starts:
        started.then(None, js=_SCROLL_TO_RESULTS, **private)
    for event in (*starts, *others):
        event.then(on_controls, control_inputs, show_progress_on=controls, **other_map)
    parts["with_controls"].input(on_controls, control_inputs, show_progress_on=controls, **other_map)
    layers = [parts[name] for name in maps.LAYER_PICTURES]
    lines.wire(shelf, parts["held"], parts["lines"], parts["ratio"])
    parts["layer"].input(on_layer, [parts["held"], task, parts["layer"]], show_progress_on=layers, **other_map)
