"""Plotly figures of an audit: curves with intervals, tables as pictures, mean maps on the mean anatomy, clusters."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from heartviz.audit.anatomy import GRID
from heartviz.audit.records import Audit, AuditedFilm
from heartviz.audit.summary import AuditSummary
from heartviz.bayes import predict_values
from heartviz.paper_results import HeartShares
from heartviz.plots.figures import ARM_COLOURS, ARM_NAMES, GRID_COLOUR, TEXT_COLOUR
from heartviz.records import ARMS, Arm
from heartviz.words import METHOD_WORDS

PREVALENCES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
START_PREVALENCE = 0.01
CLUSTER_COLOURS = ("#8fa9c4", "#f2a65a", "#7fd08a", "#e07fb0", "#c9b458", "#9b8cf0")
_LOG_TICKS = (0.1, 0.3, 1, 3, 10, 30)  # Percent; every digit's own tick would run into the next.
_PERCENT = {"range": [-2, 102], "ticksuffix": " %"}


def plot_roc(summary: AuditSummary) -> go.Figure:
    """True against false positive rate of every model for ill against Normal."""
    figure = _figure(f"Ill against Normal, n = {len(summary.audit.films)} films")
    for arm, of in summary.arms.items():
        low, high = of.auroc_interval
        figure.add_scatter(
            x=100 * of.roc[0], y=100 * of.roc[1], mode="lines", line={"color": ARM_COLOURS[arm], "width": 2.5},
            name=f"{ARM_NAMES[arm]}: AUROC {of.auroc:.3f} [{low:.3f}, {high:.3f}]",
        )  # fmt: skip
    figure.add_scatter(
        x=[0, 100], y=[0, 100], mode="lines", line={"color": "#ffffff", "width": 1, "dash": "dash"}, name="Chance"
    )
    figure.update_xaxes(title_text="Healthy films called ill", **_PERCENT)
    figure.update_yaxes(title_text="Ill films called ill", **_PERCENT)
    return figure


def plot_reliability(summary: AuditSummary) -> go.Figure:
    """How often films given a probability of being ill are ill, by tenths of it, with Wilson intervals."""
    figure = _figure(f"n = {len(summary.audit.films)} films, in tenths of the probability")
    figure.add_scatter(
        x=[0, 100], y=[0, 100], mode="lines", line={"color": "#ffffff", "width": 1, "dash": "dash"}, name="Right"
    )
    for arm, of in summary.arms.items():
        rates = [rate for _, rate in of.reliability]
        figure.add_scatter(
            x=[100 * mean for mean, _ in of.reliability], y=[100 * rate.share for rate in rates],
            mode="lines+markers", line={"color": ARM_COLOURS[arm]}, text=[f"n = {rate.n}" for rate in rates],
            error_y={
                "array": [100 * (rate.high - rate.share) for rate in rates],
                "arrayminus": [100 * (rate.share - rate.low) for rate in rates], "thickness": 1,
            },
            name=f"{ARM_NAMES[arm]}: off by {100 * of.calibration_error:.1f} points on average",
        )  # fmt: skip
    figure.update_xaxes(title_text="Probability of ill", **_PERCENT)
    figure.update_yaxes(title_text="Share that is ill", **_PERCENT)
    return figure


def plot_confusion(summary: AuditSummary, arm: Arm) -> go.Figure:
    """Films by label and answer, coloured by their share of the label's films."""
    of = summary.arms[arm]
    shares = of.confusion / np.maximum(1, of.confusion.sum(axis=1, keepdims=True))
    figure = _figure(f"{ARM_NAMES[arm]}, n = {int(of.confusion.sum())} films", height=360)
    figure.add_heatmap(
        z=100 * shares, x=list(summary.classes), y=list(summary.classes), text=of.confusion, texttemplate="%{text}",
        colorscale=[[0, "#151c22"], [1, ARM_COLOURS[arm]]], zmin=0, zmax=100, showscale=False,
        hovertemplate="%{y} called %{x}: %{text} films, %{z:.0f} %<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title_text="Answer", showgrid=False)
    figure.update_yaxes(title_text="Label", autorange="reversed", showgrid=False)
    return figure


def plot_groups(summary: AuditSummary) -> go.Figure:
    """Every model's accuracy in each group of label and group, with Wilson intervals, the worst marked."""
    figure = _figure(f"n = {len(summary.audit.films)} films", height=120 + 56 * len(summary.arms["plain"].groups))
    for place, (arm, of) in enumerate(summary.arms.items()):
        names = list(of.groups)
        rates = [of.groups[name] for name in names]
        figure.add_scatter(
            x=[100 * rate.share for rate in rates],
            y=[row + 0.22 * (place - 1) for row in range(len(names))], mode="markers", name=ARM_NAMES[arm],
            marker={
                "color": ARM_COLOURS[arm], "size": 11,
                "symbol": ["diamond" if name == of.worst_group else "circle" for name in names],
            },
            error_x={
                "array": [100 * (rate.high - rate.share) for rate in rates],
                "arrayminus": [100 * (rate.share - rate.low) for rate in rates], "thickness": 1.5,
            },
            text=[f"n = {rate.n}" for rate in rates], hovertemplate="%{x:.0f} % right, %{text}<extra></extra>",
        )  # fmt: skip
    rows = list(summary.arms["plain"].groups)
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=[" ".join((label, f"({group})")) for label, group in rows],
        autorange="reversed", automargin=True,
    )  # fmt: skip
    figure.update_xaxes(title_text="Right answers (diamond: worst)", **_PERCENT)
    return figure


def plot_heart_shares(audit: Audit) -> go.Figure:
    """How the share of the map in the heart is spread over films, by method and model, and the mean chance line."""
    figure = _figure(f"n = {len(audit.films)} films; line: the heart's share of the picture", height=440)
    for arm in ARMS:
        named = [
            (_break(METHOD_WORDS[method].label), film.heart_shares[method][arm])
            for method in audit.methods
            for film in audit.films
        ]
        figure.add_box(
            x=[name for name, _ in named], y=[100 * share for _, share in named], name=ARM_NAMES[arm],
            marker={"color": ARM_COLOURS[arm], "size": 3}, boxpoints="outliers",
        )  # fmt: skip
    chance = 100 * float(np.mean([film.heart_chance for film in audit.films]))
    figure.add_hline(y=chance, line={"color": "#ffffff", "width": 1, "dash": "dash"})
    figure.update_layout(boxmode="group")
    _put_legend_above(figure)
    figure.update_yaxes(title_text="Share of the map in the heart", rangemode="tozero", ticksuffix=" %")
    return figure


def plot_all_heart_shares(shares: Sequence[HeartShares]) -> go.Figure:
    """How every method's maps lie in the heart, by model: boxes from percentiles, whiskers at 5 and 95 %."""
    figure = _figure(f"n = {min(of.drawings for of in shares)} drawn films or more; whiskers: 5 and 95 %", height=520)
    for arm in ARMS:
        own = [of for of in shares if of.arm == arm]
        if own:
            low, q1, median, q3, high = (100 * values for values in np.array([of.quantiles for of in own]).T)
            figure.add_box(
                x=[METHOD_WORDS[of.method].label for of in own], q1=q1, median=median, q3=q3, lowerfence=low,
                upperfence=high, name=ARM_NAMES[arm], marker={"color": ARM_COLOURS[arm]},
            )  # fmt: skip
    area = 100 * float(np.mean([of.area for of in shares]))
    figure.add_hline(y=area, line={"color": "#ffffff", "width": 1, "dash": "dash"})
    figure.update_layout(boxmode="group")
    _put_legend_above(figure)
    figure.update_xaxes(tickfont={"size": 12})
    figure.update_yaxes(title_text="Share of the map in the heart", rangemode="tozero", ticksuffix=" %")
    return figure


def plot_mean_map(summary: AuditSummary, arm: Arm, cluster: int | None = None) -> go.Figure:
    """The mean map on the mean anatomy, of all films or of one cluster, in times an even map; heart and lungs drawn."""
    audit, of = summary.audit, summary.arms[arm]
    mean, count, what = of.mean_map, len(audit.films), ARM_NAMES[arm]
    if cluster is not None and of.clusters is not None:
        drawn = np.stack([film.maps[arm] for film in audit.films if film.maps[arm].any()])
        mean, count = drawn[of.clusters.labels == cluster].mean(axis=0), int((of.clusters.labels == cluster).sum())
        what = f"Cluster {cluster + 1}"
    top = max(float(each.mean_map.max()) for each in summary.arms.values())
    return _draw_map(audit, mean, top, f"{what}, n = {count} films")


def plot_film_map(audit: Audit, film: AuditedFilm, arm: Arm) -> go.Figure:
    """One film's map on the mean anatomy, in times an even map, on a scale of its own."""
    values = film.maps[arm]
    return _draw_map(audit, values, float(values.max()), f"{ARM_NAMES[arm]}, line {film.line}; a scale of its own")


def _draw_map(audit: Audit, values: NDArray[np.float32], top: float, title: str) -> go.Figure:
    figure = _figure(title, height=380)
    figure.add_heatmap(
        z=GRID * GRID * values, colorscale="Inferno", zmin=0, zmax=GRID * GRID * top, zsmooth="best",
        colorbar={"title": {"text": "times even"}, "thickness": 10}, hovertemplate="%{z:.1f} times even<extra></extra>",
    )  # fmt: skip
    for masks, colour in ((audit.mean_lungs, "#b9c7d2"), (audit.mean_heart, "#40e0d0")):
        figure.add_contour(
            z=masks, contours={"start": 0.5, "end": 0.5, "size": 1, "coloring": "none"},
            line={"color": colour, "width": 2}, showscale=False, showlegend=False, hoverinfo="skip",
        )  # fmt: skip
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, autorange="reversed", scaleanchor="x")
    return figure


def plot_clusters(summary: AuditSummary, arm: Arm) -> go.Figure | None:
    """Every film's map as a point, near those with similar maps, coloured by cluster; None where there are none."""
    clusters = summary.arms[arm].clusters
    if clusters is None:
        return None
    films = [film for film in summary.audit.films if film.maps[arm].any()]
    figure = _figure(f"{ARM_NAMES[arm]}, n = {len(films)} maps, {clusters.count} clusters", height=400)
    for cluster in range(clusters.count):
        chosen = np.flatnonzero(clusters.labels == cluster)
        figure.add_scatter(
            x=clusters.places[chosen, 0], y=clusters.places[chosen, 1], mode="markers", name=f"Cluster {cluster + 1}",
            marker={"color": CLUSTER_COLOURS[cluster], "size": 8},
            text=[
                f"line {films[place].line}: {films[place].label}, {films[place].group}, called "
                f"{films[place].answers[arm]}" for place in chosen
            ],
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text="Second eigenvector", showticklabels=False)
    figure.update_yaxes(title_text="Third eigenvector", showticklabels=False)
    return figure


def plot_predictive_value(summary: AuditSummary) -> go.Figure:
    """Chance that a film called ill is ill, against how many are, with a slider that reads it off for every model.

    The legend has the numbers: beside the points they would lie on each other wherever the models are about as good.
    """
    figure = _figure("By each model's sensitivity and specificity on these films", height=480)
    fine = np.logspace(-3, np.log10(0.5), 60)
    for arm in summary.arms:
        values = [_positive(summary, arm, prevalence) for prevalence in fine]
        figure.add_scatter(
            x=100 * fine, y=values, mode="lines", line={"color": ARM_COLOURS[arm]},
            name=_named_value(summary, arm, START_PREVALENCE),
        )  # fmt: skip
    for prevalence in PREVALENCES:
        values = [_positive(summary, arm, prevalence) for arm in ARMS]
        figure.add_scatter(
            x=[100 * prevalence] * len(ARMS), y=values, mode="markers", showlegend=False,
            text=[_named_value(summary, arm, prevalence) for arm in ARMS], hovertemplate="%{text}<extra></extra>",
            marker={"size": (17, 12, 7), "opacity": 1, "color": [ARM_COLOURS[arm] for arm in ARMS]},
            visible=prevalence == START_PREVALENCE,
        )  # fmt: skip
    steps = [
        {
            "label": f"{100 * prevalence:g} %",
            "method": "restyle",
            "args": [
                {
                    "visible": [True] * len(ARMS) + [each == prevalence for each in PREVALENCES],
                    "name": [_named_value(summary, arm, prevalence) for arm in ARMS] + [""] * len(PREVALENCES),
                }
            ],
        }
        for prevalence in PREVALENCES
    ]
    slider = {"active": PREVALENCES.index(START_PREVALENCE), "steps": steps, "pad": {"t": 64},
              "currentvalue": {"prefix": "Of the people filmed, ill: "}}  # fmt: skip
    figure.update_layout(sliders=[slider], showlegend=True)
    _put_legend_above(figure)
    figure.update_xaxes(
        title_text="Ill among those filmed", type="log", range=np.log10([0.095, 53]), tickvals=_LOG_TICKS,
        ticktext=[f"{tick:g} %" for tick in _LOG_TICKS],
    )  # fmt: skip
    figure.update_yaxes(title_text="Ill among those called ill", **_PERCENT)
    return figure


def _named_value(summary: AuditSummary, arm: Arm, prevalence: float) -> str:
    return f"{ARM_NAMES[arm]}: {_positive(summary, arm, prevalence):.1f} %"


def _positive(summary: AuditSummary, arm: Arm, prevalence: float) -> float:
    of = summary.arms[arm]
    return 100 * predict_values(of.sensitivity.share, of.specificity.share, prevalence).positive


def _break(label: str) -> str:
    """A long name in two lines, so that it fits under its boxes on a phone."""
    return label.replace(" (", "<br>(").replace(", ", ",<br>")


def _put_legend_above(figure: go.Figure) -> None:
    """The legend between title and plot, where neither tilted names nor a slider lie."""
    # Room for three lines, one for each model on a phone.
    figure.update_layout(margin={"t": 108}, title={"y": 0.97}, legend={"y": 1.02, "yanchor": "bottom"})


def _figure(title: str, height: int = 420) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        height=height, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 8, "r": 16, "t": 44, "b": 8}, title={"text": title, "font": {"size": 13}, "x": 0},
        font={"color": TEXT_COLOUR, "family": "IBM Plex Sans, system-ui, sans-serif", "size": 14},
        legend={"orientation": "h", "x": 0, "y": -0.2, "xanchor": "left", "yanchor": "top"},
    )  # fmt: skip
    figure.update_xaxes(gridcolor=GRID_COLOUR, zeroline=False, fixedrange=True)
    figure.update_yaxes(gridcolor=GRID_COLOUR, zeroline=False, fixedrange=True)
    return figure
