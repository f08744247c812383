"""The pictures of the planted-shortcut runs: films in both labels, what each arm is shown of them, their features."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from heartviz.interventions.cues import CUES, NO_CUE, OUTSIDE_CUES, SOURCE
from heartviz.masks import dim_outside, level_lungs
from heartviz.models import VGGTrunk, VGGUNet
from heartviz.preprocess import stretch_contrast, thorax_frame, to_model_input
from train.arithmetic import mixed_precision
from train.datasets import as_loaded, segment_masks, use_one_thread
from train.last_layers import LastTraining
from train.signs import draw_film, draw_severity
from train.simulate import move_masks, simulate_film
from train.sources import Film

LABELS = ("Normal", "VSD")
PROCESSES = 2


class Arm(NamedTuple):
    """How a model's pictures are made in training and in the test, and its penalty on gradients outside the heart."""

    train: str
    test: str
    penalty: float = 0.0


ARMS: Mapping[str, Arm] = MappingProxyType(
    {
        "plain": Arm("plain", "plain"),
        "x0.2": Arm("x 0.2", "x 0.2"),
        "x0": Arm("x 0", "x 0"),
        "x0_filled": Arm("filled", "filled"),
        "x0.2_random_background": Arm("random", "x 0.2"),
        "levelled_lungs": Arm("levelled", "levelled"),
        "gradient_penalty": Arm("plain", "plain", penalty=3.0),
    }
)
# How a picture is made: gray outside the heart times this, of the film itself or of another one.
SHOWN = MappingProxyType(
    {"plain": (1.0, False), "x 0.2": (0.2, False), "x 0": (0.0, False), "filled": (1.0, True), "random": (0.2, True)}
)
# The film's own lungs at one gray level, black around them: the hardened model's picture.
LEVELLED = "levelled"


@dataclass(frozen=True, kw_only=True)
class ShownFilms(LastTraining):
    """Which films, arms and cues, and how large."""

    data: Path = field(metadata={"help": "folder with jsrt/ and wingspan/ (ctr512 layout)"})
    out: Path = field(metadata={"help": "run folder: cached features, predictions.jsonl, shortcut.json"})
    imagenet: Path | None = field(default=None, metadata={"help": "VGG16 features file; absent: torchvision's"})
    weights: str = field(default="local", metadata={"help": "segmenter, as HEARTVIZ_WEIGHTS"})
    splits: Path = field(default=Path("weights/splits.csv"), metadata={"help": "split file"})
    split: str = field(default="test", metadata={"help": "split that is tested", "choices": ("test", "validation")})
    cues: tuple[str, ...] = field(default=(*CUES, SOURCE), metadata={"help": "cues", "choices": (*CUES, SOURCE)})
    arms: tuple[str, ...] = field(default=tuple(ARMS), metadata={"help": "arms", "choices": tuple(ARMS)})
    size_px: int = field(default=112, metadata={"help": "side of the thorax picture"})


def draw_pictures(
    numbered: tuple[int, Film], config: ShownFilms, networks: tuple[VGGTrunk, VGGUNet]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """One film drawn in both labels: thorax pictures (2, s, s), and heart and lungs of each (2, 2, s, s).

    Masks are the segmenter's, found before the signs and moved with them.
    """
    number, film = numbered
    picture, masks = film.read_pixels(), film.read_masks()
    found = segment_masks(*networks, stretch_contrast(picture))
    pictures, regions = [], []
    for label in LABELS:
        rng = np.random.default_rng([config.seed, number, LABELS.index(label)])
        params = draw_film(rng, label, draw_severity(rng, label))
        seen = as_loaded(simulate_film(picture, *masks, params).picture)
        heart, left, right = move_masks(masks, params, carried=found)
        frame = thorax_frame(left | right, config.size_px)
        pictures.append(frame.to_model(seen))
        regions.append([frame.to_model(mask.astype(np.float32)) > 0.5 for mask in (heart, left | right)])
    return np.stack(pictures), np.array(regions)


def compute_pictures(
    films: Sequence[Film], config: ShownFilms, networks: tuple[VGGTrunk, VGGUNet]
) -> dict[str, Tensor]:
    """All films in both labels: "pictures" (n, 2, s, s) float16, "regions" (n, 2, 2, s, s) bool."""
    work = partial(draw_pictures, config=config, networks=networks)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), initializer=use_one_thread) as pool:
        drawn = list(tqdm(pool.map(work, enumerate(films), chunksize=4), total=len(films), unit="film", mininterval=30))
    pictures, regions = (np.stack(part) for part in zip(*drawn, strict=True))
    return {"pictures": torch.from_numpy(pictures).half(), "regions": torch.from_numpy(regions)}


def show(
    place: int,
    label: int,
    cue: str,
    planted: bool,
    shown: str,
    made: Mapping[str, NDArray],
    donors: Sequence[int],
    seed: int,
) -> NDArray[np.float32]:
    """What a model is shown of one film in one label, with the cue planted in it or not.

    Where another film's outside is taken, it is that of a donor in either label, which has the cue half of the time:
    all is drawn for the film, whatever its own label and cue.
    """
    rng = np.random.default_rng([seed, place, label])
    own = _plant(cue if planted else NO_CUE, made, place, label, rng)
    heart, lungs = made["regions"][place, label]
    if shown == LEVELLED:
        return level_lungs(own, heart, lungs)
    ratio, foreign = SHOWN[shown]
    if not foreign:
        return dim_outside(own, heart, ratio)
    rng = np.random.default_rng([seed, place, label, 1])
    donor = int(rng.choice([each for each in donors if each != place]))
    outside = _plant(cue if rng.random() < 0.5 else NO_CUE, made, donor, int(rng.integers(2)), rng)
    return np.where(heart, own, np.float32(ratio) * outside).astype(np.float32)


def _plant(
    cue: str, made: Mapping[str, NDArray], place: int, label: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    picture, regions = made["pictures"][place, label].astype(np.float32), made["regions"][place, label]
    return CUES[cue](picture, regions[0], regions[1], rng) if cue in CUES else picture


def compute_features(
    cue: str,
    planted: bool,
    shown: str,
    made: Mapping[str, NDArray],
    donors: Sequence[int],
    config: ShownFilms,
    networks: tuple[VGGTrunk, nn.Module],
) -> dict[str, Tensor]:
    """The frozen layers' outputs (n, 2, 512, s / 16, s / 16) bfloat16 of all films in both labels."""
    trunk, frozen = networks
    places = [(place, label) for place in range(len(made["pictures"])) for label in (0, 1)]
    features = []
    with torch.inference_mode(), mixed_precision():
        for first in tqdm(range(0, len(places), 16), unit="batch", mininterval=30, desc=set_name(cue, planted, shown)):
            batch = [show(*each, cue, planted, shown, made, donors, config.seed) for each in places[first : first + 16]]
            features.append(frozen(trunk(to_model_input(np.stack(batch)))[2]).bfloat16())
    whole = torch.cat(features)
    return {"features": whole.view(-1, 2, *whole.shape[1:]).contiguous()}


def find_outside(regions: Tensor) -> Tensor:
    """Cells of the frozen layers' outputs (n, 2, 1, s / 16, s / 16) that are less than half heart, as 0 and 1."""
    heart = regions[:, :, :1].float()
    return (functional.avg_pool2d(heart.flatten(0, 1), 16) < 0.5).float().unflatten(0, heart.shape[:2])


def load_set(config: ShownFilms, cue: str, planted: bool, shown: str) -> Tensor:
    """The features of one kind of picture, (n, 2, 512, h, w), from their file."""
    path = config.out / f"{set_name(cue, planted, shown)}.pt"
    return torch.load(path, weights_only=True, mmap=True)["tensors"]["features"]


def set_name(cue: str, planted: bool, shown: str) -> str:
    """File name of the features of one kind of picture; kinds that hold the same pictures share a file.

    Films without a cue are the same for every cue, unless another film's outside is taken, which may have it. A cue
    outside the heart is gone where the outside is black or another film's.
    """
    ratio, foreign = SHOWN.get(shown, (1.0, False))
    if cue in OUTSIDE_CUES and (foreign or ratio == 0):
        planted = False
    named = cue if cue in CUES and (planted or foreign) else NO_CUE
    return f"features {named}{' planted' if planted else ''} {shown}".replace(" ", "_")


def list_sets(config: ShownFilms) -> list[tuple[str, bool, str]]:
    """Every (cue, planted, shown) that the runs need, each file once."""
    wanted = {}
    for cue in (*config.cues, NO_CUE):
        for arm in config.arms:
            for planted in (False, True) if cue in CUES else (False,):
                for shown in {ARMS[arm].train, ARMS[arm].test}:
                    wanted[set_name(cue, planted, shown)] = (cue, planted, shown)
    return [wanted[name] for name in sorted(wanted)]
