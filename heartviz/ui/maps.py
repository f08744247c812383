"""The Analyze page's panels on maps: method and class, every model's maps, their controls, shares, layers."""

from dataclasses import replace
from html import escape
from typing import Any, NamedTuple

import gradio as gr

from heartviz import plots
from heartviz.records import ARMS, TASK_CLASSES, GradientFor, Report
from heartviz.ui import panels
from heartviz.ui.engine import Engine, Progress
from heartviz.ui.faults import words_of
from heartviz.ui.held import FORGET_AFTER_S, HeldReport, Shelf
from heartviz.ui.pictures import add_image
from heartviz.ui.words import CLASS_NAMES, CONTROL_NAMES, GRADIENT_NAMES, GRADIENT_NOTE, LAYERS_NOTE
from heartviz.words import DEFAULT_METHOD, LAYERS, METHOD_WORDS

View = dict[str, Any]
CONTROLS = tuple(f"{name}_{arm}" for arm in ARMS for name in CONTROL_NAMES)
LAYER_PICTURES = tuple(f"layer_{arm}" for arm in ARMS)
# What comes later than the maps, or only when it is asked for.
LATER = (*CONTROLS, *(f"control_words_{arm}" for arm in ARMS))
SHOWN = (
    *(f"map_{arm}" for arm in ARMS),
    *(f"shares_{arm}" for arm in ARMS),
    *("method_says", "map_scale", "shares_summary", "shares_plot"),
    *LATER,
)


def add_map_panels(parts: dict[str, Any]) -> None:
    """Adds panels 3 to 5 to the page that is being built, and their components to `parts`."""
    with gr.Column(elem_classes="hv-panel"):
        gr.HTML("<h2>3. Which pixels the answers hang on</h2>")
        with gr.Row():
            parts["target_class"] = gr.Radio([], label="Class that the maps explain")
            methods = [(words.label, name) for name, words in METHOD_WORDS.items()]
            parts["method"] = gr.Dropdown(methods, value=DEFAULT_METHOD, label="Method", filterable=False)
        choices = [(name, key) for key, name in GRADIENT_NAMES.items()]
        parts["gradient_for"] = gr.Radio(choices, value="picture_seen", label="Gradient taken for", info=GRADIENT_NOTE)
        parts["method_says"] = gr.HTML()
        with gr.Row():
            for arm in ARMS:
                with gr.Column(min_width=280):
                    gr.HTML(f'<h3 class="hv-{arm}">{plots.ARM_NAMES[arm]}</h3>')
                    parts[f"map_{arm}"] = add_image()
        parts["map_scale"] = gr.HTML()
        parts["with_controls"] = gr.Checkbox(
            True,
            label="Controls beside the maps",
            info="The same method on weights that learnt nothing, and the edges of the picture: a map that looks like "
            "either may show the film and not the model.",
        )
        with gr.Row():
            for arm in ARMS:
                with gr.Column(min_width=280):
                    with gr.Row(elem_classes="hv-controls"):
                        for name in CONTROL_NAMES:
                            with gr.Column(min_width=120):
                                parts[f"{name}_{arm}"] = add_image(buttons=["fullscreen"])
                    parts[f"control_words_{arm}"] = gr.HTML()
    with gr.Column(elem_classes="hv-panel"):
        gr.HTML("<h2>4. Does the model look at the heart?</h2>")
        with gr.Row():
            for arm in ARMS:
                with gr.Column(min_width=300):
                    parts[f"shares_{arm}"] = gr.HTML()
        parts["shares_plot"] = gr.Plot(show_label=False, container=False)
        parts["shares_summary"] = gr.HTML()
    with gr.Column(elem_classes="hv-panel"):
        gr.HTML(f'<h2>5. The layers, one by one</h2><p class="hv-caption">{LAYERS_NOTE}</p>')
        parts["layer"] = gr.Dropdown(list(LAYERS), value=None, label="Layer of VGG16", filterable=False)
        with gr.Row():
            for arm in ARMS:
                with gr.Column(min_width=280):
                    parts[f"layer_{arm}"] = add_image(visible=False)


def show_maps(report: Report, task: str) -> View:
    """The map panels for the report's explanation; controls are empty until they are computed."""
    explanation = report.explanation
    pair = plots.plot_model_maps(explanation, report.segmentation)
    words = METHOD_WORDS[explanation.method]
    view: View = {
        "target_class": gr.update(
            choices=[(CLASS_NAMES[name], name) for name in TASK_CLASSES[task]], value=explanation.target_class
        ),
        "method": gr.update(value=explanation.method),
        "gradient_for": gr.update(visible=words.by_gray),
        "method_says": f'<p class="hv-caption"><b>{escape(words.label)}.</b> {escape(words.says)}</p>',
        "map_scale": panels.map_scale(report, pair),
        "shares_summary": panels.shares_summary(explanation),
        "shares_plot": plots.plot_shares(explanation),
    }
    for arm in ARMS:
        view[f"map_{arm}"] = gr.update(value=pair.pictures[arm], alt_text=panels.map_alt(explanation, arm))
        view[f"shares_{arm}"] = panels.share_table(explanation, arm)
    return {**view, **show_controls(report), **hide_layer(), "layer": None}


def show_controls(report: Report) -> View:
    """Each model's control maps with what they say, or empty places."""
    view: View = dict.fromkeys((*CONTROLS, *(f"control_words_{arm}" for arm in ARMS)))
    for arm in report.explanation.controls:
        for name, picture in plots.plot_controls(report.explanation, arm, report.segmentation).items():
            alt = panels.control_alt(report.explanation, arm, name)
            view[f"{name}_{arm}"] = gr.update(value=picture, alt_text=alt)
        view[f"control_words_{arm}"] = panels.control_words(report.explanation, arm)
    return view


class MapChoice(NamedTuple):
    """Which maps a person asks for; class None, or one that the task has not, is VGG+Mask's answer."""

    task: str
    target_class: str | None
    gradient_for: GradientFor
    method: str = DEFAULT_METHOD


def explain_held(
    engine: Engine, shelf: Shelf, held: HeldReport | None, choice: MapChoice, progress: Progress
) -> tuple[Report | None, str]:
    """The held report with other maps, nothing segmented again, or None and the reason."""
    report = held.report if held is not None else None
    if report is None:
        minutes = FORGET_AFTER_S / 60
        return None, f"A film is forgotten after {minutes:.0f} minutes, or when others need the memory. Drop it again."
    if choice.target_class not in TASK_CLASSES[choice.task]:
        choice = choice._replace(target_class=report.predictions[choice.task]["mask"].label)
    try:
        report = shelf.keep_explanation(engine.explain(report, *choice, progress), report, held)
        if (edited := held.edited) is not None:
            redrawn = engine.replace_heart(report, edited.segmentation.heart_mask)
            if held.edited is edited:
                shelf.keep_edited(redrawn, held)
        return report, ""
    except Exception as error:
        shelf.forget(held)
        return None, words_of(error)


def add_controls(engine: Engine, shelf: Shelf, held: HeldReport | None, wanted: bool, progress: Progress) -> View:
    """The controls of the maps that the page shows; none for a page without a film, or when they aren't wanted."""
    report = held.report if held is not None else None
    if report is None:
        return {}
    if not wanted:
        return show_controls(replace(report, explanation=replace(report.explanation, controls={})))
    try:
        if not report.explanation.controls:
            report = shelf.keep_explanation(engine.add_controls(report, progress), report, held)
        return show_controls(report)
    except Exception as error:
        return {"control_words_plain": panels.error_banner(words_of(error), "The controls could not be computed.")}


def show_layer(engine: Engine, held: HeldReport | None, task: str, layer: str | None) -> View:
    """What the strongest channels of a layer put out, for all models; empty places without a film or a layer."""
    report = held.report if held is not None else None
    if report is None or layer not in LAYERS:
        return hide_layer()
    pictures = plots.plot_layers(engine.read_layers(report, task, layer))
    return {
        f"layer_{arm}": gr.update(
            value=picture, visible=True, alt_text=f"{plots.ARM_NAMES[arm]}, {layer}: its strongest channels."
        )
        for arm, picture in pictures.items()
    }


def hide_layer() -> View:
    """No layer's pictures, and no room for them."""
    return {name: gr.update(value=None, visible=False) for name in LAYER_PICTURES}
