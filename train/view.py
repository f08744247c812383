"""Train the head that tells frontal from lateral: `python -m train.view --films NAME=PATH ... --out DIR`.

The trunk's features of each film are computed once. Every film counts in a test fold that holds no film of its patient,
and once more in a run that never saw its source (paper section 2.2.2).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from heartviz.errors import DataError
from heartviz.models import VGGTrunk, ViewHead
from heartviz.models.vgg import load_block_weights
from heartviz.preprocess import square_frame, stretch_contrast, to_model_input
from train.arithmetic import mixed_precision
from train.augment import apply_affine, apply_gray, draw_affine, draw_gray
from train.config import run_script
from train.datasets import cached
from train.pretrained import read_imagenet_features
from train.provenance import describe_run, fingerprint, hash_files
from train.sources import Film
from train.sources.registry import open_sources

FOLDS = 5


@dataclass(frozen=True)
class Config:
    """Train and test the head that tells frontal from lateral films."""

    films: tuple[str, ...] = field(metadata={"help": "data sets with views, as NAME=PATH (train.sources)"})
    out: Path = field(metadata={"help": "run folder: cached features, view.safetensors, view_results.json"})
    imagenet: Path | None = field(default=None, metadata={"help": "VGG16 features file; absent: torchvision's"})
    lateral_copies: int = field(default=10, metadata={"help": "changed copies of a lateral film in training"})
    frontal_copies: int = field(default=1, metadata={"help": "changed copies of a frontal film in training"})
    strength: float = field(default=1e-3, metadata={"help": "inverse of the weights' penalty (C)"})
    seed: int = field(default=0, metadata={"help": "seed of copies and folds"})


def compute_grids(films: Sequence[Film], config: Config, trunk: VGGTrunk) -> dict[str, torch.Tensor]:
    """Features (N, 6400) of each film as it is and of its copies, with the film's place in `films` and copy number."""
    average = ViewHead().average
    rows, places, copies = [], [], []
    for place, film in enumerate(tqdm(films, unit="film", mininterval=10)):
        pixels = film.read_pixels()
        count = config.lateral_copies if film.view == "lateral" else config.frontal_copies
        for copy in range(count + 1):
            picture = pixels
            if copy:
                rng = np.random.default_rng([config.seed, place, copy])
                picture = apply_affine(draw_affine(rng, mirror_probability=0.5), picture)[0]
                picture = apply_gray(draw_gray(rng), picture)
            picture = stretch_contrast(picture)
            model_input = to_model_input(square_frame(picture.shape).to_model(picture))
            with torch.inference_mode(), mixed_precision():
                stride4 = trunk(model_input)[2]
            rows.append(average(stride4.float()).flatten())
            places.append(place)
            copies.append(copy)
    return {"grid": torch.stack(rows), "film": torch.tensor(places), "copy": torch.tensor(copies)}


def fit_view(grids: NDArray, lateral: NDArray, sources: NDArray, strength: float) -> Pipeline:
    """Logistic regression in which both views weigh the same, and among the frontals every source."""
    weights = np.zeros(len(lateral))
    for view in (False, True):
        of_view = lateral == view
        for source in np.unique(sources[of_view]):
            chosen = of_view & (sources == source)
            weights[chosen] = 1 / chosen.sum()
        weights[of_view] *= len(lateral) / 2 / weights[of_view].sum()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=3000))
    return model.fit(grids, lateral, logisticregression__sample_weight=weights)


def to_head(model: Pipeline) -> ViewHead:
    """The same decision as a network: the scaler's mean and deviation go into the linear layer."""
    scaler, regression = model[0], model[1]
    head, weight = ViewHead().eval(), regression.coef_[0] / scaler.scale_
    with torch.no_grad():
        head.linear.weight.copy_(torch.from_numpy(weight)[None])
        head.linear.bias.fill_(float(regression.intercept_[0] - weight @ scaler.mean_))
    return head


def score_views(logits: NDArray, lateral: NDArray, sources: NDArray, patients: NDArray) -> dict:
    """Balanced accuracy with its 95 % interval by patient, sensitivity for laterals, specificity by source, n.

    `laterals_found` and `frontals_kept` have exact binomial intervals: a bootstrap of no errors has no width.
    """
    called = logits > 0
    numbers = {patient: number for number, patient in enumerate(np.unique(patients))}
    of_patient = np.array([numbers[patient] for patient in patients])
    rows = [np.flatnonzero(of_patient == number) for number in range(len(numbers))]

    def balanced(drawn: NDArray) -> float:
        chosen = np.concatenate([rows[number] for number in drawn])
        both = lateral[chosen].any() and not lateral[chosen].all()
        return balanced_accuracy_score(lateral[chosen], called[chosen]) if both else float("nan")

    draws = np.random.default_rng(0).integers(len(rows), size=(1000, len(rows)))
    low, high = np.nanpercentile([balanced(drawn) for drawn in draws], [2.5, 97.5])
    return {
        "n": len(lateral),
        "laterals": int(lateral.sum()),
        "patients": len(rows),
        "balanced_accuracy": balanced(np.arange(len(rows))),
        "interval": (float(low), float(high)),
        "lateral_patients": len(np.unique(patients[lateral])),
        "laterals_found": float(called[lateral].mean()),
        "laterals_found_interval": exact_interval(called[lateral]),
        "frontals_kept": float((~called[~lateral]).mean()),
        "frontals_kept_interval": exact_interval(~called[~lateral]),
        "wrong": {source: int((called != lateral)[sources == source].sum()) for source in np.unique(sources)},
    }


def exact_interval(right: NDArray[np.bool_]) -> tuple[float, float]:
    """95 % interval of a share, Clopper and Pearson's."""
    low, high = binomtest(int(right.sum()), len(right)).proportion_ci(method="exact")
    return float(low), float(high)


def main(config: Config) -> None:
    """Writes the head fitted on all films, and its scores by patient folds and by sources left out."""
    films = [film for film in open_sources(config.films) if film.view]
    lateral = np.array([film.view == "lateral" for film in films])
    if lateral.all() or not lateral.any():
        raise DataError("Frontal and lateral films are both needed: add a data set with the other view.")
    trunk, imagenet = VGGTrunk().eval().to(memory_format=torch.channels_last), read_imagenet_features(config.imagenet)
    for number in (1, 2, 3):
        load_block_weights(getattr(trunk, f"block{number}"), number, imagenet)
    films_sha256 = hash_files(film.image_path for film in films)
    key = fingerprint(films_sha256, config.lateral_copies, config.frontal_copies, config.seed)
    made = cached(config.out / "features_view.pt", key, lambda: compute_grids(films, config, trunk))
    grids, place, copy = (made[name].numpy() for name in ("grid", "film", "copy"))
    sources = np.array([film.source for film in films])
    patients = np.array([film.patient_id for film in films])

    def test_without(left_out: NDArray, tested: NDArray) -> NDArray:
        """Logits of `tested` films by a head that saw no film of `left_out`."""
        kept = ~left_out[place]
        model = fit_view(grids[kept], lateral[place[kept]], sources[place[kept]], config.strength)
        rows = (copy == 0) & tested[place]
        return model.decision_function(grids[rows])

    by_patient = np.zeros(len(films))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=config.seed)
    for _, test in tqdm(list(folds.split(lateral, lateral, patients)), unit="fold"):
        in_test = np.isin(np.arange(len(films)), test)
        by_patient[in_test] = test_without(np.isin(patients, patients[test]), in_test)
    unseen = np.zeros(len(films))
    for source in tqdm(np.unique(sources), unit="source"):
        of_source = sources == source
        unseen[of_source] = test_without(of_source, of_source)
    model = fit_view(grids, lateral[place], sources[place], config.strength)
    head = to_head(model)
    with torch.inference_mode():
        difference = head.linear(torch.from_numpy(grids))[:, 0].numpy() - model.decision_function(grids)
    if np.abs(difference).max() > 1e-3:
        raise DataError(
            f"The exported head differs from the fitted one by {np.abs(difference).max():.4f} in its logit."
        )
    results = describe_run(config, [], Path("weights/splits.csv")) | {
        "films_sha256": films_sha256,
        "films": len(films),
        "by_patient": score_views(by_patient, lateral, sources, patients),
        "source_never_seen": score_views(unseen, lateral, sources, patients),
    }
    config.out.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in head.state_dict().items()}, config.out / "view.safetensors")
    (config.out / "view_results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({name: results[name] for name in ("by_patient", "source_never_seen")}, indent=2))


if __name__ == "__main__":
    run_script(main, Config)
