"""The endpoints that programs call, with the Gradio client or as MCP tools; nothing is held after the answer."""

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import gradio as gr

from heartviz import plots
from heartviz.errors import QuestionError
from heartviz.gate import CORRECTIONS, OFFERED, ask_corrected
from heartviz.records import TASK_CLASSES, GradientFor, Radiograph
from heartviz.report import report_to_dict
from heartviz.ui.engine import Engine
from heartviz.ui.faults import words_of
from heartviz.ui.fleeting import png_address
from heartviz.ui.pictures import MODEL_QUEUE
from heartviz.ui.upload import take_upload
from heartviz.words import DEFAULT_METHOD, METHOD_WORDS

OWN_CLASS = "own answer"
AS_IT_IS = "as it is"
FILM_NAME = "film"
GRADIENTS = get_args(GradientFor)


def report_film(
    engine: Engine,
    film: str,
    task: str,
    method: str,
    target_class: str,
    gradient_for: str,
    pictures: bool,
    correct: str,
) -> dict[str, Any]:
    """The report of one film as JSON; the film's file is deleted before anything is computed."""
    content = _take(film)
    _check_choice("task", task, TASK_CLASSES)
    _check_choice("method", method, METHOD_WORDS)
    _check_choice("target_class", target_class, (OWN_CLASS, *TASK_CLASSES[task]))
    _check_choice("gradient_for", gradient_for, GRADIENTS)
    _check_choice("pictures", pictures, (True, False))
    asked = (task, None if target_class == OWN_CLASS else target_class, gradient_for, lambda done, words: None)
    report = _ask(engine, content, correct, lambda radiograph: engine.analyze(radiograph, *asked))
    if method != report.explanation.method:
        target = report.explanation.target_class
        explanation = engine.explain(report, task, target, gradient_for, method, lambda done, words: None)
        report = replace(report, explanation=explanation)
    told = report_to_dict(report, FILM_NAME)
    if pictures:
        shape = report.radiograph.pixels.shape
        maps = plots.plot_model_maps(report.explanation, report.segmentation, shape).pictures
        drawn = {"outlines": plots.plot_overlay(report)} | {f"map_{arm}": map_ for arm, map_ in maps.items()}
        told["pictures"] = {name: png_address(picture) for name, picture in drawn.items()}
    return told


def outline_film(engine: Engine, film: str, correct: str) -> dict[str, Any]:
    """Masks and ratio of one film as JSON; the film's file is deleted before anything is computed."""
    found = _ask(engine, _take(film), correct, engine.outline)
    masks = {name: getattr(found.segmentation, f"{name}_mask") for name in ("heart", "left_lung", "right_lung")}
    height, width = found.radiograph.pixels.shape
    return {
        "size": {"height": height, "width": width},
        "cardiothoracic_ratio": found.cardiothoracic.ratio,
        "messages": list(found.messages),
        "masks": {name: png_address(mask) for name, mask in masks.items()},
    }


def add_endpoints(engine: Engine) -> None:
    """Adds the endpoints to the Blocks that are being built. Their parts are never shown on a page.

    What the functions here are called and say of themselves is what programs and MCP clients read.
    """

    def analyze(
        film: str,
        task: str = "congenital",
        method: str = DEFAULT_METHOD,
        target_class: str = OWN_CLASS,
        gradient_for: str = "picture_seen",
        pictures: bool = False,
        correct: str = AS_IT_IS,
    ) -> dict[str, Any]:
        """Measures a frontal chest film and says where each model looks. Research and teaching, not a medical device.

        Returns JSON: cardiothoracic ratio, each model's probabilities and answer, the share of its map in heart, lungs
        and elsewhere beside the share of the picture (chance), and one sentence. Nothing of the film is kept.

        Args:
            film: the film as PNG, JPEG, TIFF, BMP, WebP or DICOM; at most 40 MB.
            task: the question: congenital (signs that were simulated on films of adults) or heart_size.
            method: how the maps are made.
            target_class: the class that the maps explain, one of the task's; "own answer" takes VGG+Mask's answer.
            gradient_for: the picture that gradients are taken for: picture_seen by the network, or the original film.
            pictures: whether the outlines and every model's map come along, as PNG in data: addresses.
            correct: how the film is put right first: "offered" does what the gate offers for a turned or inverted film
                that it would refuse. Pictures are of the corrected film then, and a message says so.
        """
        return _in_words(report_film, engine, film, task, method, target_class, gradient_for, pictures, correct)

    def segment(film: str, correct: str = AS_IT_IS) -> dict[str, Any]:
        """Outlines the heart and both lungs of a frontal chest film. Research and teaching, not a medical device.

        Returns JSON: the cardiothoracic ratio, and three masks of the film's own size as PNG in data: addresses, white
        where the part is; left is the patient's left. Nothing of the film is kept.

        Args:
            film: the film as PNG, JPEG, TIFF, BMP, WebP or DICOM; at most 40 MB.
            correct: how the film is put right first, as in analyze; size and masks are of the corrected film then.
        """
        return _in_words(outline_film, engine, film, correct)

    def models() -> dict[str, Any]:
        """Names the models: JSON with heartviz' version, and each model's file hash (sha256)."""
        return dict(engine.version())

    classes = list(dict.fromkeys(name for names in TASK_CLASSES.values() for name in names))
    with gr.Row(visible=False):
        film = gr.File(label="film")
        chosen = [
            gr.Dropdown(list(TASK_CLASSES), value="congenital", label="task"),
            gr.Dropdown(list(METHOD_WORDS), value=DEFAULT_METHOD, label="method"),
            gr.Dropdown([OWN_CLASS, *classes], value=OWN_CLASS, label="target_class"),
            gr.Dropdown(list(GRADIENTS), value=GRADIENTS[0], label="gradient_for"),
            gr.Checkbox(False, label="pictures"),
        ]
        correct = gr.Dropdown([AS_IT_IS, OFFERED, *CORRECTIONS], value=AS_IT_IS, label="correct")
        answer, button = gr.JSON(label="report"), gr.Button()
    named = {**MODEL_QUEUE, "api_visibility": "public"}
    button.click(analyze, [film, *chosen, correct], answer, api_name="analyze", **named)
    button.click(segment, [film, correct], answer, api_name="segment", **named)
    button.click(models, [], answer, api_name="models", api_visibility="public", queue=False)


def _take(film: str | None) -> bytes:
    if film is None:
        raise QuestionError("No film was given. Upload one, and give the path that the server answers.")
    return take_upload(Path(film))


def _check_choice(name: str, given: Any, choices: Collection[Any]) -> None:
    if not isinstance(given, str | bool) or given not in choices:
        raise QuestionError(f"{name} can't be {given!r}: give one of {', '.join(map(str, choices))}.")


def _ask(engine: Engine, content: bytes, correct: str, ask: Callable[[Radiograph], Any]) -> Any:
    _check_choice("correct", correct, (AS_IT_IS, OFFERED, *CORRECTIONS))
    return ask_corrected(engine.load(content), "" if correct == AS_IT_IS else correct, ask)


def _in_words(call: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    try:
        return call(*arguments)
    except Exception as error:
        offer = getattr(error, "offer", "")
        here = f" Here: correct={offer!r}, or {OFFERED!r} for all such films." if offer else ""
        raise gr.Error(words_of(error) + here, print_exception=False) from None
