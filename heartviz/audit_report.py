"""An audit as sections of words and figures, for the page, and as one HTML file that opens offline."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from statistics import median
from typing import Any

from heartviz.audit import Audit, AuditedFilm, AuditSummary, summarise
from heartviz.audit.summary import ArmSummary, Rate
from heartviz.bayes import predict_values
from heartviz.plots import audit as figures
from heartviz.plots.figures import ARM_NAMES
from heartviz.records import ARMS, Arm
from heartviz.report import INTENDED_USE
from heartviz.words import METHOD_WORDS

# A cluster that goes with something this much (adjusted mutual information) is pointed at.
FOLLOWS = 0.2
OUTLIERS_TITLE = "Least like the others"


@dataclass(frozen=True)
class Section:
    """One part of an audit: heading, sentences with the numbers of its figures, and the figures (plotly).

    `outliers` are films that stand out, each with the figure of its map, to be shown when chosen.
    """

    title: str
    says: str
    figures: Sequence
    outliers: Sequence[tuple[str, Any]] = ()


def list_sections(summary: AuditSummary) -> list[Section]:
    """All parts of an audit, in the order in which they are read."""
    audit, arms = summary.audit, summary.arms
    return [
        Section("Ill or Normal", _each(summary, _roc_words), [figures.plot_roc(summary)]),
        Section(
            "Are the probabilities true?",
            _each(summary, lambda of: f"off by {100 * of.calibration_error:.1f} points on average"),
            [figures.plot_reliability(summary)],
        ),
        Section(
            "What is taken for what",
            _each(summary, lambda of: f"right on {_rate(of.accuracy)}"),
            [figures.plot_confusion(summary, arm) for arm in ARMS],
        ),
        Section("For whom?", _each(summary, _worst_words), [figures.plot_groups(summary)]),
        Section("Where do the maps lie?", _shares_words(audit), [figures.plot_heart_shares(audit)]),
        Section(
            "The mean map on the mean anatomy",
            "Absolute values of the maps of each film's own label, each map weighing the same, warped so that heart "
            "and thorax lie over each other. Turquoise: the heart, gray: the lungs, where half of the films have them.",
            [figures.plot_mean_map(summary, arm) for arm in ARMS],
        ),
        *(_cluster_section(summary, arm) for arm in arms),
        Section(
            "What an answer is worth",
            "A film called ill is ill more seldom the rarer illness is among those filmed (Bayes' rule): move the "
            "slider. At 1 % ill: " + _each(summary, lambda of: _worth_words(of, 0.01)),
            [figures.plot_predictive_value(summary)],
        ),
    ]


def introduce(audit: Audit) -> str:
    """What was audited, in sentences."""
    labels = [film.label for film in audit.films]
    counts = ", ".join(f"{labels.count(label)} {label}" for label in dict.fromkeys(labels))
    refused = f" {len(audit.refused)} films could not be audited: see the end." if audit.refused else ""
    methods = ", ".join(METHOD_WORDS[method].label for method in audit.methods)
    return f"{audit.about} {len(audit.films)} films: {counts}.{refused} Maps: {methods}.".strip()


def write_html(audit: Audit, path: Path) -> None:
    """One HTML file with everything in it: it loads nothing, and names films by their line in the list only.

    Raises DataError where there are not both healthy and ill films.
    """
    summary = summarise(audit)
    body = "".join(_section_html(section, first=not number) for number, section in enumerate(list_sections(summary)))
    refused = "".join(f"<li>Line {line}: {escape(reason)}</li>" for line, reason in audit.refused.items())
    hashes = "".join(f"<li>{escape(name)} {sha[:12]}</li>" for name, sha in audit.models.items())
    path.write_text(
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>heartviz audit</title><style>{_STYLE}"
        f"</style></head><body><h1>heartviz audit</h1><p class='device'>{escape(INTENDED_USE)} The models learnt "
        f"congenital disease from SIMULATED signs on films of adults.</p><p>{escape(introduce(audit))}</p>{body}"
        + (f"<section><h2>Films that could not be audited</h2><ul>{refused}</ul></section>" if refused else "")
        + f"<section><h2>Models</h2><ul>{hashes}</ul></section>{_FIT}</body></html>\n",
        encoding="utf-8",
    )


_STYLE = (
    "body{background:#0e1317;color:#e4ecf1;font:16px/1.5 system-ui,sans-serif;max-width:1180px;margin:0 auto;"
    "padding:24px}section{background:#151c22;border:1px solid #26323a;border-radius:12px;padding:16px 20px;"
    "margin:18px 0}h1,h2{line-height:1.2}.device{background:#221e13;border:1px solid #4b4027;color:#ffe2a8;"
    "border-radius:10px;padding:10px 14px}.row{display:grid;grid-template-columns:repeat(auto-fit,minmax(330px,1fr));"
    "gap:16px}figure{margin:0;min-width:0;overflow:hidden}h3{font-size:16px;margin:18px 0 4px}details{border-top:1px "
    "solid #26323a}summary{cursor:pointer;padding:10px 0}details figure{max-width:560px}:focus-visible{outline:2px "
    "solid #40e0d0}"
)


# Figures are drawn while the page is still being read, and rows narrow when the next one comes; those in an outlier's
# fold are drawn while it is shut.
_FIT = (
    "<script>{const fit=()=>dispatchEvent(new Event('resize'));addEventListener('load',fit);"
    "addEventListener('toggle',fit,true)}</script>"
)


def _section_html(section: Section, first: bool) -> str:
    drawn = "".join(
        _figure_html(section.title, figure, with_plotly=first and not number)
        for number, figure in enumerate(section.figures)
    )
    folds = "".join(
        f"<details><summary>{escape(name)}</summary>{_figure_html(name, figure)}</details>"
        for name, figure in section.outliers
    )
    return (
        f"<section><h2>{escape(section.title)}</h2><p>{escape(section.says)}</p><div class='row'>{drawn}</div>"
        + (f"<h3>{OUTLIERS_TITLE}</h3>{folds}" if folds else "")
        + "</section>"
    )


def _figure_html(title: str, figure: Any, with_plotly: bool = False) -> str:
    name = escape(f"{title}: {figure.layout.title.text or ''}", quote=True)
    drawn = figure.to_html(
        full_html=False,
        include_plotlyjs=with_plotly,
        default_width="100%",
        config={"displayModeBar": False, "responsive": True},
    )
    return f"<figure role='img' aria-label='{name}'>{drawn}</figure>"


def _each(summary: AuditSummary, say) -> str:
    return "; ".join(f"{ARM_NAMES[arm]} {say(of)}" for arm, of in summary.arms.items()) + "."


def _rate(rate: Rate) -> str:
    return f"{100 * rate.share:.0f} % [{100 * rate.low:.0f}, {100 * rate.high:.0f}] of {rate.n}"


def _roc_words(of: ArmSummary) -> str:
    low, high = of.auroc_interval
    return (
        f"AUROC {of.auroc:.3f} [{low:.3f}, {high:.3f}], finds {_rate(of.sensitivity)} ill films, "
        f"keeps {_rate(of.specificity)} Normal"
    )


def _worst_words(of: ArmSummary) -> str:
    label, group = of.worst_group
    return f"is worst on {label} ({group}): right on {_rate(of.groups[label, group])}"


def _worth_words(of: ArmSummary, prevalence: float) -> str:
    value = predict_values(of.sensitivity.share, of.specificity.share, prevalence).positive
    return f"{100 * value:.1f} % of those called ill are"


def _shares_words(audit: Audit) -> str:
    said = []
    for method in audit.methods:
        for arm in ARMS:
            shares = [film.heart_shares[method][arm] for film in audit.films]
            known = [100 * share for share in shares if math.isfinite(share)]
            middle = f"median {median(known):.0f} %" if known else "not defined"
            empty = f" ({len(shares) - len(known)} maps are empty)" if len(known) < len(shares) else ""
            said.append(f"{METHOD_WORDS[method].label}, {ARM_NAMES[arm]}: {middle}{empty}")
    chance = sum(film.heart_chance for film in audit.films) / len(audit.films)
    return f"The heart covers {100 * chance:.0f} % of the picture. {'; '.join(said)} of the map in it."


def _cluster_section(summary: AuditSummary, arm: Arm) -> Section:
    title, clusters = f"Kinds of maps: {ARM_NAMES[arm]}", summary.arms[arm].clusters
    if clusters is None:
        return Section(title, "Too few maps for clusters.", [])
    films = [film for film in summary.audit.films if film.maps[arm].any()]
    sizes = [int((clusters.labels == cluster).sum()) for cluster in range(clusters.count)]
    goes_with = summary.arms[arm].clusters_follow
    follow = [name for name, value in goes_with.items() if value >= FOLLOWS]
    told = ", ".join(f"{name} {max(0.0, value):.2f}" for name, value in goes_with.items())
    warning = (
        "They go with the films' group: suspect a shortcut, for a hospital or device should not show in a map."
        if "group" in follow
        else f"They go with the films' {' and '.join(follow)}, not with the group: no sign of a shortcut."
        if follow
        else "They go with none of these."
    )
    return Section(
        title,
        f"Clusters of {', '.join(map(str, sizes))} maps (spectral relevance analysis). Mutual information with {told} "
        f"(0: as by chance, 1: the same). {warning}",
        [
            figures.plot_clusters(summary, arm),
            *(figures.plot_mean_map(summary, arm, cluster) for cluster in range(clusters.count)),
        ],
        [
            (_name_film(films[place], arm), figures.plot_film_map(summary.audit, films[place], arm))
            for place in clusters.outliers
        ],
    )


def _name_film(film: AuditedFilm, arm: Arm) -> str:
    return f"line {film.line} ({film.label}, {film.group}, called {film.answers[arm]})"
