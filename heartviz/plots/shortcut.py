"""The figure of the planted shortcuts: what each way of showing a film makes of one cue."""

import plotly.graph_objects as go

from heartviz.plots.figures import GRID_COLOUR, TEXT_COLOUR
from heartviz.shortcut_results import CUE_NAMES, SHOWN_NAMES, ShortcutResults

ALIGNED, CONFLICTING = "#8fa9c4", "#f2a65a"


def plot_shortcut(results: ShortcutResults, cue: str, strength: float) -> go.Figure:
    """Average with its interval and the four groups of every way of showing a film, at one cue and strength."""
    runs = results.runs[cue, strength]
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
    figure.update_layout(
        height=480, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 4, "r": 24, "t": 44, "b": 4},
        title={
            "text": f"{CUE_NAMES[cue]}, strength {strength:g}; n = {results.test_films} films in both labels",
            "font": {"size": 13}, "x": 0,
        },
        font={"color": TEXT_COLOUR, "family": "IBM Plex Sans, system-ui, sans-serif", "size": 14},
        legend={"orientation": "h", "x": 0, "y": -0.16, "xanchor": "left", "yanchor": "top", "itemclick": False},
        xaxis={"range": [-2, 102], "ticksuffix": " %", "gridcolor": GRID_COLOUR, "title": {"text": "Right answers"}},
        yaxis={"autorange": "reversed", "automargin": True, "gridcolor": GRID_COLOUR},
    )  # fmt: skip
    figure.update_xaxes(fixedrange=True, zeroline=False)
    figure.update_yaxes(fixedrange=True)
    return figure
