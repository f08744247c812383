"""The Audit page: how well the models do on whole sets of films, for whom, and where their maps lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from heartviz.audit import Audit, summarise
from heartviz.audit.clusters import MOST_CLUSTERS
from heartviz.audit_report import OUTLIERS_TITLE, Section, introduce, list_sections
from heartviz.paper_results import HeartShares
from heartviz.plots.audit import plot_all_heart_shares
from heartviz.plots.figures import ARM_NAMES
from heartviz.records import ARMS, TASK_CLASSES
from heartviz.ui import panels
from heartviz.ui.engine import Engine
from heartviz.ui.faults import words_of
from heartviz.ui.session import Session
from heartviz.ui.words import NOT_A_DEVICE, TASK_NAMES, TASK_NOTES
from heartviz.words import METHOD_WORDS

# Most figures of each section that `list_sections` gives, and which of these have outliers.
PLACES = (1, 1, len(ARMS), 1, 1, len(ARMS), *[1 + MOST_CLUSTERS] * len(ARMS), 1)
WITH_OUTLIERS = range(6, 6 + len(ARMS))
_INTRODUCTION = """
## The models on a whole set of films

One film can mislead. Here the shipped models have analysed every test film, none of which they learnt from: how often
each is right, for whom it is worst, what its answer is worth where illness is rare, and where its maps lie, with the
kinds of maps that films fall into. A kind that goes with the hospital instead of the disease is a shortcut. The paper's
own tables, measured again and beside ours, are on the Results page.
"""
_OWN = """
<details class="hv-fineprint"><summary>Audit your own films</summary><p>Write a CSV with the columns
<code>file,label</code> and, if you like, <code>group</code> (hospital, device, sex), labels of one task, then run
<code>python -m heartviz audit FOLDER --labels CSV --out report.html</code> in the clone's folder. It makes one HTML
file like this page that opens offline and holds no film and no file name. Stopped, the same command goes on where it
was.</p></details>
"""
_NONE = (
    '<section class="hv-empty"><h2>No audit of this task yet</h2><p>No results lie beside this copy: '
    "<code>python -m train.audit --data DIR --out weights</code> makes them.</p></section>"
)


@dataclass(frozen=True)
class Panel:
    """Where one section is shown."""

    box: gr.Column
    words: gr.HTML
    plots: Sequence[gr.Plot]
    outlier: gr.Radio | None = None
    outlier_plot: gr.Plot | None = None

    @property
    def outputs(self) -> list[Any]:
        """All its components, in the order of `fill`."""
        return [self.box, self.words, *self.plots, *([self.outlier, self.outlier_plot] if self.outlier else [])]

    def fill(self, section: Section | None) -> list[Any]:
        """What each of `outputs` shows of the section; nothing is shown of None."""
        if section is None:
            return [gr.update(visible=False), "", *[gr.update(value=None, visible=False)] * (len(self.outputs) - 2)]
        spare = len(self.plots) - len(section.figures)
        shown = [
            gr.update(visible=True),
            section_html(section),
            *(gr.update(value=figure, visible=True) for figure in section.figures),
            *[gr.update(value=None, visible=False)] * spare,
        ]
        if self.outlier is None:
            return shown
        if not section.outliers:
            return [*shown, gr.update(visible=False), gr.update(value=None, visible=False)]
        choices = [(name, place) for place, (name, _) in enumerate(section.outliers)]
        first = section.outliers[0][1]
        return [*shown, gr.update(choices=choices, value=0, visible=True), gr.update(value=first, visible=True)]


def section_html(section: Section) -> str:
    """A section's heading and the numbers of its figures in words."""
    return f'<h2>{escape(section.title)}</h2><p class="hv-finding">{escape(section.says)}</p>'


def about_html(audit: Audit, task: str) -> str:
    """What films these are, how many, and what they are not."""
    return (
        f'<p class="hv-finding" data-testid="audit-about" role="status">{escape(introduce(audit))}</p>'
        f'<p class="hv-caption">{escape(TASK_NOTES[task])} Brackets: 95 % intervals.</p>'
    )


class Shelf:
    """The sections of each task's audit, made once, when they are first asked for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._made: dict[str, tuple[str, list[Section]]] = {}

    def read(self, task: str) -> tuple[str, list[Section]]:
        """Words about the audit (HTML) and its sections; no sections where there is no audit that can be read."""
        if task not in self._made:
            try:
                audit = self._engine.audit(task)
                if audit is None:
                    return _NONE, []
                self._made[task] = about_html(audit, task), list_sections(summarise(audit))
            except Exception as error:
                return panels.error_banner(words_of(error), "This audit could not be read."), []
        return self._made[task]

    def outlier(self, task: str, section: int, place: int) -> Any:
        """The figure of one outlier's map."""
        return self.read(task)[1][section].outliers[place][1]


def fill_page(shelf: Shelf, places: Sequence[Panel], task: str, shown: str | None) -> list[Any]:
    """What the page shows of a task: the task, words about it, and every panel; nothing new where it is shown."""
    if task == shown:
        return [gr.skip()] * (2 + sum(len(panel.outputs) for panel in places))
    about, sections = shelf.read(task)
    whole = [*sections, *[None] * (len(places) - len(sections))]
    filled = [update for panel, section in zip(places, whole, strict=True) for update in panel.fill(section)]
    return [task if sections else None, about, *filled]


def build_audit_page(engine: Engine, session: Session, tab: gr.Tab) -> None:
    """Adds the page to the Blocks that are being built; its figures are made when it is opened."""
    shelf = Shelf(engine)
    with gr.Column(elem_classes="hv-wide"):
        gr.HTML(f'<div class="hv-device" role="note">{escape(NOT_A_DEVICE)}</div>')
        gr.Markdown(_INTRODUCTION)
        gr.HTML(_OWN)
        task = gr.Radio(
            [(TASK_NAMES[name], name) for name in TASK_CLASSES], value=next(iter(TASK_CLASSES)), label="Task"
        )
        about = gr.HTML()
        places = [_add_panel(most, place in WITH_OUTLIERS) for place, most in enumerate(PLACES)]
        _add_all_methods(engine)
    shown = gr.State(None)
    gr.on(
        [tab.select, task.input],
        partial(fill_page, shelf, places),
        [task, shown],
        [shown, about, *(part for panel in places for part in panel.outputs)],
        show_progress_on=about,
        api_visibility="private",
    )
    for place, panel in enumerate(places):
        if panel.outlier is not None:
            panel.outlier.input(
                lambda chosen_task, chosen, place=place: shelf.outlier(chosen_task, place, chosen),
                [task, panel.outlier],
                panel.outlier_plot,
                show_progress="hidden",
                api_visibility="private",
            )


def _add_all_methods(engine: Engine) -> None:
    """Where every method's maps lie, on films with drawn signs: the audits' own maps are the paper's."""
    shares = engine.heart_shares()
    if shares:
        with gr.Column(elem_classes="hv-panel"):
            gr.HTML(
                "<h2>Where every method's maps lie</h2>"
                f'<p class="hv-finding">{escape(_all_methods_words(shares))}</p>'
                '<p class="hv-caption">Films with SIMULATED signs of VSD, ASD, TOF (<code>train.causes</code>): the '
                "map explains the drawn class. Which of these maps find the signs is the last table of the Results "
                "page. Line: the heart's share of the picture.</p>"
            )
            gr.Plot(plot_all_heart_shares(shares), show_label=False, container=False)


def _all_methods_words(shares: Sequence[HeartShares]) -> str:
    said = [
        f"{METHOD_WORDS[of.method].label}, {ARM_NAMES[of.arm]}: {100 * of.quantiles[2]:.0f} % "
        f"({100 * of.quantiles[1]:.0f} to {100 * of.quantiles[3]:.0f} %)"
        for of in shares
    ]
    return f"Median share in the heart (quarter to three quarters of films): {'; '.join(said)}."


def _add_panel(most: int, with_outliers: bool) -> Panel:
    with gr.Column(elem_classes="hv-panel", visible=False) as box:
        words = gr.HTML()
        with gr.Row(elem_classes="hv-figures"):
            plots = [gr.Plot(show_label=False, container=False, visible=False) for _ in range(most)]
        if not with_outliers:
            return Panel(box, words, plots)
        with gr.Row(elem_classes="hv-figures"):
            outlier = gr.Radio([], label=f"{OUTLIERS_TITLE}: choose a film to see its map", visible=False)
            outlier_plot = gr.Plot(show_label=False, container=False, visible=False)
    return Panel(box, words, plots, outlier, outlier_plot)
