"""Figures of the planted shortcuts: what each way of showing a film makes of one cue, at the end and on the way."""

from collections.abc import Sequence

import plotly.graph_objects as go

from heartviz.live_head import LiveRun
from heartviz.plots.figures import ARM_COLOURS, ARM_NAMES, lay_out
from heartviz.records import ARMS
from heartviz.shortcut_results import CUE_NAMES, SHOWN_NAMES, ShortcutRun

ALIGNED, CONFLICTING = "#8fa9c4", "#f2a65a"


def plot_shortcut(runs: Sequence[ShortcutRun], cue: str, strength: float, test_films: int) -> go.Figure:
    """Average with its interval and the four groups of every way of showing a film, at one cue and strength."""
    names = [SHOWN_NAMES[run.arm] for run in runs]
    figure = go.Figure()
    for kind, colour, groups in (
        ("Cue goes with the label", ALIGNED, ((0, 0), (1, 1))),
        ("Cue goes against the label", CONFLICTING, ((0, 1), (1, 0))),
    ):
        figure.add_scatter(
            name=kind, mode="markers", x=[100 * run.groups[group] for group in groups for run in runs],
            y=names * 2, text=[f"{('Normal', 'VSD')[group[0]]}" for group in groups for _ in runs],
            marker={"color": colour, "size": 12, "symbol": "circle" if colour == ALIGNED else "diamond"},
            hovertemplate="%{text}: %{x:.0f} % right<extra></extra>",
        )  # fmt: skip
    figure.add_scatter(
        name="Average, 95 % by film", mode="markers", x=[100 * run.average for run in runs], y=names,
        marker={"color": "#ffffff", "symbol": "line-ns", "size": 20, "line": {"width": 3, "color": "#ffffff"}},
        error_x={
            "array": [100 * (run.interval[1] - run.average) for run in runs],
            "arrayminus": [100 * (run.average - run.interval[0]) for run in runs], "color": "#ffffff",
        },
        hovertemplate="average %{x:.0f} %<extra></extra>",
    )  # fmt: skip
    figure.add_vline(x=50, line={"color": "#ffffff", "width": 1, "dash": "dash"}, annotation={"text": "chance"})
    lay_out(
        figure, f"{CUE_NAMES[cue]}, strength {strength:g}; n = {test_films} films in both labels", 240 + 40 * len(runs)
    )
    figure.update_xaxes(range=[-2, 102], ticksuffix=" %", title={"text": "Right answers"})
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure


def plot_learning(run: LiveRun, test_films: int) -> go.Figure:
    """Accuracy step by step of the three live heads, where the cue goes with the label and where against it."""
    figure = go.Figure()
    for arm in ARMS:
        for column, (dash, kind) in enumerate((("dot", "cue with the label"), ("solid", "cue against the label"))):
            figure.add_scatter(
                name=f"{ARM_NAMES[arm]}: {kind}", mode="lines", y=100 * run.history[arm][:, column],
                line={"color": ARM_COLOURS[arm], "dash": dash, "width": 2.5},
                hovertemplate="step %{x}: %{y:.0f} %<extra></extra>",
            )  # fmt: skip
    figure.add_hline(y=50, line={"color": "#ffffff", "width": 1, "dash": "dash"})
    title = f"Learnt on {run.films} films, tested on n = {test_films} others in both labels"
    lay_out(figure, title, 420)
    figure.update_xaxes(title={"text": "Step of gradient descent"})
    figure.update_yaxes(range=[-2, 102], ticksuffix=" %", title={"text": "Right answers"})
    return figure
