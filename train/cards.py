"""Model cards: what a model is for, what it learnt from, how well it does, where it fails; as data and as Markdown."""

from typing import Any

from heartviz.manifest import CLASSIFIERS
from heartviz.report import INTENDED_USE
from heartviz.shortcut_results import CUE_NAMES, ShortcutResults, read_shortcut_results

TRAINED_ON = {
    "trunk": "ImageNet photographs (VGG16, Simonyan and Zisserman 2015); not changed by us.",
    "segmenter": "{films} frontal films of adults with hand-drawn heart and lung masks: JSRT (SCR masks) and Wingspan.",
    "view": "{films} films of {patients} patients, {laterals} of them laterals, with frontal films of all sources "
    "weighted alike: JSRT, Wingspan, NIH ChestX-ray14, and films that many sites published (COVID-19 image data "
    "collection).",
    "chest": "{films} frontal films of adults (JSRT, Wingspan). The limit was set on frontal films held out: the "
    "validation films, and every second one of other sources.",
    "lateral": "{films} drawn films from the side of adults, healthy and ill, each mirrored too; no real "
    "one: no public lateral film has a heart outline. The encoder is the segmenter's, learnt on real frontal films.",
    "congenital": "{films} frontal films of adults (JSRT, Wingspan) carrying simulated signs of VSD, ASD or TOF, or "
    "none. No film of a patient with these diseases was used: no public one could be found.",
    "heart_size": "{films} frontal films of adults (JSRT, Wingspan), labelled Enlarged where the cardiothoracic ratio "
    "of the hand-drawn masks is above 0.50.",
}
MADE_FOR = {
    "trunk": "Features of a film, shared by all other models.",
    "segmenter": "Heart and lungs on an upright frontal chest film of an adult: to be looked at beside the film, to "
    "measure widths, and to dim what lies outside the heart.",
    "view": "Refusing films taken from the side before the other models see them.",
    "chest": "Refusing pictures that are no chest film before the other models see them.",
    "lateral": "Showing where the heart lies on a film from the side, which no other model answers for.",
    "congenital": "Showing, on films with simulated signs, whether a classifier's answer comes from the heart, and "
    "what a mask changes. Not for finding heart disease: it has never seen a patient with one.",
    "heart_size": "Showing how a classifier reads heart size, beside the ratio that is measured from the outlines.",
}
LABELS = {
    "trunk": "Real (objects on photographs).",
    "segmenter": "Real: outlines drawn by hand.",
    "view": "Real: the view as the collections state it.",
    "chest": "None: a distance from the training films.",
    "lateral": "DRAWN: the outline of the drawn heart's shadow.",
    "congenital": "SIMULATED: signs put on real films by train.simulate.",
    "heart_size": "Real films; the label is measured from hand-drawn outlines.",
}
LICENCE = (
    "Research and teaching only: the weights carry the terms of their data. JSRT films (Shiraishi 2000) and SCR masks "
    "(van Ginneken 2006): research and education, cite both. Wingspan (Dong 2018): MIT. VGG16 ImageNet: CC BY 4.0."
)
# The arm of train.shortcut that is shown films as each model is, and the strength that is told.
SHORTCUT_ARMS, SHORTCUT_STRENGTH = {"plain": "plain", "mask": "x0.2", "hardened": "levelled_lungs"}, 0.95
VIEW_LICENCE = (
    " NIH ChestX-ray14 (Wang 2017): free to use, name the NIH Clinical Center. COVID-19 image data collection (Cohen "
    "2020): Creative Commons, mostly BY-NC-SA, so not for commercial use."
)


def make_card(
    name: str, run: dict[str, Any] | None, results: dict[str, Any], kept: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The card of model `name` as data; metrics and failures from the numbers of train.evaluate or train.view.

    `run` is the JSON beside the training run; None for a model that is not new: what its card `kept` says of its
    training then stands.
    """
    task = CLASSIFIERS[name][0] if name in CLASSIFIERS else name
    # A new model's card starts empty: the old numbers are of another file.
    card: dict[str, Any] = dict(kept or {} if run is None else {}) | {
        "intended_use": MADE_FOR[task],
        "labels": LABELS[task],
        "licence": LICENCE + (VIEW_LICENCE if task == "view" else ""),
    }
    if run is not None:
        counted = run.get("by_patient", {})
        films = run.get("training_films", run["films"])
        card["trained_on"] = TRAINED_ON[task].format(
            films=films, laterals=counted.get("laterals"), patients=counted.get("patients")
        )
        parts = ("config", "films", "films_sha256", "splits_sha256", "start_sha256", "segmenter_sha256", "versions")
        card["run"] = {part: run[part] for part in parts if part in run}
    if name == "view" and run is not None:
        of = {words: run[test] for words, test in VIEW_TESTS.items()}
        card |= {"metrics": [_view_line(words, test) for words, test in of.items()], "command": VIEW_COMMAND}
        card["failures"] = [_view_failures(run["source_never_seen"])]
    elif name == "chest" and run is not None:
        card |= {"metrics": [_chest_line(run)], "command": CHEST_COMMAND}
    elif name == "lateral" and run is not None:
        card |= {"metrics": [_lateral_line(run["test"])], "command": LATERAL_COMMAND, "failures": [LATERAL_FAILURE]}
    elif name not in ("view", "chest", "lateral", "trunk") and results:
        card |= {"metrics": metric_lines(name, results), "command": results["command"]}
        card["failures"] = failure_lines(name, results)
    return {"metrics": [], "failures": []} | card


VIEW_TESTS = {"patients held out (five folds)": "by_patient", "source never seen": "source_never_seen"}
VIEW_COMMAND = "python -m train.view --films NAME=PATH ... --out DIR"


def _view_line(words: str, of: dict[str, Any]) -> str:
    found, kept = of["laterals_found_interval"], of["frontals_kept_interval"]
    return (
        f"{words}: balanced accuracy {of['balanced_accuracy']:.3f}; laterals found {of['laterals_found']:.3f} (95 % "
        f"{found[0]:.3f} to {found[1]:.3f}), frontals kept {of['frontals_kept']:.3f} (95 % {kept[0]:.3f} to "
        f"{kept[1]:.3f}); n = {of['n']} films, {of['laterals']} laterals of {of['lateral_patients']} patients"
    )


CHEST_COMMAND = "python -m train.chest --data DIR --held-out NAME=PATH ... --out DIR"


def _chest_line(run: dict[str, Any]) -> str:
    within = ", ".join(
        f"{inside} of {count} {part.replace('_', ' ')}" for part, (inside, count) in run["within"].items()
    )
    return f"Films within the limit of {run['threshold']:.3f}: {within}. What it refuses: `python -m train.gate`"


LATERAL_COMMAND = "python -m train.lateral --films DIR ... --out DIR"
LATERAL_FAILURE = "Not measured on real lateral films, which have no outlines to compare with: looked at by eye alone."


def _lateral_line(test: dict[str, Any]) -> str:
    return (
        f"Drawn films of patients held out: heart Dice {_interval(test, 'heart_dice')}, a tenth under "
        f"{test['tenth']:.3f}; n = {test['n']}"
    )


def _view_failures(of: dict[str, Any]) -> str:
    wrong = {source: count for source, count in of["wrong"].items() if count}
    missed = ", ".join(f"{count} of {source}" for source, count in wrong.items()) or "none in the test"
    return f"Wrong on films of a source it never saw: {missed}. {of['laterals']} laterals are few: see the interval."


def metric_lines(name: str, results: dict) -> list[str]:
    """Results on the films held out, one sentence each, with n and interval."""
    if name == "segmenter":
        return [
            f"{source}: heart Dice {_interval(of['heart_dice'], 'mean')}, "
            f"lungs Dice {_interval(of['lungs_dice'], 'mean')}, heart HD95 {of['heart_hd95_mm']['mean']:.1f} "
            f"mm-equivalent, cardiothoracic ratio error {of['ratio']['mean_absolute_error']:.4f} mean absolute; "
            f"n = {of['n']} films held out"
            for source, of in results["segmenter"].items()
        ]
    task, arm = CLASSIFIERS[name]
    if task == "heart_size":
        of = results["heart_size"][arm]
        low, high = of["auroc_interval"]
        return [
            f"AUROC {of['auroc']:.3f} (95 % {low:.3f} to {high:.3f}), accuracy {_interval(of, 'accuracy')} at "
            f"the stored operating point; n = {of['n']} real films held out"
        ]
    lines = []
    for group, words in (
        ("both", "contour and vessel signs"),
        ("contour", "contour signs only"),
        ("vessels", "vessel signs only"),
    ):
        of = results["congenital"][group]
        reader = of.get("outline_reader")
        beside = f"; reader of the true outline {reader['accuracy']:.3f}" if reader else ""
        lines.append(
            f"{words}, simulated: accuracy over four classes {_interval(of[arm], 'accuracy')}{beside}; "
            f"n = {of[arm]['n']} films from {of[arm]['base_films']} base films held out"
        )
    return lines


def failure_lines(name: str, results: dict) -> list[str]:
    """Where the model was seen to fail, one sentence each, with the numbers."""
    if name == "segmenter":
        return [
            f"{source}: the three worst hearts of {of['n']} have Dice "
            f"{', '.join(f'{dice:.2f}' for _, dice in of['worst_hearts'])}; limits of agreement of the cardiothoracic "
            f"ratio {of['ratio']['limits_of_agreement'][0]:+.3f} to {of['ratio']['limits_of_agreement'][1]:+.3f}"
            for source, of in results["segmenter"].items()
        ] + ["Films of children, lying patients, and lungs hidden by disease are outside of what it learnt."]
    task, arm = CLASSIFIERS[name]
    of = results["heart_size"][arm] if task == "heart_size" else results["congenital"]["both"][arm]
    worst = min(of["by_group"], key=of["by_group"].get)
    lines = [f"Worst group (source x class): {worst}, {of['by_group'][worst]:.2f} right"]
    for source, use in results["use"].items():
        answers = use["answers"][task][arm]
        if task == "congenital" and source != "jsrt":
            ill = sum(count for label, count in answers.items() if label != "Normal")
            lines.append(
                f"On {use['accepted']} ordinary films of {source}, where no such disease was reported: calls {ill} ill "
                f"({', '.join(f'{label} {count}' for label, count in answers.items() if label != 'Normal')})"
            )
    if task == "congenital":
        thirds = of["by_severity_third"]
        lines.append(
            f"Faint signs: {thirds['low']:.2f} right in the weakest third, {thirds['high']:.2f} in the strongest"
        )
        lines += shortcut_lines(arm, read_shortcut_results())
    return lines


def shortcut_lines(arm: str, results: ShortcutResults | None) -> list[str]:
    """Which planted cues models take that are shown films as this one is; nothing where none were planted."""
    if results is None:
        return []
    cues: dict[bool, list[str]] = {True: [], False: []}
    for (cue, strength), runs in results.runs.items():
        if strength == SHORTCUT_STRENGTH:
            (run,) = (run for run in runs if run.arm == SHORTCUT_ARMS[arm])
            cues[run.takes_it].append(f"{CUE_NAMES[cue].lower()} (worst group {run.worst:.2f} of {run.average:.2f})")
    return [
        f"Small models that are shown films as this one is take these planted cues: {', '.join(cues[True]) or 'none'}; "
        f"not these: {', '.join(cues[False]) or 'none'} (train.shortcut, strength {SHORTCUT_STRENGTH}, "
        f"{results.test_films} test films in both labels). This file itself was not trained on planted cues"
    ]


def _interval(values: dict, name: str) -> str:
    low, high = values["interval"]
    return f"{values[name]:.3f} (95 % {low:.3f} to {high:.3f})"


def card_text(name: str, entry: dict[str, Any]) -> str:
    """The card of one manifest entry as Markdown."""
    card = entry["card"]
    lines = [f"# {name}", "", INTENDED_USE, "", "## Intended use", "", card["intended_use"], "", "## Data", ""]
    lines += [f"- Trained on: {card['trained_on']}", f"- Labels: {card['labels']}", f"- Licence: {card['licence']}"]
    if card["metrics"]:
        lines += ["", "## Measured", "", f"With `{card['command']}`:", ""]
        lines += [f"- {line}" for line in card["metrics"]]
    if card["failures"]:
        lines += ["", "## Where it fails", ""] + [f"- {line}" for line in card["failures"]]
    lines += ["", "## File", "", f"- `{entry['file']}`, sha256 `{entry['sha256']}`, {entry['bytes'] / 1e3:,.0f} kB"]
    lines += [f"- Architecture: {entry['architecture']}, float16"]
    if "half_precision" in card:
        checked, change = card["half_precision"], card["half_precision"]["largest_change"]
        lines.append(
            f"- Half precision against float32, {checked['films']} films, largest change: {change['answers']:.0f} "
            f"answers, {change['outline_px']:.0f} pixels of an outline, {change['probability']:.5f} of a probability"
        )
    if "class_names" in entry:
        point = entry["operating_point"] or "the likeliest class"
        lines.append(
            f"- Classes: {', '.join(entry['class_names'])}; temperature {entry['temperature']:.3f}; answer: {point}"
        )
    if "run" in card:
        versions = ", ".join(f"{library} {version}" for library, version in card["run"]["versions"].items())
        lines.append(f"- Run: films sha256 `{card['run']['films_sha256'][:16]}`, {versions}; config in the manifest")
    return "\n".join(lines) + "\n"
