"""The About page: what this is, what the models were trained on, limits, privacy, licences."""

from html import escape

import gradio as gr

from heartviz.ui.engine import Engine
from heartviz.ui.session import Session
from heartviz.ui.words import NOT_A_DEVICE, PAPER

_WHAT = f"""
## What this is

A teaching and research demo of one question: **does a chest X-ray model look at the heart?** It follows {PAPER},
"Deep Mask For X-ray Based Heart Disease Classification": one network outlines the heart, everything outside it is
dimmed to 0.2 of its gray value, and a VGG16 classifier (*VGG+Mask*) sees that picture. A *plain* VGG16 of the same
shape, trained on the same films, sees the undimmed one. Sensitivity maps then show which pixels each answer hangs on.
"""
_LIMITS = """
## Limits

* Congenital classes (VSD, ASD, TOF) were learned from **signs drawn into films of adults**, because no public set of
  films with these diagnoses was at hand. They show how the method behaves, not who is ill.
* Frontal films of adults only. Films taken from the side are refused. Children, films taken lying down and other body
  parts are outside what the models were made for; the outlines may then be wrong without notice.
* Sensitivity outside the heart is not wrong as such: vessels of the lungs carry signs of heart disease. A map in the
  heart is not a proof of sense either: it shows where a small change moves the answer, not why.
* Probabilities are calibrated on films like the test films. At the rates of a real clinic, most positive answers of any
  such model would be false.

## Privacy

Everything runs on the computer that serves this page. An uploaded file is deleted as soon as it is read. The result
is held in memory for at most 15 minutes after its last use, and goes a minute after this page has closed. The
pictures shown, and what you paint on them, are never files on the server. Nothing is sent elsewhere: no analytics, no
run history, no fonts or scripts from other servers. What a DICOM header or another tag says is never shown, logged or
kept. Writing in the picture itself is warned of where it can be seen, not removed.

## Licences

Code and weights: see `LICENSE` and the model cards in `weights/`. Training films: JSRT (Shiraishi 2000) with SCR
outlines (van Ginneken 2006), research and education; Wingspan (Dong et al. 2018), MIT. First weights: VGG16 trained on
ImageNet (Simonyan and Zisserman), CC BY 4.0. The example chests are drawn by this program; no real film is shipped.
"""


def build_about_page(engine: Engine, session: Session, tab: gr.Tab) -> None:
    """Adds the page to the Blocks that are being built."""
    with gr.Column(elem_classes="hv-about"):
        gr.HTML(f'<div class="hv-device" role="note">{escape(NOT_A_DEVICE)}</div>')
        gr.Markdown(_WHAT)
        gr.HTML(_model_cards(engine))
        gr.Markdown(_LIMITS)


def _model_cards(engine: Engine) -> str:
    cards = "".join(
        f"<article><h3>{escape(name)}</h3><p>{escape(card.trained_on)}</p>"
        f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in card.metrics)}</ul>"
        f'<p class="hv-fine">sha256 <code>{escape(card.sha256)}</code></p></article>'
        for name, card in engine.describe().items()
    )
    version = engine.version().get("version", "")
    told = f'<p>heartviz {escape(version)}; version and hashes as JSON: <a href="version">version</a></p>'
    return f'<h2>The models</h2>{told}<div class="hv-cards">{cards}</div>'
