"""The Results page: the paper's tables as measured again, each beside the paper's own numbers."""

from collections.abc import Sequence
from html import escape

import gradio as gr

from heartviz.paper_results import ResultTable, format_cell
from heartviz.ui.engine import Engine
from heartviz.ui.session import Session
from heartviz.ui.words import NOT_A_DEVICE, PAPER

_INTRODUCTION = f"""
## The paper's tables, measured again

{PAPER} reports how well VGG16 tells normal hearts from congenital disease, with and without a heart mask. Its films
are not public, and no public film shows these diseases: here their **signs are simulated** on real films of adults, and
every film is tested by classifiers that never saw it. Beside the paper's numbers stand those that it leaves out.
"""
_TEXT = ' class="hv-text"'
_NONE = "No results lie beside this copy. `python -m train.reproduce --data DIR --out DIR` measures them anew."


def build_results_page(engine: Engine, session: Session, tab: gr.Tab) -> None:
    """Adds the page to the Blocks that are being built."""
    with gr.Column(elem_classes="hv-wide"):
        gr.HTML(f'<div class="hv-device" role="note">{escape(NOT_A_DEVICE)}</div>')
        gr.Markdown(_INTRODUCTION)
        tables = engine.results()
        if not tables:
            gr.Markdown(_NONE)
        for table in tables:
            gr.HTML(table_html(table))


def table_html(table: ResultTable) -> str:
    """The table with its finding above and its notes under it; wide ones scroll sideways by themselves."""
    texts = [any(isinstance(row[place], str) for row in table.rows) for place in range(len(table.columns))]
    head = "".join(
        f'<th scope="col"{_TEXT if text else ""}>{escape(name)}</th>'
        for name, text in zip(table.columns, texts, strict=True)
    )
    body = "".join(f"<tr>{_cells(row, texts)}</tr>" for row in table.rows)
    finding = f'<p class="hv-finding">{escape(table.finding)}</p>' if table.finding else ""
    return (
        f'<section class="hv-panel hv-table"><h2>{escape(table.title)}</h2>{finding}'
        f'<div class="hv-scroll" tabindex="0" role="region" aria-label="{escape(table.title)}"><table>'
        f'<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div><p class="hv-fine">{escape(table.under)}</p>'
        "</section>"
    )


def _cells(row: Sequence[str | float | int | None], texts: Sequence[bool]) -> str:
    pairs = zip(row, texts, strict=True)
    return "".join(f"<td{_TEXT if text else ''}>{escape(format_cell(value))}</td>" for value, text in pairs)
