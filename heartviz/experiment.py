"""Experiments on a film already analysed: change it, dim it, edit its heart, and ask all models again.

The film is never segmented again: outlines and frame stay those of the report, or those that a person drew.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heartviz.admission import admit_film
from heartviz.asking import Shown, ask_models, open_for_gradients
from heartviz.attribution.networks import contrast_logits
from heartviz.attribution.perturbation import blur
from heartviz.classify import pictures_seen, predict
from heartviz.errors import SegmentationError
from heartviz.gate import check_ratio, warnings_of
from heartviz.interventions.catalogue import INTERVENTIONS, Donor, Scene
from heartviz.masks import dim_outside
from heartviz.measure import delete_by_rank, measure_cardiothoracic_ratio, measure_relevance_share
from heartviz.preprocess import stretch_contrast, thorax_frame, to_model_input
from heartviz.records import ARMS, Arm, DeletionCurves, DimCurve, Experiment, Prediction, Radiograph, Report
from heartviz.weights import Models

CHANGED_BY = 0.01  # of the gray range: from here on a pixel counts as changed
NOT_CHANGED_BY = 1e-4  # a picture that nowhere differs by more is the same picture
DIM_RATIOS = (0.0, 0.1, 0.2, 0.4, 0.7, 1.0)


def take_donor(radiograph: Radiograph, models: Models) -> Donor:
    """Another film with its outlines, whose lungs can be swapped in. Raises SegmentationError where none are found."""
    picture = stretch_contrast(radiograph.pixels)
    with models.lock:
        found = admit_film(radiograph, models).segmentation
    return Donor(picture, found.heart_mask, found.left_lung_mask, found.right_lung_mask)


def run_experiment(
    report: Report, models: Models, name: str, strength: float | None = None, donor: Donor | None = None
) -> Experiment:
    """What all models say after the intervention `name`, for the task and class that the report's maps explain.

    `strength` is the knob's place in 0..1, by default where it starts; `donor` is the film whose lungs "swap_lungs"
    takes, None a drawn one. Raises ValueError for an unknown name or a
    strength outside 0..1.
    """
    if name not in INTERVENTIONS:
        raise ValueError(f"Unknown intervention {name!r}: choose one of {', '.join(INTERVENTIONS)}.")
    intervention = INTERVENTIONS[name]
    strength = intervention.start if strength is None else float(strength)
    if not 0 <= strength <= 1:
        raise ValueError(f"Strength is {strength:g}: give 0 to 1.")
    explanation, segmentation = report.explanation, report.segmentation
    heart_mask, lungs_mask = segmentation.heart_mask, segmentation.lungs_mask
    scene = replace(_open_scene(report), donor=donor)
    picture = intervention.apply(scene, strength)
    if intervention.instead_of_dimming:
        shown = dict.fromkeys(ARMS, scene.frame.to_model(picture))
    else:
        shown = pictures_seen(picture, heart_mask, lungs_mask, scene.frame)
    after = {arm: _predict(models, explanation.task, arm, shown[arm][None])[0] for arm in ARMS}
    usual = pictures_seen(scene.picture, heart_mask, lungs_mask, scene.frame)
    differs = {arm: np.abs(scene.frame.to_original(shown[arm] - usual[arm], 0.0)) for arm in ARMS}
    changed = {arm: differs[arm] > CHANGED_BY for arm in ARMS}
    # What VGG+Mask is shown is dimmed to 0.2 where the change may lie: its own difference would hide a faint one there.
    changed_mask = changed["plain"] | changed["mask"]
    changed_masks = {arm: changed_mask & (differs[arm].max() > NOT_CHANGED_BY) for arm in ARMS}
    changed_masks["hardened"] = changed["hardened"]
    maps = {arm: explanation.attributions[arm].values for arm in ARMS}
    return Experiment(
        name=name,
        strength=strength,
        task=explanation.task,
        target_class=explanation.target_class,
        picture=picture,
        changed_masks=changed_masks,
        pictures_seen={arm: scene.frame.to_original(shown[arm]) for arm in ARMS},
        before=dict(report.predictions[explanation.task]),
        after=after,
        promised={arm: _share(maps[arm], changed_masks[arm]) for arm in ARMS},
        chance={arm: _share(np.where(np.isfinite(maps[arm]), 1.0, np.nan), changed_masks[arm]) for arm in ARMS},
    )


def draw_dim_curve(report: Report, models: Models, ratios: Sequence[float] = DIM_RATIOS) -> DimCurve:
    """Every model's probability and sensitivity map of the class explained, at each ratio of gray outside the heart.

    All ratios go through a network at once: some 60 MB a ratio.
    """
    explanation, segmentation, scene = report.explanation, report.segmentation, _open_scene(report)
    pictures = np.stack(
        [scene.frame.to_model(dim_outside(scene.picture, segmentation.heart_mask, ratio)) for ratio in ratios]
    )
    heart, lungs = (
        scene.frame.to_model(mask.astype(np.float32)) > 0.5
        for mask in (segmentation.heart_mask, segmentation.lungs_mask)
    )
    probability, heart_share, maps = {}, {}, {}
    for arm in ARMS:
        classifier = models.classifiers[explanation.task, arm]
        with models.lock, open_for_gradients(models, explanation.task, arm, pictures) as (leaf, logits):
            score = contrast_logits(logits, classifier.class_names.index(explanation.target_class)).sum()
            (gradient,) = torch.autograd.grad(score, leaf)
        maps[arm] = gradient[:, 0].abs().numpy()
        answers = _answers(models, explanation.task, arm, logits)
        probability[arm] = np.array([answer.probabilities[explanation.target_class] for answer in answers])
        shares = [measure_relevance_share(values, heart, lungs) for values in maps[arm]]
        heart_share[arm] = np.array([share.share["heart"] for share in shares])
    return DimCurve(
        explanation.task,
        explanation.target_class,
        np.array(ratios),
        probability,
        heart_share,
        shares[0].chance["heart"],
        pictures,
        maps,
    )


def draw_deletion(report: Report, models: Models, steps: int = 8) -> DeletionCurves:
    """Every model's probability of the class explained while pixels are blurred away or come back by its map's order.

    Highest is what speaks most for the class. Pixels are ranked once more at random, which is the chance line: taken
    away in any order they leave a picture that no model has seen.
    """
    explanation = report.explanation
    film = Shown(stretch_contrast(report.radiograph.pixels), report.segmentation)
    curves: dict[str, dict[Arm, NDArray[np.float64]]] = {
        name: {} for name in ("deletion", "insertion", "random_deletion", "random_insertion")
    }
    for arm in ARMS:
        picture = film.pictures[arm]
        baseline = blur(torch.from_numpy(picture)[None, None])[0, 0].numpy()

        def score(pictures: NDArray[np.float32], arm: Arm = arm) -> NDArray[np.float64]:
            answers = _predict(models, explanation.task, arm, pictures)
            return np.array([answer.probabilities[explanation.target_class] for answer in answers])

        values = film.frame.to_model(np.nan_to_num(explanation.attributions[arm].values))
        drawn = np.random.default_rng(0).random(picture.shape, np.float32)
        for name, order in (("", values), ("random_", drawn)):
            deleted, inserted = delete_by_rank(order, picture, baseline, score, steps)
            curves[f"{name}deletion"][arm], curves[f"{name}insertion"][arm] = deleted, inserted
    shares = np.linspace(0, 1, steps + 1)
    return DeletionCurves(explanation.task, explanation.target_class, explanation.method, shares, **curves)


def replace_heart(report: Report, models: Models, heart_mask: NDArray[np.bool_]) -> Report:
    """The report with another heart mask (H, W): ratio, what VGG+Mask sees, answers and maps follow.

    The maps are made by the report's own method; nothing is segmented. Raises SegmentationError for an empty mask or
    a ratio that no film could have, ValueError for a mask of another size.
    """
    if heart_mask.shape != report.radiograph.pixels.shape:
        raise ValueError(f"Mask is {heart_mask.shape}, the film is {report.radiograph.pixels.shape}.")
    if not heart_mask.any():
        raise SegmentationError("The edited heart is empty. Draw a heart, or go back to the one that was found.")
    segmentation = replace(report.segmentation, heart_mask=heart_mask)
    cardiothoracic = measure_cardiothoracic_ratio(heart_mask, segmentation.lungs_mask)
    check = check_ratio(cardiothoracic, models.limits)
    if check.verdict == "refused":
        raise SegmentationError(check.sentence)
    explanation = report.explanation
    predictions, explained, seen = ask_models(
        models,
        stretch_contrast(report.radiograph.pixels),
        segmentation,
        explanation.task,
        explanation.target_class,
        explanation.gradient_for,
        explanation.method,
    )
    return replace(
        report,
        segmentation=segmentation,
        cardiothoracic=cardiothoracic,
        moved=None,
        predictions=predictions,
        explanation=explained,
        pictures_seen=seen,
        messages=(*report.radiograph.messages, *warnings_of((check,))),
    )


def _open_scene(report: Report) -> Scene:
    picture = stretch_contrast(report.radiograph.pixels)
    return Scene(picture, report.segmentation, thorax_frame(report.segmentation.lungs_mask))


def _predict(models: Models, task: str, arm: Arm, pictures: NDArray[np.float32]) -> list[Prediction]:
    """Predictions of one model for pictures (N, h, w)."""
    with models.lock, torch.inference_mode():
        logits = models.classifiers[task, arm].network(models.trunk(to_model_input(pictures))[2])
    return _answers(models, task, arm, logits)


def _answers(models: Models, task: str, arm: Arm, logits: Tensor) -> list[Prediction]:
    of = models.classifiers[task, arm]
    return [predict(each, task, arm, of.class_names, of.temperature, of.operating_point) for each in logits]


def _share(values: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """Share of absolute values inside a mask; NaN where there are none."""
    magnitude = np.abs(np.nan_to_num(values, nan=0.0)).astype(np.float64)
    total = magnitude.sum()
    return float(magnitude[mask].sum() / total) if total else float("nan")
