"""What the Analyze page says about a report, as HTML: numbers with units, tables, bars, messages."""

import math
from collections.abc import Mapping
from html import escape

from heartviz import plots
from heartviz.records import ARMS, REGIONS, Arm, Explanation, Prediction, Report
from heartviz.ui.engine import ModelCard
from heartviz.ui.words import CLASS_NAMES, CONTROL_NAMES, NOT_A_DEVICE, TASK_NAMES, TASK_NOTES
from heartviz.words import (
    METHOD_WORDS,
    READ_HERE,
    SEEN_CAPTIONS,
    compare_with_limit,
    describe_moved,
    describe_thresholds,
    percent,
)


def empty_state() -> str:
    """What to do while there is no film."""
    steps = (
        ("The film, measured", "heart and both lungs outlined, with the cardiothoracic ratio drawn on it"),
        ("Three answers", "plain VGG16; VGG+Mask, shown all but the heart dimmed; and a hardened model"),
        ("Three sensitivity maps", "which pixels each model's answer hangs on, on one colour scale"),
        ("One number a model", "the share of that sensitivity in the heart, in the lungs and elsewhere"),
    )
    items = "".join(f"<li><b>{title}</b><span>{words}</span></li>" for title, words in steps)
    return (
        '<section class="hv-empty"><h2>Drop a frontal chest film, or pick a drawn example</h2>'
        f"<p>You will see, within seconds:</p><ol>{items}</ol>"
        f"<p>{READ_HERE}, 8 or 16 bit. The content decides, whatever the file is called. The film stays on the "
        "computer that runs this page: the uploaded file is deleted once it is read, and what was made from it is "
        "forgotten a minute after this page has closed, or 15 minutes after its last use, sooner where newer films "
        "need the memory.</p></section>"
    )


def working(words: str) -> str:
    """The line shown while a film is being analysed."""
    return f'<div class="hv-working" role="status">{escape(words)}</div>'


def error_banner(words: str, title: str = "This film could not be analysed.") -> str:
    """An error in the visible banner; no result of any film is left beside it."""
    return f'<div class="hv-banner hv-error" role="alert"><b>{escape(title)}</b> {escape(words)}</div>'


def headline(report: Report) -> str:
    """The one sentence about this film, messages, and what the software is not."""
    messages = dict.fromkeys([*report.radiograph.messages, *report.messages])
    notes = "".join(f'<div class="hv-banner hv-note" role="note">{escape(words)}</div>' for words in messages)
    return (
        f'<section class="hv-headline"><p class="hv-sentence">{escape(report.explanation.sentence)}</p>'
        f'<p class="hv-fine">Film read: {escape(report.radiograph.description)}</p></section>{notes}'
        f'<div class="hv-device" role="note">{escape(NOT_A_DEVICE)}</div>'
    )


def ratio_panel(report: Report) -> str:
    """The cardiothoracic ratio as a number with its two widths, what it means, and the legend of the outlines."""
    ratio = report.shown_ratio
    height, width = report.radiograph.pixels.shape
    moved = "".join(f"<p><b>{escape(words)}</b></p>" for words in describe_moved(report))
    legend = "".join(
        f'<li><i style="background:{plots.hex_colour(colour)}"></i>{name}</li>'
        for name, colour in (
            ("Heart and its width", plots.HEART_COLOUR),
            ("Patient's right lung (left in the picture)", plots.RIGHT_LUNG_COLOUR),
            ("Patient's left lung (right in the picture)", plots.LEFT_LUNG_COLOUR),
            ("Width of the thorax, both lungs", plots.WIDTH_COLOUR),
        )
    )
    return (
        '<div class="hv-ratio"><p class="hv-label">Cardiothoracic ratio</p>'
        f'<p class="hv-number" data-testid="ctr">{ratio.ratio:.2f}</p>{moved}'
        f"<p>Heart {_width(report, ratio.heart_width_px)} wide, thorax {_width(report, ratio.thorax_width_px)} wide. "
        f"{compare_with_limit(ratio.ratio, 2)}, the usual limit for an adult's heart on an upright film taken from "
        "behind (posteroanterior). Lying down, breathing out or being a small child widens a normal heart.</p>"
        f'<ul class="hv-legend">{legend}</ul>'
        f'<p class="hv-fine">Measured on outlines that a network drew, on a film of {width} x {height} px. '
        "Check them by eye: a wrong outline makes a wrong number.</p></div>"
    )


def answer_card(report: Report, task: str, arm: Arm) -> str:
    """One model's class probabilities as bars with numbers."""
    prediction = report.predictions[task][arm]
    rows = "".join(_probability_row(name, value, prediction) for name, value in prediction.probabilities.items())
    return (
        f'<div class="hv-answer hv-{arm}" data-testid="answer-{arm}"><h3>{plots.ARM_NAMES[arm]}</h3>'
        f'<p class="hv-says">says <b>{escape(CLASS_NAMES.get(prediction.label, prediction.label))}</b></p>'
        f'<dl>{rows}</dl>{_operating_note(prediction)}<p class="hv-fine">{SEEN_CAPTIONS[arm]}</p></div>'
    )


def _operating_note(prediction: Prediction) -> str:
    return "".join(
        f'<p class="hv-fine">{escape(CLASS_NAMES.get(name, name))} is said from {100 * threshold:.0f} % on: '
        "the threshold that told the 40 validation films apart best.</p>"
        for name, threshold in prediction.operating_point.items()
    )


def threshold_note(*answers: Mapping[Arm, Prediction]) -> str:
    """Why answers of two classes that are given with less than half are given; nothing where there are none."""
    words = describe_thresholds(*answers)
    return f'<p class="hv-fine">{escape(words)}</p>' if words else ""


def answer_note(task: str) -> str:
    """What the probabilities are, for this task."""
    return (
        f'<p class="hv-caption"><b>{TASK_NAMES[task]}.</b> {TASK_NOTES[task]} Each number is the model\'s calibrated '
        "probability among films like its test films, not the chance that this person is ill.</p>"
    )


def map_scale(report: Report, pair: plots.ModelMaps) -> str:
    """The legend of the one colour scale of all maps, what the maps are, and whose answer they explain."""
    explanation = report.explanation
    answers = {arm: prediction.label for arm, prediction in report.predictions[explanation.task].items()}
    target = CLASS_NAMES.get(explanation.target_class, explanation.target_class)
    method = METHOD_WORDS[explanation.method]
    basis = "the picture the model sees" if explanation.gradient_for == "picture_seen" else "the original film"
    by_gray = f", by the gray values of {basis}" if method.by_gray else ""
    others = [name for name in answers_of(report, explanation.task) if name != explanation.target_class]
    against = others[0] if len(others) == 1 else "the other classes"
    what = f"All maps are for <b>{escape(target)}</b> against {against}{by_gray}. "
    others = [plots.ARM_NAMES[arm] for arm in ARMS if answers[arm] != explanation.target_class]
    if others:
        said = "says" if len(others) == 1 else "say"
        what += f"This is not what {_list(others)} {said} of this film: choose another class above to see its map. "
    flat = "".join(
        f'<div class="hv-banner hv-note" role="note"><b>{plots.ARM_NAMES[arm]}:</b> {escape(words)}</div>'
        for arm, words in pair.flat.items()
    )
    if not math.isfinite(pair.scale_max):
        return f'<p class="hv-caption">{what}</p>{flat}'
    signs = "Orange speaks for the class, blue against it. " if pair.signed else ""
    low = f"{-pair.scale_max:.2g}" if pair.signed else "0"
    gradient = ", ".join(plots.colour_stops(pair.signed))
    faint = "".join(
        f" The {plots.ARM_NAMES[arm]} map is fainter by itself: it reaches {percent(ratio)} of the scale."
        for arm, ratio in pair.peak_ratio.items()
        if ratio < 0.5
    )
    return (
        f'<p class="hv-caption">{what}<b>They share one colour scale.</b> {signs}{faint} {_gaps(explanation)}'
        "The heart is outlined in turquoise, the lungs in gray. Gray stripes: the model was shown nothing there.</p>"
        f'<div class="hv-scale"><span>{low}</span><i style="background:linear-gradient(90deg,{gradient})"></i>'
        f"<span>{pair.scale_max:.2g} {method.unit} (99.5th percentile of all maps; brighter pixels look the same)"
        f"</span></div>{flat}"
    )


def answers_of(report: Report, task: str) -> tuple[str, ...]:
    """The classes that a task's models choose from."""
    return tuple(report.predictions[task]["plain"].probabilities)


def _list(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _gaps(explanation: Explanation) -> str:
    """What did not add up of each map whose method promises a sum."""
    gaps = {arm: explanation.attributions[arm].gap for arm in ARMS}
    told = [f"{plots.ARM_NAMES[arm]} {percent(gap)}" for arm, gap in gaps.items() if math.isfinite(gap)]
    if not told:
        return ""
    return f"The map should add up to what it explains; missing of that, in biases and rounding: {', '.join(told)}. "


def control_words(explanation: Explanation, arm: Arm) -> str:
    """How alike one model's map is to its controls, and what that means."""
    controls = explanation.controls[arm]
    likeness = "; ".join(
        f"{CONTROL_NAMES[name].lower()} {control.likeness:.2f}"
        if math.isfinite(control.likeness)
        else f"{CONTROL_NAMES[name].lower()} not defined"
        for name, control in controls.items()
    )
    alike = [CONTROL_NAMES[name].lower() for name, control in controls.items() if control.alike]
    warning = (
        f'<div class="hv-banner hv-note" role="note">This map looks like its control ({" and ".join(alike)}): it may '
        "show the film, not what the model learnt.</div>"
        if alike
        else ""
    )
    return (
        f'<p class="hv-fine" data-testid="controls-{arm}">Left: random weights. Right: edges. Likeness to the map '
        f"above (rank correlation, 1 is the same): {likeness}.</p>{warning}"
    )


def control_alt(explanation: Explanation, arm: Arm, name: str) -> str:
    """Alternative text of one control map."""
    likeness = explanation.controls[arm][name].likeness
    told = f"Likeness to the map: {likeness:.2f}." if math.isfinite(likeness) else "Likeness is not defined."
    return f"Control of {plots.ARM_NAMES[arm]}'s map: {CONTROL_NAMES[name].lower()}. {told}"


def share_table(explanation: Explanation, arm: Arm) -> str:
    """One model's share of the map by region with its interval, beside the region's chance line and their ratio."""
    shares, positive = explanation.shares[arm], explanation.positive_shares.get(arm)
    quantity = METHOD_WORDS[explanation.method].quantity
    signed = positive is not None and any(
        not math.isclose(positive.share[region], shares.share[region], abs_tol=1e-6) for region in REGIONS
    )
    rows = ""
    for region in REGIONS:
        share, chance = shares.share[region], shares.chance[region]
        times = share / chance if chance > 0 and math.isfinite(share) else math.nan
        low, high = shares.interval.get(region, (math.nan, math.nan))
        interval = f"<small>{100 * low:.0f} to {100 * high:.0f} %</small>" if math.isfinite(low) else ""
        only = f"<td>{percent(positive.share[region])}</td>" if signed else ""
        rows += (
            f'<tr><th scope="row">{plots.REGION_NAMES[region]}</th><td><b>{percent(share)}</b> {interval}</td>{only}'
            f"<td>{percent(chance)}</td><td>{_times(times)}</td></tr>"
        )
    only = '<th scope="col">Of what speaks for the class</th>' if signed else ""
    return (
        f'<div class="hv-shares hv-{arm}"><table data-testid="shares-{arm}"><caption>{plots.ARM_NAMES[arm]}</caption>'
        f'<thead><tr><th scope="col">Region</th><th scope="col">Share of {quantity}</th>{only}'
        '<th scope="col">Chance: share of picture</th><th scope="col">Share / chance</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def fine_print(report: Report, cards: Mapping[str, ModelCard]) -> str:
    """What the models were trained on, which files they are, and how long each stage took."""
    names_by_text: dict[str, list[str]] = {}
    for name, card in cards.items():
        names_by_text.setdefault(card.trained_on, []).append(name)
    trained = "".join(
        f"<li><b>{escape('; '.join(names))}:</b> {escape(text)}</li>" for text, names in names_by_text.items()
    )
    hashes = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td><code>{escape(sha256[:16])}</code></td></tr>"
        for name, sha256 in report.models.items()
    )
    seconds = ", ".join(f"{escape(stage)} {spent:.2f} s" for stage, spent in report.seconds.items())
    return (
        f'<section class="hv-fineprint"><p><b>{escape(NOT_A_DEVICE)}</b></p><p>What the models were trained on:</p>'
        f"<ul>{trained}</ul><details><summary>Model files and time spent</summary>"
        f"<table><tbody>{hashes}</tbody></table><p>{seconds}</p></details></section>"
    )


def overlay_alt(report: Report) -> str:
    """Alternative text of the outlined film."""
    ratio = report.shown_ratio
    return (
        f"Chest film with heart and lungs outlined. Heart {_width(report, ratio.heart_width_px)} wide, thorax "
        f"{_width(report, ratio.thorax_width_px)} wide, cardiothoracic ratio {ratio.ratio:.2f}."
    )


def seen_alt(report: Report, task: str, arm: Arm) -> str:
    """Alternative text of the picture one model was shown."""
    probabilities = report.predictions[task][arm].probabilities
    numbers = ", ".join(f"{name} {percent(value)}" for name, value in probabilities.items())
    return f"Picture shown to {plots.ARM_NAMES[arm]}. {SEEN_CAPTIONS[arm]} Its answer: {numbers}."


def map_alt(explanation: Explanation, arm: Arm) -> str:
    """Alternative text of one map."""
    words = METHOD_WORDS[explanation.method]
    numbers = ", ".join(f"{region} {percent(explanation.shares[arm].share[region])}" for region in REGIONS)
    return (
        f"{words.label} map of {plots.ARM_NAMES[arm]} for {explanation.target_class}. "
        f"Share of {words.quantity}: {numbers}."
    )


def shares_summary(explanation: Explanation) -> str:
    """How to read the tables and the bars."""
    heart = "; ".join(
        f"{plots.ARM_NAMES[arm]} {percent(explanation.shares[arm].share['heart'])} in the heart, which covers "
        f"{percent(explanation.shares[arm].chance['heart'])} of the picture"
        for arm in ARMS
    )
    return (
        f'<p class="hv-caption">{heart}. A map that paid no attention to anatomy would give each region its share of '
        "the picture: that is its chance line, and 1.0 times means no better than chance. Shares count absolute "
        "values; the range behind a share is its 95 % interval over resampled blocks of pixels: how much it hangs on "
        "single spots of this one map. A share outside the heart isn't wrong as such: lung vessels carry signs of "
        "heart disease too.</p>"
    )


def _probability_row(name: str, value: float, prediction: Prediction) -> str:
    chosen = ' class="hv-chosen"' if name == prediction.label else ""
    return (
        f"<div{chosen}><dt>{escape(name)}</dt><dd><i style='width:{100 * value:.1f}%'></i></dd>"
        f"<dd class='hv-value'>{percent(value)}</dd></div>"
    )


def _width(report: Report, width_px: int) -> str:
    spacing = report.radiograph.spacing_mm
    return f"{width_px} px" if spacing is None else f"{width_px * spacing[1]:.0f} mm ({width_px} px)"


def _times(ratio: float) -> str:
    return "not defined" if not math.isfinite(ratio) else f"{ratio:.1f} x"
