"""Train it yourself: three heads learn films with a planted cue in a second, and the cue is tried on one film."""

from functools import cache
from html import escape
from typing import Any

import gradio as gr

from heartviz import plots
from heartviz.interventions.cues import SOURCE
from heartviz.knobs import Settings, draw_settings, true_outlines
from heartviz.live_head import FEWEST_FILMS, CueTrial, LiveFeatures, LiveRun, train_heads
from heartviz.plots.shortcut import plot_learning, plot_shortcut
from heartviz.records import ARMS, Radiograph, Segmentation
from heartviz.shortcut_results import CUE_NAMES, describe_runs
from heartviz.ui import panels
from heartviz.ui.engine import Engine
from heartviz.ui.experiment import film_of
from heartviz.ui.faults import words_of
from heartviz.ui.held import HeldReport
from heartviz.ui.pictures import MODEL_QUEUE, add_image
from heartviz.ui.session import Session

View = dict[str, Any]
MOST_RUNS = 2**31 - 1
_HOW = (
    "The same experiment by hand: three heads (logistic regression) learn on cached features of VGG16's first three "
    "blocks, with the cue and strength chosen above. Guess first what will happen. Each draws its own labels: with "
    "another number every student gets another run."
)


@cache
def draw_film() -> tuple[Radiograph, Segmentation]:
    """A drawn patient with its own outlines, for a page that holds no film."""
    film = draw_settings(Settings(patient=3))
    return Radiograph(film.pixels, "a drawn, healthy patient"), true_outlines(film)


def train(
    engine: Engine, live: LiveFeatures, held: HeldReport | None, cue: str, strength: float, films: float, seed: float
) -> View:
    """Three heads trained with a cue, how they learnt and whom they fail, and the cue planted in the page's film."""
    try:
        run = train_heads(live, cue, strength, round(films), min(abs(round(seed or 0)), MOST_RUNS))
        trial = None if cue == SOURCE else engine.try_cue(run, live, *_film(held))
    except Exception as error:
        failed = panels.error_banner(words_of(error), "The heads could not be trained.")
        return {"words": failed, **{name: gr.update(value=None, visible=False) for name in ("learning", "groups")},
                "trial_words": "", "trial": gr.update(value=None, visible=False)}  # fmt: skip
    asked = f"Run {run.seed}, {run.films} films, {CUE_NAMES[cue].lower()}, strength {strength:g}."
    words = f"{asked} {describe_runs(run.runs)} {learning_words(run)}"
    view: View = {
        "words": f'<p class="hv-finding" role="status" data-testid="live-finding">{escape(words)}</p>',
        "learning": gr.update(value=plot_learning(run, live.test_films), visible=True),
        "groups": gr.update(value=plot_shortcut(run.runs, cue, strength, live.test_films), visible=True),
        "trial_words": '<p class="hv-caption">The cue "source" plants nothing that a single film could be given.</p>',
        "trial": gr.update(value=None, visible=False),
    }
    if trial is not None:
        view["trial_words"] = trial_html(trial)
        view["trial"] = gr.update(value=plots.plot_cue_trial(trial), visible=True, alt_text=trial_words(trial))
    return view


def _film(held: HeldReport | None) -> tuple[Radiograph, Segmentation]:
    report = film_of(held)
    return draw_film() if report is None else (report.radiograph, report.segmentation)


def learning_words(run: LiveRun) -> str:
    """What each head makes in the end of films with the cue with their label, and of the others."""
    said = []
    for arm in ARMS:
        with_label, against = run.history[arm][-1]
        said.append(
            f"{plots.ARM_NAMES[arm]} ends at {100 * with_label:.0f} % where the cue goes with the label and "
            f"{100 * against:.0f} % where it goes against it"
        )
    return "; ".join(said) + "."


def trial_words(trial: CueTrial) -> str:
    """What the cue does to each head's answer for one film, and how much of its map lies on it."""
    said = []
    for arm in ARMS:
        heart = trial.shares[arm]
        before, after, on_cue = (100 * of[arm] for of in (trial.before, trial.after, trial.on_cue))
        seen = (
            f"{on_cue:.0f} % of its sensitivity on the cue's pixels"
            if trial.cue_area[arm]
            else "its picture does not change"
        )
        said.append(
            f"{plots.ARM_NAMES[arm]}: VSD {before:.0f} % without the cue, {after:.0f} % with it; {seen}, "
            f"{100 * heart.share['heart']:.0f} % of the map in the heart (covers {100 * heart.chance['heart']:.0f} %)."
        )
    return " ".join(said)


def trial_html(trial: CueTrial) -> str:
    """The experiment on one film as a table, with what its pictures are."""
    rows = "".join(
        f'<tr><th scope="row">{plots.ARM_NAMES[arm]}</th><td>{panels.percent(trial.before[arm])}</td>'
        f"<td><b>{panels.percent(trial.after[arm])}</b></td><td>{_on_cue(trial, arm)}</td>"
        f"<td>{panels.percent(trial.shares[arm].share['heart'])}</td></tr>"
        for arm in ARMS
    )
    return (
        f"<h3>Planted in one film: {escape(CUE_NAMES[trial.cue])}</h3>"
        f'<p class="hv-caption">Film: {escape(trial.film)} (the Analyze page takes another). Pictures, a row a model '
        "in the table's order: what it sees without the cue, what it sees with it, and its sensitivity to that, "
        "all maps on one scale. In brackets: the cue's share of the picture.</p>"
        '<div class="hv-shares hv-scroll" tabindex="0" role="region" aria-label="The cue on one film"><table '
        'data-testid="trial"><thead><tr><th scope="col">Head</th><th scope="col">VSD without the cue</th>'
        '<th scope="col">with it</th><th scope="col">sensitivity on the cue</th><th scope="col">in the heart</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
    )


def _on_cue(trial: CueTrial, arm: str) -> str:
    area = trial.cue_area[arm]
    return f"{panels.percent(trial.on_cue[arm])} ({panels.percent(area)})" if area else "picture unchanged"


def add_live_panel(
    engine: Engine, session: Session, tab: gr.Tab, live: LiveFeatures, cue: gr.Radio, strength: gr.Radio
) -> None:
    """Adds the panel to the page that is being built; `cue` and `strength` are the page's.

    What was tried on a film is gone when the page is opened again: the film may be another one by then.
    """
    parts: dict[str, Any] = {}
    with gr.Column(elem_classes="hv-panel"):
        gr.HTML(f'<h2>Train it yourself</h2><p class="hv-caption">{_HOW}</p>')
        with gr.Row(elem_classes="hv-bench"):
            with gr.Column(scale=2, min_width=240):
                films = gr.Slider(FEWEST_FILMS, live.train_films, live.train_films, step=1, label="Films to learn from")
            with gr.Column(scale=1, min_width=140):
                seed = gr.Number(1, label="Number of the run", precision=0)
            with gr.Column(scale=1, min_width=160):
                start = gr.Button("Train three heads", variant="primary", elem_id="hv-train")
        parts["words"] = gr.HTML()
        with gr.Row():
            with gr.Column(min_width=320):
                parts["learning"] = gr.Plot(show_label=False, container=False, visible=False)
            with gr.Column(min_width=320):
                parts["groups"] = gr.Plot(show_label=False, container=False, visible=False)
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                parts["trial_words"] = gr.HTML()
            with gr.Column(scale=3, min_width=320):
                parts["trial"] = add_image(visible=False)
        gr.HTML(
            f'<p class="hv-fine">{escape(live.command)}: {live.train_films} films to learn from, tested on '
            f"{live.test_films} others, each in both labels, signs simulated, {live.size_px} px. The features are "
            "numbers, no film lies in them.</p>"
        )

    def on_train(held: HeldReport | None, *chosen: Any) -> dict[Any, Any]:
        return {parts[name]: update for name, update in train(engine, live, held, *chosen).items()}

    def on_open() -> tuple[Any, Any]:
        return "", gr.update(value=None, visible=False)

    tab.select(on_open, None, [parts["trial_words"], parts["trial"]], show_progress="hidden", api_visibility="private")
    start.click(
        on_train, [session.held, cue, strength, films, seed], list(parts.values()),
        show_progress_on=parts["words"], trigger_mode="always_last", **MODEL_QUEUE,
    )  # fmt: skip
