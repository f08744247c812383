"""The gate on the Analyze page: its check list, the film that it refused, and the button that puts a film right."""

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from heartviz import plots
from heartviz.errors import GateError, RadiographError
from heartviz.gate import CHECKS, CORRECTIONS, judge_unreadable
from heartviz.records import GateCheck, Report
from heartviz.ui.held import Refused, Shelf
from heartviz.ui.pictures import add_image
from heartviz.words import VERDICT_NAMES

SIGNS = {"passed": "\u2713", "warned": "!", "refused": "\u2715", "unknown": "?", "not reached": "\u2013"}
WAS_TOLD = {"passed": "passed", "warned": "with a warning", "unknown": VERDICT_NAMES["unknown"]}
REFUSED_SAYS = (
    "The refused film, with what was taken for heart and lungs: it need not be right, and nothing is measured."
)

View = dict[str, Any]


def add_check_list(parts: dict[str, Any]) -> None:
    """The button and, below it, the check list, where the page is being built."""
    parts["offer"] = gr.Button(visible=False, variant="primary", elem_id="hv-offer")
    parts["checks"] = gr.HTML("", elem_id="hv-checks")


def add_refused_film(parts: dict[str, Any]) -> None:
    """The picture of a refused film, and what it shows."""
    parts["refused_film"] = add_image(visible=False)
    parts["refused_says"] = gr.HTML(f'<p class="hv-caption">{REFUSED_SAYS}</p>', visible=False)


def clear_checks() -> View:
    """No check, no refused film, nothing offered."""
    hidden = gr.update(visible=False)
    return {"checks": "", "offer": hidden, "refused_film": gr.update(value=None, visible=False), "refused_says": hidden}


def show_checks(report: Report) -> View:
    """The checks of a film that was let through, and what may put right what was warned of."""
    return {**clear_checks(), "checks": check_list(report.checks), "offer": _offer_button(report.offer)}


def show_refusal(error: Exception, shelf: Shelf) -> View:
    """The checks of a film that was refused, what was found on it, and the button where there is a correction.

    Only a film that can be put right is held.
    """
    if isinstance(error, RadiographError):
        return {**clear_checks(), "checks": check_list(judge_unreadable(str(error)))}
    if not isinstance(error, GateError) or error.radiograph is None:
        return clear_checks()
    found = error.segmentation
    picture = plots.plot_found(error.radiograph.pixels, found)
    alt_text = f"The refused film, with what was taken for heart and lungs outlined. {error}"
    return {
        "checks": check_list(error.checks),
        "offer": _offer_button(error.offer),
        "refused_film": gr.update(value=picture, visible=True, alt_text=alt_text),
        "refused_says": gr.update(visible=found is not None),
        "held": shelf.keep(Refused(error.radiograph, error.offer)) if error.offer else None,
        "empty": gr.update(visible=False),
    }


def check_list(checks: Sequence[GateCheck]) -> str:
    """The checks as a list: open where one refused or warned, folded where all is well."""
    if not checks:
        return ""
    verdicts = [check.verdict for check in checks]
    items = "".join(
        f'<li class="hv-{check.verdict.replace(" ", "-")}"><i aria-hidden="true">{SIGNS[check.verdict]}</i><b>'
        f'{escape(CHECKS[check.name])}</b> <em class="hv-sr">{VERDICT_NAMES[check.verdict]}</em>'
        f"<span>{escape(check.sentence)}</span></li>"
        for check in checks
    )
    told = ", ".join(f"{verdicts.count(kind)} {words}" for kind, words in WAS_TOLD.items() if kind in verdicts)
    refused = "The gate refused this film" + (f" ({told})" if told else "")
    summary = refused if "refused" in verdicts else f"The gate: {told}"
    unfolded = " open" if {"refused", "warned"} & set(verdicts) else ""
    return (
        f'<details class="hv-checks" data-testid="checks"{unfolded}><summary>{summary}</summary>'
        f"<ol>{items}</ol></details>"
    )


def _offer_button(offer: str) -> Any:
    return gr.update(value=CORRECTIONS[offer].button, visible=True) if offer else gr.update(visible=False)
