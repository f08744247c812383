"""Plotly figures of what the records hold; no result is computed here."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from heartviz.knobs import KNOBS, KnobCurve
from heartviz.records import ARMS, REGIONS, Arm, DeletionCurves, DimCurve, Explanation
from heartviz.words import METHOD_WORDS

ARM_COLOURS: Mapping[Arm, str] = {"plain": "#8fa9c4", "mask": "#f2a65a", "hardened": "#7fd08a"}
ARM_NAMES: Mapping[Arm, str] = {"plain": "Plain VGG16", "mask": "VGG+Mask", "hardened": "Hardened"}
REGION_NAMES = {"heart": "Heart", "lungs": "Lungs", "elsewhere": "Elsewhere"}
TEXT_COLOUR, GRID_COLOUR = "#dfe8ee", "#2c3943"
_STILL = {"fixedrange": True, "zeroline": False}
_PERCENT_TICKS = {"tickvals": [0, 25, 50, 75, 100], "ticktext": ["0 %", "25 %", "50 %", "75 %", "100 %"]}
# Right of the last tick, where no bar and no chance line can cover the numbers.
NUMBERS_AT = 112
# From one model's bar to the next, in rows.
BAR_PITCH = 0.8 / len(ARMS)


def plot_shares(explanation: Explanation) -> go.Figure:
    """Bars of each region's share of the sensitivity for all models, with a tick at its chance line."""
    names = [REGION_NAMES[region] for region in REGIONS]
    quantity = METHOD_WORDS[explanation.method].quantity
    figure = go.Figure()
    for place, arm in enumerate(ARMS):
        shares = explanation.shares[arm]
        percent = [_percent(shares.share[region]) for region in REGIONS]
        chance = [_percent(shares.chance[region]) for region in REGIONS]
        rows = [row + BAR_PITCH * (place - (len(ARMS) - 1) / 2) for row in range(len(REGIONS))]
        figure.add_bar(
            name=ARM_NAMES[arm], orientation="h", x=percent, y=rows, width=BAR_PITCH - 0.03,
            marker={"color": ARM_COLOURS[arm]},
            customdata=names, hovertemplate="%{customdata}: %{x:.1f} % of the " + quantity + "<extra></extra>",
        )  # fmt: skip
        figure.add_scatter(
            name="Chance: share of the picture covered", showlegend=arm == ARMS[-1], x=chance, y=rows, mode="markers",
            marker={"symbol": "line-ns", "size": 19, "line": {"width": 3, "color": "#ffffff"}},
            customdata=names, hovertemplate="%{customdata} covers %{x:.1f} % of the picture<extra></extra>",
        )  # fmt: skip
        words = ["not defined" if value is None else f"{value:.0f} %" for value in percent]
        figure.add_scatter(
            x=[NUMBERS_AT] * len(rows), y=rows, mode="text", text=words, textposition="middle left",
            textfont={"color": ARM_COLOURS[arm]}, showlegend=False, hoverinfo="skip",
        )  # fmt: skip
    figure.update_layout(
        barmode="overlay", height=400, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 4, "r": 24, "t": 8, "b": 4},
        font={"color": TEXT_COLOUR, "family": "IBM Plex Sans, system-ui, sans-serif", "size": 14},
        legend={"orientation": "h", "x": 0, "y": -0.24, "xanchor": "left", "yanchor": "top", "itemclick": False},
        xaxis={"range": [0, 112], "gridcolor": GRID_COLOUR} | _PERCENT_TICKS,
        yaxis={"tickvals": list(range(len(names))), "ticktext": names, "autorange": "reversed", "automargin": True},
    )  # fmt: skip
    figure.update_xaxes(title={"text": f"Share of the {quantity}", "font": {"size": 13}}, **_STILL)
    figure.update_yaxes(showgrid=False, **_STILL)
    return figure


def plot_dim_curve(curve: DimCurve) -> go.Figure:
    """Probability of the class and the heart's share of the sensitivity, by gray outside the heart, all models."""
    figure = go.Figure()
    for arm in ARMS:
        for values, dash, what in (
            (curve.probability[arm], "solid", f"says {curve.target_class}"),
            (curve.heart_share[arm], "dot", "sensitivity in the heart"),
        ):
            figure.add_scatter(
                name=f"{ARM_NAMES[arm]}: {what}", x=curve.ratios, y=100 * values, mode="lines+markers",
                line={"color": ARM_COLOURS[arm], "dash": dash, "width": 2.5}, marker={"size": 7},
                hovertemplate="x %{x:g}: %{y:.0f} %<extra>" + f"{ARM_NAMES[arm]}: {what}" + "</extra>",
            )  # fmt: skip
    figure.add_hline(
        y=100 * curve.heart_chance, line={"color": "#ffffff", "width": 1, "dash": "dash"},
        annotation={"text": "chance: the heart's share of the picture", "font": {"size": 12}, "yshift": -18},
        annotation_position="bottom left",
    )  # fmt: skip
    lay_out(figure, f"n = 1 film, {len(curve.ratios)} ratios", 420)
    figure.update_xaxes(range=[-0.03, 1.03], title={"text": "Gray outside the heart, times"})
    figure.update_yaxes(range=[-3, 103], title={"text": "Percent"})
    return figure


def plot_knob_curve(curve: KnobCurve) -> go.Figure:
    """Probability of the class against one knob of the drawn anatomy, all models, and the cardiothoracic ratio."""
    figure = go.Figure()
    for arm in ARMS:
        figure.add_scatter(
            name=ARM_NAMES[arm], x=curve.values, y=100 * curve.probability[arm], mode="lines+markers",
            line={"color": ARM_COLOURS[arm], "width": 2.5}, marker={"size": 7},
            hovertemplate="%{x:.2g}: %{y:.0f} %<extra>" + ARM_NAMES[arm] + "</extra>",
        )  # fmt: skip
    figure.add_scatter(
        name="Cardiothoracic ratio x 100", x=curve.values, y=100 * curve.ratios, mode="lines",
        line={"color": "#ffffff", "width": 1.5, "dash": "dot"},
        hovertemplate="%{x:.2g}: ratio %{customdata:.2f}<extra></extra>", customdata=curve.ratios,
    )  # fmt: skip
    lay_out(figure, f"n = 1 drawn patient, {len(curve.values)} films", 400)
    figure.update_xaxes(title={"text": KNOBS[curve.knob].label})
    figure.update_yaxes(range=[-3, 103], title={"text": f"Says {curve.target_class}, percent"})
    return figure


def plot_deletion(curves: DeletionCurves) -> go.Figure:
    """Deletion on the left and insertion on the right, all models, each beside pixels drawn at random."""
    figure = make_subplots(
        cols=2, shared_yaxes=True, horizontal_spacing=0.04,
        subplot_titles=("Blurred away: should fall at once", "Brought back: should rise at once"),
    )  # fmt: skip
    for col, name in ((1, "deletion"), (2, "insertion")):
        for arm in ARMS:
            for which, dash in ((name, "solid"), (f"random_{name}", "dot")):
                values = getattr(curves, which)[arm]
                label = ARM_NAMES[arm] + (", pixels at random" if dash == "dot" else "")
                figure.add_scatter(
                    row=1, col=col, x=100 * curves.shares, y=100 * values, mode="lines+markers", name=label,
                    line={"color": ARM_COLOURS[arm], "dash": dash, "width": 2.5 if dash == "solid" else 1.5},
                    marker={"size": 6 if dash == "solid" else 3}, showlegend=col == 1, legendgroup=label,
                    hovertemplate="%{x:.0f} % of pixels: %{y:.0f} %<extra>" + label + "</extra>",
                )  # fmt: skip
    lay_out(figure, f"n = 1 film, {len(curves.shares)} points", 420)
    figure.update_layout(margin={"t": 64})
    figure.update_xaxes(title_text="Pixels, highest of the map first", ticksuffix=" %")
    figure.update_yaxes(range=[-3, 103], ticksuffix=" %")
    figure.update_yaxes(title_text=f"Says {curves.target_class}", col=1)
    return figure


def lay_out(figure: go.Figure, title: str, height_px: int) -> None:
    """The house's look: transparent on the dark page, title with n, legend below, axes that stand still."""
    figure.update_layout(
        height=height_px, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 4, "r": 24, "t": 44, "b": 112}, title={"text": title, "font": {"size": 13}, "x": 0},
        font={"color": TEXT_COLOUR, "family": "IBM Plex Sans, system-ui, sans-serif", "size": 14},
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom", "itemclick": False},
    )  # fmt: skip
    figure.update_xaxes(gridcolor=GRID_COLOUR, **_STILL)
    figure.update_yaxes(gridcolor=GRID_COLOUR, **_STILL)


def _percent(ratio: float) -> float | None:
    return 100.0 * ratio if np.isfinite(ratio) else None
