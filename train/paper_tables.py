"""The tables of `train.reproduce`, one a step: the paper's number beside ours, n and command under it."""

from collections.abc import Mapping, Sequence
from typing import Any

from heartviz.paper_results import ResultTable

OUTLINE_COLUMNS = {
    "heart_dice": "heart Dice",
    "heart_jaccard": "heart Jaccard",
    "heart_hd95_mm": "heart HD95, mm",
    "heart_assd_mm": "heart ASSD, mm",
    "lungs_dice": "lungs Dice",
}


def tables_of(steps: Mapping[str, Any]) -> list[ResultTable]:
    """The tables of each step that was run, with n and command under them."""
    return [make(steps[name]) for name, makers in TABLES.items() if name in steps for make in makers]


def contours_table(step: dict[str, Any]) -> ResultTable:
    """By source."""
    rows = [
        (source, of["n"], of["failures"], of["dice_median"], of["dice_mean"]) for source, of in step["sources"].items()
    ]
    return ResultTable(
        "Heart outlines from two marked rows, OpenCV only (paper 2.2.1)",
        ("source", "films", "failures, said", "median Dice", "mean Dice"),
        tuple(rows),
        f"{step['command']}. The rows are the hand-drawn mask's first and last. The paper prints no overlap.",
    )


def view_table(step: dict[str, Any]) -> ResultTable:
    """By patient folds and by sources left out."""
    rows = [
        (
            words,
            of["n"],
            of["laterals"],
            of["balanced_accuracy"],
            of["laterals_found"],
            of["laterals_found_interval"][0],
            of["frontals_kept"],
            of["frontals_kept_interval"][0],
        )
        for words, of in (("patients held out", step["by_patient"]), ("source never seen", step["source_never_seen"]))
    ]
    return ResultTable(
        "Frontal or lateral (paper 2.2.2: VGG16 accuracy 0.96)",
        (
            *("test", "films", "laterals", "balanced accuracy", "laterals found", "at least (95 %)"),
            *("frontals kept", "at least (95 %)"),
        ),
        tuple(rows),
        "python -m train.view. A linear head on the frozen trunk; the paper trains VGG16. Exact intervals by film.",
    )


def unets_table(step: dict[str, Any]) -> ResultTable:
    """Architecture and training films by tested source."""
    rows = []
    for architecture, runs in step["scores"].items():
        for name, of_run in runs.items():
            for source in ("jsrt", "wingspan"):
                of = of_run[source]
                scores = [of[score]["mean"] for score in OUTLINE_COLUMNS]
                ratio = of["ratio"]
                low, high = ratio["limits_of_agreement"]
                rows.append(
                    (
                        architecture,
                        name,
                        of_run["training_films"],
                        source,
                        of["n"],
                        *scores,
                        of["heart_parts"],
                        ratio["mean_absolute_error"],
                        f"{ratio['bias']:+.3f}, {low:+.3f} to {high:+.3f}",
                    )
                )
    columns = ("network", "trained on", "films", "tested on", "n", *OUTLINE_COLUMNS.values(), "heart parts, uncleaned")
    settings = step["config"]
    return ResultTable(
        "U-Net from nothing against VGG-U-Net, same budget (paper Figs 6 to 9)",
        (*columns, "ratio error", "ratio bias, limits"),
        tuple(rows),
        f"{step['command']}, {settings['size_px']} px, {settings['steps']} steps of {settings['batch_size']} films. "
        "Tested on hand-drawn masks, also where the hearts learnt were outlined by OpenCV (traced). The paper shows "
        "pictures only; its strange rectangular patterns are the parts before cleaning. "
        f"{_curve_note(settings['film_counts'], step['scores'])}",
        unets_finding(step["scores"]),
    )


def _curve_note(film_counts: Sequence[int], scores: Mapping[str, Any]) -> str:
    """Which points of the learning curve there are not enough films for."""
    films = scores["unet"]["both"]["training_films"]
    beyond = [f"{count}" for count in film_counts if count >= films]
    return f"No curve at {', '.join(beyond)} films: {films} are there to train on." if beyond else ""


def unets_finding(scores: Mapping[str, Any]) -> str:
    """VGG-U-Net's heart Dice beside U-Net's, tested source by source, for the runs that answer the paper's question."""
    names = {"both": "trained on both sources", "traced": "on OpenCV's outlines", "first_25": "on 25 films"}
    said = []
    for name, words in names.items():
        if name in scores["vgg_unet"]:
            pairs = (
                f"{scores['vgg_unet'][name][source]['heart_dice']['mean']:.3f} against "
                f"{scores['unet'][name][source]['heart_dice']['mean']:.3f} on {source}"
                for source in ("jsrt", "wingspan")
            )
            said.append(f"{words} {', '.join(pairs)}")
    return f"Heart Dice of VGG-U-Net against U-Net: {'; '.join(said)}."


def crossval_table(step: dict[str, Any]) -> ResultTable:
    """The paper's tables and one for each other ratio, a row each."""
    rows = []
    for of in _in_order(step["tables"]):
        paper = of["paper"] or {}
        low, high = of["interval"]
        rows.append(
            (
                *_which(of),
                of["n"],
                f"{of['accuracy']:.3f} [{low:.3f}, {high:.3f}]",
                f"{of['accuracy_variance']:.4f}",
                paper.get("accuracy"),
                of["auroc"],
                f"{of['auroc_variance']:.4f}",
                paper.get("auroc"),
                ", ".join(f"{name} {value:.2f}" for name, value in of["by_class"].items()),
                ", ".join(f"{value:.2f}" for value in paper.get("by_class", ())) or None,
            )
        )
    settings = step["config"]
    return ResultTable(
        "VGG (x 1) against VGG+Mask (x 0.2), signs SIMULATED on films of adults (paper 3.0.1, 3.0.2)",
        (
            *("classes", "Normals", "gray outside the heart", "n", "accuracy [95 %]", "its variance over folds"),
            *("paper's accuracy", "AUROC", "its variance over folds", "paper's AUROC", "each class against the rest"),
            "paper's",
        ),
        tuple(rows),
        f"{step['command']}. {settings['folds']} folds by film, {settings['copies']} drawings of each training film, "
        f"one tested; all of VGG16 frozen but its last convolution and the head, {settings['size_px']} px; the paper "
        "fine-tunes more, on films of patients. Intervals by film. The segmenter learnt most of these films; the mask "
        "is what it found before the signs, moved with them: it shows a moved outline better than one in use would, "
        "which favours x 0.2.",
    )


def source_table(step: dict[str, Any]) -> ResultTable:
    """The same models, asked what the paper's numbers leave out."""
    rows = []
    for of in _in_order(step["tables"]):
        swapped = of["swapped_normals"]
        kept = (swapped["own_called_normal"], swapped["called_normal"], swapped["own_auroc"], swapped["auroc"])
        rows.append((*_which(of), of["n"], swapped["n"], of["worst_group"], of["calibration_error"], *kept))
    return ResultTable(
        "The same models, and what the paper leaves out: do they follow the films' source?",
        (
            *("classes", "Normals learnt", "gray outside the heart", "n", "swapped Normals", "worst group"),
            *("calibration error", "own Normals kept", "swapped Normals kept", "AUROC", "AUROC with swapped Normals"),
        ),
        tuple(rows),
        f"{step['command']}. Swapped: the same models and diseased films, with the Normals of the source that was not "
        "learnt. Kept: called Normal; where the source tells the label, fewer swapped ones are. Worst group: accuracy "
        "of the worst class of the worst source. AUROC: any disease against Normal.",
        crossval_finding(step["tables"]),
    )


def _in_order(tables: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(tables, key=lambda of: (of["task"], of["normals"] != "same source", -of["ratio"]))


def _which(of: Mapping[str, Any]) -> tuple[str, str, str]:
    return of["task"].replace("-", ", "), of["normals"], f"x {of['ratio']:g}"


def crossval_finding(tables: Sequence[Mapping[str, Any]]) -> str:
    """What the first of the paper's tables comes to when the Normals' source is taken away, in numbers."""
    chosen = {of["ratio"]: of for of in tables if (of["task"], of["normals"]) == ("Normal-VSD", "other source")}
    said = []
    for ratio, of in sorted(chosen.items(), reverse=True):
        swapped = of["swapped_normals"]
        said.append(
            f"x {ratio:g}: AUROC {of['auroc']:.3f}, and {swapped['auroc']:.3f} once the Normals come from the "
            f"disease's own source ({100 * swapped['called_normal']:.0f} % of these are called Normal)"
        )
    return f"Normal against VSD, Normals from another source. {'; '.join(said)}." if said else ""


def bayes_table(step: dict[str, Any]) -> ResultTable:
    """By prevalence."""
    rows = [(f"{100 * of['prevalence']:g} %", of["positive"], of["negative"]) for of in step["values"]]
    return ResultTable(
        f"Predictive values at sensitivity {step['sensitivity']:g}, specificity {step['specificity']:g} (equation 1)",
        ("prevalence", "ill if called ill", "healthy if called healthy"),
        tuple(rows),
        "heartviz.bayes.predict_values. "
        f"At 0.74 % the paper prints {100 * step['paper_prints']:.2f} %: it leaves out the factor 1 - prevalence.",
    )


TABLES = {
    "contours": (contours_table,),
    "view": (view_table,),
    "unets": (unets_table,),
    "crossval": (crossval_table, source_table),
    "bayes": (bayes_table,),
}
