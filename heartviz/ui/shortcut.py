"""The Shortcut page: a cue that has nothing to do with the disease is planted, and who takes it is told."""

from html import escape

import gradio as gr

from heartviz.plots.shortcut import plot_shortcut
from heartviz.shortcut_results import CUE_NAMES, SHOWN_NAMES, ShortcutResults, describe_runs
from heartviz.ui.engine import Engine
from heartviz.ui.live import add_live_panel
from heartviz.ui.session import Session
from heartviz.ui.words import NOT_A_DEVICE

FIRST = ("marker", 0.95)
_INTRODUCTION = """
## Plant a shortcut, and see who takes it

In training a cue goes with the label on a share of the films: that is its strength (0.5: not at all; 1: always). Tested
are films held out, each drawn healthy and with **simulated** signs of VSD, with and without the cue. A model that
reads the heart is as often right where the cue goes against the label as where it goes with it. One that took the
shortcut is wrong there: its worst group shows it, while its average may still look well.
"""
_NONE = "No results lie beside this copy. `train.shortcut` measures them, `train.shortcut_tables --app` writes them."


def build_shortcut_page(engine: Engine, session: Session, tab: gr.Tab) -> None:
    """Adds the page to the Blocks that are being built."""
    with gr.Column(elem_classes="hv-wide"):
        gr.HTML(f'<div class="hv-device" role="note">{escape(NOT_A_DEVICE)}</div>')
        gr.Markdown(_INTRODUCTION)
        results = engine.shortcut()
        if results is None:
            gr.Markdown(_NONE)
            return
        with gr.Column(elem_classes="hv-panel"):
            with gr.Row():
                cue = gr.Radio([(name, key) for key, name in CUE_NAMES.items()], value=FIRST[0], label="Cue")
                strength = gr.Radio(results.strengths, value=FIRST[1], label="Strength in training")
            words = gr.HTML(words_html(results, *FIRST))
            figure = gr.Plot(
                plot_shortcut(results.runs[FIRST], *FIRST, results.test_films), show_label=False, container=False
            )
            table = gr.HTML(table_html(results, *FIRST))
        live = engine.live()
        if live is not None:
            add_live_panel(engine, session, tab, live, cue, strength)

    def choose(chosen: str, how_strong: float) -> tuple:
        return (
            words_html(results, chosen, how_strong),
            plot_shortcut(results.runs[chosen, how_strong], chosen, how_strong, results.test_films),
            table_html(results, chosen, how_strong),
        )

    gr.on(
        [cue.input, strength.input], choose, [cue, strength], [words, figure, table],
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip


def words_html(results: ShortcutResults, cue: str, strength: float) -> str:
    """Who took the cue, and what the same models do without any."""
    clean = "; ".join(f"{SHOWN_NAMES[arm]} {100 * value:.0f} %" for arm, value in results.clean.items())
    return (
        f'<p class="hv-finding" data-testid="shortcut-finding">{escape(describe_runs(results.runs[cue, strength]))}</p>'
        f'<p class="hv-caption">Right without any cue: {escape(clean)}.</p>'
    )


def table_html(results: ShortcutResults, cue: str, strength: float) -> str:
    """The figure's numbers."""
    second = ("JSRT", "Wingspan") if cue == "source" else ("no cue", "cue")
    head = "".join(f"<th>{label}, {second[cued]}</th>" for label in ("Normal", "VSD") for cued in (0, 1))
    rows = ""
    for run in results.runs[cue, strength]:
        cells = "".join(f"<td>{100 * run.groups[group]:.0f} %</td>" for group in ((0, 0), (0, 1), (1, 0), (1, 1)))
        low, high = run.interval
        rows += (
            f'<tr><th scope="row" class="hv-text">{escape(SHOWN_NAMES[run.arm])}</th><td>{100 * run.average:.0f} % '
            f"[{100 * low:.0f}, {100 * high:.0f}]</td><td>{100 * run.worst:.0f} %</td>{cells}</tr>"
        )
    return (
        '<div class="hv-table"><div class="hv-scroll" tabindex="0" role="region" aria-label="The figure\'s numbers">'
        '<table><thead><tr><th class="hv-text">What the model is shown</th><th>Average [95 %]</th><th>Worst group</th>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table></div></div>"
        f'<p class="hv-fine">{escape(results.command)}. Learnt on {results.train_films} films, tested on '
        f"{results.test_films} others; mean of three seeds, VGG16 frozen but its last convolution and the head, at "
        f"{results.size_px} px: models of their own, not those shipped. Worst group: the mean over seeds of each "
        "seed's worst.</p>"
    )
