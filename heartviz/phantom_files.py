"""Drawn films as files: pictures, masks, cause maps and a table, many at once."""

import csv
import hashlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from heartviz.dicom_writer import write_drawn_dicom
from heartviz.errors import DataError, HeartvizError
from heartviz.measure import measure_cardiothoracic_ratio
from heartviz.phantom import Film, draw_lesion, draw_patient, render_film
from heartviz.radiograph import load_radiograph

SEVERITIES = (0.35, 1.0)
QUANTILES = np.linspace(0, 1, 101)
MOST_LIKE = 200
PICTURES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")
COLUMNS = (
    "file", "label", "severity", "signs", "view", "age_years", "sex", "cardiothoracic_ratio", "pixel_mm", "drawing",
)  # fmt: skip


@dataclass(frozen=True)
class Order:
    """Which films to draw: how many, of which classes in turn, in which view, and how they are written.

    `severity` None draws one for each film; `ages` (low, high) None draws adults. `like` holds gray quantiles (n, 101)
    of films whose gray the drawn ones get, one of them each.
    """

    count: int
    kinds: tuple[str, ...]
    view: str
    severity: float | None
    seed: int
    out: Path
    size_px: int = 512
    ages: tuple[float, float] | None = None
    file_format: str = "png"
    like: NDArray[np.float32] | None = None


def draw_film(order: Order, number: int) -> Film:
    """The film of this number: a patient, a lesion with the signs that it happens to show, an exposure.

    The patient, field and exposure do not hang on class or severity: the same number is the same person.
    """
    rng = np.random.default_rng([order.seed, number])
    ages = order.ages or (None, None)
    age = None if ages[0] is None else float(rng.uniform(*ages))
    patient = draw_patient(rng, age_years=age)
    shows = np.random.default_rng([order.seed, number, 1])
    kind, drawn = order.kinds[number % len(order.kinds)], float(shows.uniform(*SEVERITIES))
    severity = 0.0 if kind == "Normal" else drawn if order.severity is None else order.severity
    return render_film(patient, draw_lesion(shows, kind, severity), order.view, order.size_px, int(rng.integers(2**31)))


def write_films(order: Order, processes: int, tell: Callable[[int], None] = lambda done: None) -> Path:
    """Draws and writes all films; gives the table's path. `tell` is called with how many are done.

    In the folder: `png/` or `dicom/`, `mask/NAME/` (0 and 255), `cause/` (16 bit, 65535 = one whole gray range), and
    `labels.csv` with the columns `file` and `label` that `audit` reads. The same order writes the same bytes. Raises
    DataError for a folder that holds drawn films already.
    """
    path = order.out / "labels.csv"
    if path.exists():
        raise DataError(f"{order.out} holds drawn films already ({path.name}): give another folder, or remove it.")
    order.out.mkdir(parents=True, exist_ok=True)
    work = partial(_write_film, order)
    lines = []
    if processes == 1 or order.count == 1:
        for number in range(order.count):
            lines.append(work(number))
            tell(len(lines))
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_use_one_thread) as pool:
            for line in pool.map(work, range(order.count)):
                lines.append(line)
                tell(len(lines))
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(lines)
    return path


def read_gray_quantiles(folder: Path) -> NDArray[np.float32]:
    """Gray quantiles (n, 101) in 0..1 of up to 200 films under a folder. Raises DataError where none can be read."""
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: give one with films whose gray the drawn ones are to get.")
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in PICTURES and not {"mask", "cause"} & set(path.relative_to(folder).parts)
    )
    found = []
    for path in paths[:: -(-len(paths) // MOST_LIKE) or 1]:
        try:
            found.append(np.quantile(load_radiograph(path).pixels[::2, ::2], QUANTILES))
        except HeartvizError:
            continue
    if not found:
        raise DataError(f"No film in {folder} could be read: it needs PNG, JPEG or DICOM files.")
    return np.array(found, np.float32)


def match_gray(
    pixels: NDArray[np.float32], quantiles: NDArray[np.float32], own: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """The film (H, W) with its gray values moved, in their order, to where these quantiles (101,) lie.

    `own` are the quantiles of the film that the curve is made for, by default this film's.
    """
    own = np.quantile(pixels, QUANTILES) if own is None else own
    steps = np.concatenate([[True], np.diff(own) > 1e-6])
    return np.interp(pixels, own[steps], quantiles[steps]).astype(np.float32)


def give_gray(film: Film, order: Order, number: int) -> Film:
    """The film with the gray of one of the order's films, and its cause in that gray.

    The curve is made for the same patient without the lesion, so that the lesion changes gray only where it lies.
    """
    if order.like is None:
        return film
    like = order.like[np.random.default_rng([order.seed, number, 2]).integers(len(order.like))]
    healthy = draw_film(replace(order, kinds=("Normal",)), number).pixels
    own = np.quantile(healthy, QUANTILES)
    pixels, twin = (match_gray(each, like, own) for each in (film.pixels, healthy))
    return replace(film, pixels=pixels, cause=np.abs(pixels - twin))


def _write_film(order: Order, number: int) -> dict[str, Any]:
    film = give_gray(draw_film(order, number), order, number)
    name = f"{order.view}_{order.seed}_{number:05d}"
    if order.file_format == "dicom":
        path = order.out / "dicom" / f"{name}.dcm"
        content = _to_dicom(film, order, number)
    else:
        path = order.out / "png" / f"{name}.png"
        content = _encode(np.round(film.pixels * 65535).astype(np.uint16))
    _save(path, content)
    for part, mask in film.masks.items():
        _save(order.out / "mask" / part / f"{name}.png", _encode(mask.astype(np.uint8) * 255))
    _save(order.out / "cause" / f"{name}.png", _encode(np.round(np.clip(film.cause, 0, 1) * 65535).astype(np.uint16)))
    return _describe(film, path.relative_to(order.out).as_posix(), number)


def _to_dicom(film: Film, order: Order, number: int) -> bytes:
    """DICOM bytes; the patient's number is that of seed, ages and drawing, the film's of all that changes it."""
    patient = f"DRAWN-{order.seed}-{number}"
    if order.ages is not None:
        patient += "-AGED-{:g}-{:g}".format(*order.ages)
    like = "" if order.like is None else hashlib.sha256(order.like.tobytes()).hexdigest()[:16]
    name = f"{patient} {film.lesion} {order.view} {order.size_px} {like}"
    person = (film.patient.age_years, film.patient.sex)
    return write_drawn_dicom(film.pixels, order.view, film.pixel_mm, name, *person, bool(film.exposure.marker), patient)


def _describe(film: Film, file: str, number: int) -> dict[str, Any]:
    ratio: float | str = ""
    if film.view != "lateral":
        lungs = film.masks["left_lung"] | film.masks["right_lung"]
        ratio = round(measure_cardiothoracic_ratio(film.masks["heart"], lungs).ratio, 4)
    signs = (*film.lesion.signs, *["right_arch"] * film.lesion.right_arch) if film.lesion.severity else ()
    return {
        "file": file,
        "label": film.lesion.kind if film.lesion.severity else "Normal",
        "severity": round(film.lesion.severity, 3),
        "signs": " ".join(signs),
        "view": film.view,
        "age_years": round(film.patient.age_years, 1),
        "sex": film.patient.sex,
        "cardiothoracic_ratio": ratio,
        "pixel_mm": round(film.pixel_mm, 4),
        "drawing": number,
    }


def _encode(picture: NDArray) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def _save(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _use_one_thread() -> None:
    cv2.setNumThreads(1)
