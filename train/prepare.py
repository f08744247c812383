"""Turn data folders into one HDF5 file: `python -m train.prepare --sources NAME=PATH ... --out FILE.h5`.

Source: paper section 2.2.2 (films, masks and outlines of the heart at 320 x 320 in HDF5, by source and label).
"""

import dataclasses
import hashlib
import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

import heartviz
from heartviz.errors import DataError, HeartvizError
from heartviz.masks import mask_contour
from heartviz.preprocess import CONTRAST_PERCENTILES, SEGMENTER_SIZE_PX, square_frame, stretch_contrast
from train.config import describe_config, run_script
from train.folds import draw_splits, read_splits, write_splits
from train.hdf5 import MASKS, TEXT_BYTES, PreparedFilm, PreparedFilms, group_path, hash_row
from train.hdf5_writer import LAYOUT, VERSIONS, BadFilm, FilmWriter
from train.sources import Film, read_mask
from train.sources.registry import open_sources


@dataclass(frozen=True)
class Config:
    """Turn data folders into one HDF5 file of square films, masks, outlines and labels; a killed run goes on."""

    sources: tuple[str, ...] = field(metadata={"help": "data folders, each NAME=PATH"})
    out: Path = field(metadata={"help": "the HDF5 file; a summary (.json) and drawn splits (.splits.csv) beside it"})
    splits: Path | None = field(default=None, metadata={"help": "split file; absent: drawn by patient"})
    size_px: int = field(default=SEGMENTER_SIZE_PX, metadata={"help": "side of the square films"})
    compression: str = field(default="gzip", metadata={"help": "of films and masks", "choices": ("gzip", "lzf")})
    block_films: int = field(default=32, metadata={"help": "films held in memory, then written and counted"})
    seed: int = field(default=0, metadata={"help": "seed of drawn splits"})


def mask_paths(film: Film) -> tuple[Path | None, ...]:
    """The film's mask files in the order of MASKS."""
    return film.heart_path, film.left_lung_path, film.right_lung_path


def prepare_film(film: Film, split: str, size_px: int) -> PreparedFilm:
    """The film's row: contrast stretched, padded to a square and resized; masks it has no file of are empty."""
    pixels = film.read_pixels()
    if not np.isfinite(pixels).all():
        raise DataError("Gray values are not all finite.")
    frame = square_frame(pixels.shape, size_px)
    picture = np.rint(255 * frame.to_model(stretch_contrast(pixels))).astype(np.uint8)
    masks = np.zeros((len(MASKS), size_px, size_px), np.uint8)
    for index, path in enumerate(mask_paths(film)):
        if path is not None:
            mask = read_mask(path).astype(np.uint8)
            mask = cv2.resize(mask, pixels.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
            masks[index] = frame.to_model(mask) >= 0.5
    row = PreparedFilm(
        picture=picture,
        masks=masks,
        has_masks=np.array([path is not None for path in mask_paths(film)]),
        outline=mask_contour(masks[0].astype(bool)),
        original_size=frame.original_size,
        film_id=film.film_id,
        patient_id=film.patient_id,
        source=film.source,
        label=film.label or None,
        view=film.view or None,
        split=split,
        file_sha256=hashlib.sha256(film.image_path.read_bytes()).hexdigest(),
    )
    for name, length in TEXT_BYTES.items():
        text = getattr(row, name) or ""
        if len(text.encode()) > length or "\0" in text:
            raise DataError(f"The {name} is longer than {length} bytes, or holds a null character: shorten it.")
    return dataclasses.replace(row, row_sha256=hash_row(row))


def try_film(film: Film, split: str, size_px: int) -> PreparedFilm | BadFilm:
    """The film's row, or why there is none: among a million films any error may come, and none may end the run."""
    try:
        return prepare_film(film, split, size_px)
    except Exception as error:
        reason = str(error) if isinstance(error, HeartvizError) else f"{type(error).__name__}: {error}"
        for path in (film.image_path, *mask_paths(film)):
            reason = reason.replace(str(path), path.name if path else "None")  # no machine's folders are told
        return BadFilm(film.film_id, reason)


def write_films(films: Sequence[Film], splits: Mapping[str, str], settings: Mapping[str, Any], config: Config) -> None:
    """Prepares and writes all films that the file does not count yet, in order, one block in memory at a time."""
    groups = sorted({group_path(film.source, film.label) for film in films})
    with FilmWriter(config.out, groups, settings) as writer:
        writer.mark_verified(False)
        done = {group: writer.count_done(group) for group in groups}
        block = []
        for film in tqdm(films, desc="prepare", unit="film", mininterval=1):
            group = group_path(film.source, film.label)
            if done[group]:
                done[group] -= 1
                continue
            block.append((group, try_film(film, splits[film.film_id], config.size_px)))
            if len(block) == config.block_films:
                writer.commit(block)
                block.clear()
        writer.commit(block)


def verify(path: Path, film_count: int) -> dict[str, Any]:
    """Counts and hashes of a file, opened again and read in full; raises DataError if a row is not as it was made."""
    counts = {name: Counter() for name in ("source", "label", "split", "view")}
    pictures, rows, damaged = hashlib.sha256(), hashlib.sha256(), []
    with PreparedFilms(path, unfinished=True) as prepared:
        for index in tqdm(range(len(prepared)), desc="verify", unit="film", mininterval=1):
            try:
                film = prepared[index]
            except (OSError, ValueError, RuntimeError, LookupError) as error:
                damaged.append(f"row {index} ({error})")
                continue
            if hash_row(film) != film.row_sha256:
                damaged.append(f"row {index} (film {film.film_id})")
            for name, counter in counts.items():
                counter[getattr(film, name) or "unknown"] += 1
            pictures.update(film.file_sha256.encode())
            rows.update(film.row_sha256.encode())
        bad, row_count = prepared.bad_films(), len(prepared)
    if damaged or row_count + len(bad) != film_count:
        raise DataError(
            f"{path} is damaged: {len(damaged)} of {row_count} rows are not what was written"
            f"{', first ' + damaged[0] if damaged else ''}; {row_count} rows and {len(bad)} bad films of {film_count} "
            "films. Check the disk, remove the file and prepare it again."
        )
    return {
        "rows": row_count,
        "counts": {name: dict(sorted(counter.items())) for name, counter in counts.items()},
        "picture_files_sha256": pictures.hexdigest(),
        "rows_sha256": rows.hexdigest(),
        "bad_films": [{"film_id": film_id, "reason": reason} for film_id, reason in bad],
    }


def choose_splits(films: Sequence[Film], config: Config) -> dict[str, str]:
    """Film id to split, drawn or from the split file; raises DataError for a file that parts a patient's films."""
    if config.splits is None:
        return draw_splits(films, config.seed)
    try:
        splits = read_splits(config.splits)
    except (OSError, KeyError) as cause:
        raise DataError(f"{config.splits} can't be read as a split file of film_id,split lines ({cause}).") from cause
    of_patient: dict[tuple[str, str], str] = {}
    for film in films:
        if film.film_id not in splits:
            raise DataError(f"Film {film.film_id} is not in {config.splits}: add it, or leave --splits out.")
        split = splits[film.film_id]
        if of_patient.setdefault((film.source, film.patient_id), split) != split:
            raise DataError(f"{config.splits} puts films of patient {film.patient_id} in two splits: mend it.")
    return splits


def describe_settings(films: Sequence[Film], splits: Mapping[str, str], config: Config) -> dict[str, Any]:
    """All that decides what the rows are, but for the contents of the films' files; fit for JSON."""
    digest = hashlib.sha256()
    for film in films:
        masks = [path is not None for path in mask_paths(film)]
        line = [film.film_id, film.source, film.patient_id, film.label, film.view, masks, splits[film.film_id]]
        digest.update(json.dumps(line).encode())
    return {
        "layout": LAYOUT,
        "sources": [spec.partition("=")[0] for spec in config.sources],
        "heartviz": heartviz.__version__,
        "size_px": config.size_px,
        "contrast_percentiles": list(CONTRAST_PERCENTILES),
        "compression": config.compression,
        "films_and_splits_sha256": digest.hexdigest(),
    }


def prepare(films: Sequence[Film], config: Config) -> dict[str, Any]:
    """Writes, verifies and sums up the file; returns the summary that is written beside it."""
    splits = choose_splits(films, config)
    settings = describe_settings(films, splits, config)
    try:
        write_films(films, splits, settings, config)
    except (OSError, RuntimeError) as cause:
        raise DataError(f"{config.out} can't be written ({cause}). Mend that, then run again: it goes on.") from cause
    found = verify(config.out, len(films))
    with FilmWriter(config.out, (), settings) as writer:
        writer.mark_verified(True)
    summary = {
        "config": describe_config(config),
        "settings": settings,
        **found,
        "versions": {
            "heartviz": heartviz.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
            **VERSIONS,
        },
    }
    if config.splits is None:
        write_splits(splits, config.out.with_suffix(".splits.csv"))
    config.out.with_suffix(".json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def main(config: Config) -> None:
    summary = prepare(open_sources(config.sources), config)
    print(f"{summary['rows']} films in {config.out}; {len(summary['bad_films'])} bad films are listed beside it.")


if __name__ == "__main__":
    run_script(main, Config)
