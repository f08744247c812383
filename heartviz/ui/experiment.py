"""The Experiment page: change the film that the Analyze page holds, and see every model's answers follow, or not."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from heartviz import plots
from heartviz.interventions.catalogue import INTERVENTIONS
from heartviz.records import ARMS, DeletionCurves, DimCurve, Experiment, Report
from heartviz.ui import panels
from heartviz.ui.edit import add_edit_panel
from heartviz.ui.engine import Engine
from heartviz.ui.faults import words_of
from heartviz.ui.held import HeldReport, Shelf
from heartviz.ui.pictures import MODEL_QUEUE, add_image
from heartviz.ui.session import Session
from heartviz.ui.upload import take_upload
from heartviz.ui.words import NOT_A_DEVICE, TASK_NAMES, TASK_NOTES
from heartviz.words import METHOD_WORDS, describe_experiment, describe_points

View = dict[str, Any]
FIRST, SWAP = "blur_lungs", "swap_lungs"
SHOWN = (*(f"{when}_{arm}" for arm in ARMS for when in ("before", "after")), "outcome", "curve", "strip", "curve_words")
NO_FILM = (
    '<section class="hv-empty"><h2>No film yet</h2><p>Analyze a film first, on the Analyze page: experiments are made '
    "on the film that it shows.</p></section>"
)
NOTHING_DRAWN = '<p class="hv-caption">Draw it: some seconds for all models.</p>'
DELETION_SAYS = (
    '<p class="hv-caption">The pixels that the map ranks highest are blurred away first, or brought back first into a '
    "blurred picture. If the map is right, the answer follows faster than when pixels are drawn at random. Beware: the "
    "shape of what is taken away is seen too. Up to half a minute.</p>"
)


def film_of(held: HeldReport | None) -> Report | None:
    """The film that experiments are made on: with the heart that a person drew, if one did."""
    return None if held is None else held.edited or held.report


def open_page(held: HeldReport | None) -> View:
    """The page for the film it holds, before any experiment; without a film it says what to do."""
    report = film_of(held)
    view: View = {
        **dict.fromkeys(SHOWN),
        "curve_words": NOTHING_DRAWN,
        "deletion_words": DELETION_SAYS,
        "empty": gr.update(visible=report is None),
    }
    view |= {name: gr.update(value=None, visible=False) for name in ("curve", "strip", "deletion")}
    view["bench"] = gr.update(visible=report is not None)
    if report is None:
        return {**view, "about": ""}
    for arm in ARMS:
        seen = plots.plot_picture_seen(report.pictures_seen[arm], report.segmentation.heart_mask, cut=True)
        alt = f"What {plots.ARM_NAMES[arm]} sees of the film, unchanged."
        view[f"before_{arm}"] = gr.update(value=seen, alt_text=alt)
    return {**view, "about": about_film(report, edited=held is not None and held.edited is not None)}


def about_film(report: Report, edited: bool) -> str:
    """What is asked of which film, and what the numbers are not."""
    explanation = report.explanation
    heart = "the heart that you drew" if edited else "the heart that was found"
    return (
        f'<div class="hv-device" role="note">{escape(NOT_A_DEVICE)}</div>'
        f'<p class="hv-caption">Film: {escape(report.radiograph.description)}, with {heart}. Question: '
        f"<b>{escape(TASK_NAMES[explanation.task])}</b>, class <b>{escape(explanation.target_class)}</b>; promise: the "
        f"{escape(METHOD_WORDS[explanation.method].label)} map. All are those of the Analyze page. "
        f"{escape(TASK_NOTES[explanation.task])} A changed film is unlike any that the models learnt from: what "
        "they say of it shows what they react to, not what is so.</p>"
    )


def choose(name: str) -> View:
    """The knob and the words of an intervention."""
    chosen = INTERVENTIONS[name]
    knob = gr.update(visible=bool(chosen.knob), label=chosen.knob or "Strength", value=chosen.start)
    says = f'<p class="hv-caption">{escape(chosen.says)}</p>'
    return {"says": says, "strength": knob, "donor": gr.update(visible=name == SWAP)}


def give_donor(engine: Engine, shelf: Shelf, held: HeldReport | None, content: bytes) -> View:
    """The page that holds another film's lungs from now on, or the reason why it does not."""
    if film_of(held) is None:
        return open_page(held)
    try:
        donor = engine.take_donor(engine.load(content))
    except Exception as error:
        return {"donor": None, "outcome": panels.error_banner(words_of(error), "These lungs can't be taken.")}
    shelf.keep_donor(donor, held)
    return {"donor": None, "outcome": panels.working("Lungs taken: asking all models")}


def experiment(engine: Engine, held: HeldReport | None, name: str, strength: float | None) -> View:
    """The models' pictures before and after an intervention, and what came of it; strength None is where it starts."""
    report = film_of(held)
    if report is None:
        return open_page(held)
    try:
        made = engine.experiment(report, name, strength if INTERVENTIONS[name].knob else None, held.donor)
    except Exception as error:
        banner = panels.error_banner(words_of(error), "This experiment could not be made.")
        return {**{f"after_{arm}": None for arm in ARMS}, "outcome": banner}
    view: View = {"outcome": outcome(report, made) + (lungs_of(held) if name == SWAP else "")}
    for arm in ARMS:
        after = plots.plot_picture_seen(made.pictures_seen[arm], report.segmentation.heart_mask, cut=True)
        alt = f"What {plots.ARM_NAMES[arm]} sees after: {INTERVENTIONS[name].label}."
        view[f"after_{arm}"] = gr.update(value=after, alt_text=alt)
    return view


def lungs_of(held: HeldReport) -> str:
    """Whose lungs were taken."""
    whose = "a drawn, healthy patient" if held.donor is None else "the film that you gave"
    return f'<p class="hv-caption">Lungs of {whose}.</p>'


def outcome(report: Report, made: Experiment) -> str:
    """A table of all models: probability before and after, and what the map had promised; and its sentence."""
    quantity = METHOD_WORDS[report.explanation.method].quantity
    rows = ""
    for arm in ARMS:
        before, after = (answers[arm].probabilities[made.target_class] for answers in (made.before, made.after))
        turned = made.before[arm].label != made.after[arm].label
        answer = f"{made.before[arm].label} to {made.after[arm].label}" if turned else made.after[arm].label
        rows += (
            f'<tr><th scope="row">{plots.ARM_NAMES[arm]}</th><td>{panels.percent(before)}</td>'
            f"<td><b>{panels.percent(after)}</b></td><td>{describe_points(made, arm)}</td>"
            f"<td>{escape(answer)}</td>"
            f"<td>{panels.percent(made.promised[arm])}</td><td>{panels.percent(made.chance[arm])}</td></tr>"
        )
    return (
        f'<p class="hv-finding" role="status">{escape(describe_experiment(made, report.explanation.method))}</p>'
        f'<div class="hv-shares hv-scroll" tabindex="0" role="region" aria-label="Before and after">'
        f'<table data-testid="outcome"><thead><tr><th scope="col">Model</th>'
        f'<th scope="col">{escape(made.target_class)} before</th><th scope="col">after</th><th scope="col">change</th>'
        f'<th scope="col">answer</th><th scope="col">its map promised: {quantity} where its picture changed</th>'
        f'<th scope="col">share of its picture that changed</th></tr></thead><tbody>{rows}</tbody></table></div>'
        f"{panels.threshold_note(made.before, made.after)}"
    )


def draw_curve(engine: Engine, held: HeldReport | None) -> View:
    """The paper's knob as a curve, with what the networks saw and their maps at each point."""
    report = film_of(held)
    if report is None:
        return open_page(held)
    try:
        curve = engine.draw_dim_curve(report)
    except Exception as error:
        return {"curve_words": panels.error_banner(words_of(error), "The curve could not be drawn.")}
    words = curve_words(curve)
    return {
        "curve": gr.update(value=plots.plot_dim_curve(curve), visible=True),
        "strip": gr.update(
            value=plots.plot_strip(curve), visible=True, alt_text=f"Pictures and maps at each ratio. {words}"
        ),
        "curve_words": f'<p class="hv-caption">{escape(words)} Under the curve: what all networks see at each ratio, '
        "then each model's map of it, in the order above; all maps on one scale. Plain VGG16 learnt at 1, VGG+Mask at "
        "0.2, the hardened model at none of these.</p>",
    }


def curve_words(curve: DimCurve) -> str:
    """The curve's numbers, point by point."""
    said = []
    for arm in ARMS:
        points = ", ".join(
            f"{100 * value:.0f} % at {ratio:g}"
            for ratio, value in zip(curve.ratios, curve.probability[arm], strict=True)
        )
        said.append(f"{plots.ARM_NAMES[arm]} says {curve.target_class} with {points}.")
    return " ".join(said)


def draw_deletion(engine: Engine, held: HeldReport | None) -> View:
    """Deletion and insertion by the map that the Analyze page shows, and their areas in words."""
    report = film_of(held)
    if report is None:
        return open_page(held)
    try:
        curves = engine.draw_deletion(report)
    except Exception as error:
        failed = panels.error_banner(words_of(error), "The curves could not be drawn.")
        return {"deletion_words": failed, "deletion": gr.update(value=None, visible=False)}
    return {
        "deletion": gr.update(value=plots.plot_deletion(curves), visible=True),
        "deletion_words": f'{DELETION_SAYS}<p class="hv-caption">{escape(deletion_words(curves))}</p>',
    }


def deletion_words(curves: DeletionCurves) -> str:
    """The mean of each model's curves beside those of pixels at random."""
    said = []
    for arm in ARMS:
        areas = [
            f"{100 * float(np.mean(getattr(curves, name)[arm])):.0f} %"
            for name in ("deletion", "random_deletion", "insertion", "random_insertion")
        ]
        said.append(
            f"{plots.ARM_NAMES[arm]}: {areas[0]} on average while pixels go (at random {areas[1]}), {areas[2]} while "
            f"they come (at random {areas[3]})."
        )
    label = METHOD_WORDS[curves.method].label
    return f"{label} map, probability of {curves.target_class}. {' '.join(said)}"


def build_experiment_page(engine: Engine, session: Session, tab: gr.Tab) -> None:
    """Adds the page to the Blocks that are being built."""
    parts: dict[str, Any] = {"empty": gr.HTML(NO_FILM)}
    with gr.Column(visible=False, elem_classes="hv-main") as parts["bench"]:
        parts["about"] = gr.HTML()
        with gr.Column(elem_classes="hv-panel"):
            gr.HTML("<h2>1. Change the film, ask again</h2>")
            with gr.Row(elem_classes="hv-bench"):
                with gr.Column(scale=2, min_width=280):
                    choices = [(of.label, name) for name, of in INTERVENTIONS.items()]
                    name = gr.Dropdown(choices, value=FIRST, label="Change", filterable=False)
                with gr.Column(scale=2, min_width=240):
                    parts["strength"] = gr.Slider(
                        0, 1, value=INTERVENTIONS[FIRST].start, step=0.05, label="Strength", visible=False
                    )
                with gr.Column(scale=1, min_width=160):
                    run = gr.Button("Ask all models", variant="primary")
            parts["donor"] = gr.File(
                label="Film whose lungs are taken (none: a drawn chest's); kept with yours, and no longer",
                height=120, visible=False, elem_id="hv-donor",
            )  # fmt: skip
            parts["says"] = gr.HTML(choose(FIRST)["says"])
            parts["outcome"] = gr.HTML()
            with gr.Row():
                for arm in ARMS:
                    with gr.Column(min_width=280):
                        gr.HTML(f'<h3 class="hv-{arm}">{plots.ARM_NAMES[arm]}: before and after</h3>')
                        with gr.Row(elem_classes="hv-controls"):
                            for when in ("before", "after"):
                                with gr.Column(min_width=120):
                                    parts[f"{when}_{arm}"] = add_image()
        with gr.Column(elem_classes="hv-panel"):
            gr.HTML("<h2>2. The paper's knob, from 0 to 1</h2>")
            draw = gr.Button("Draw the curve")
            parts["curve_words"] = gr.HTML(NOTHING_DRAWN)
            parts["curve"] = gr.Plot(show_label=False, container=False, visible=False)
            parts["strip"] = add_image(visible=False)
        with gr.Column(elem_classes="hv-panel"):
            gr.HTML("<h2>3. Take away what the map ranks highest</h2>")
            take = gr.Button("Delete and insert")
            parts["deletion_words"] = gr.HTML(DELETION_SAYS)
            parts["deletion"] = gr.Plot(show_label=False, container=False, visible=False)
        edit = add_edit_panel(engine, session)

    def by_component(make: Callable[..., View]) -> Callable[..., dict[Any, Any]]:
        return lambda *given: {parts[part]: update for part, update in make(*given).items()}

    queue = {**MODEL_QUEUE, "outputs": list(parts.values()), "trigger_mode": "always_last"}
    after = [parts[f"after_{arm}"] for arm in ARMS]

    def make_experiment(held: HeldReport | None, chosen: str, strength: float | None) -> View:
        return experiment(engine, held, chosen, strength)

    def make_curve(held: HeldReport | None) -> View:
        return draw_curve(engine, held)

    def take_away(held: HeldReport | None) -> View:
        return draw_deletion(engine, held)

    inputs = [session.held, name, parts["strength"]]
    opened = tab.select(by_component(open_page), [session.held], show_progress="hidden", **queue)
    opened.then(edit.open, [session.held], edit.outputs, show_progress="hidden", **MODEL_QUEUE)
    opened.then(by_component(make_experiment), inputs, show_progress_on=after, **queue)
    chosen = name.input(by_component(choose), [name], show_progress="hidden", **queue)
    chosen.then(by_component(make_experiment), inputs, show_progress_on=after, **queue)

    def take_lungs(held: HeldReport | None, path: str) -> View:
        return give_donor(engine, session.shelf, held, take_upload(Path(path)))

    given = parts["donor"].upload(
        by_component(take_lungs), [session.held, parts["donor"]], show_progress_on=after, **queue
    )
    given.then(by_component(make_experiment), inputs, show_progress_on=after, **queue)
    for event in (run.click, parts["strength"].release):
        event(by_component(make_experiment), inputs, show_progress_on=after, **queue)
    draw.click(by_component(make_curve), [session.held], show_progress_on=parts["curve_words"], **queue)
    take.click(by_component(take_away), [session.held], show_progress_on=parts["deletion_words"], **queue)
    for changed in edit.events:
        anew = changed.then(by_component(open_page), [session.held], show_progress="hidden", **queue)
        anew.then(by_component(make_experiment), inputs, show_progress_on=after, **queue)
