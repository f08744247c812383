"""Seconds of a drawn film with all its masks on one core, and of many by processes: `python -m benchmarks.phantom`.

The floor is the least that any drawing needs: the line integrals alone, through volumes and tubes that are there.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from heartviz.phantom import draw_patient, make_lesion, render_film
from heartviz.phantom import render as stages
from heartviz.phantom.anatomy import build_chest
from heartviz.phantom.body import build_body
from heartviz.phantom.project import project_tubes, project_volume
from heartviz.phantom.skeleton import build_bones
from heartviz.phantom.vessels import grow_vessels
from heartviz.phantom_files import Order, write_films


def seconds_of_floor(size_px: int) -> float:
    """Seconds of the line integrals of one patient's volumes, bones and vessels."""
    patient = draw_patient(np.random.default_rng(0))
    beam = stages.draw_beam(np.random.default_rng(0), patient, "pa", (size_px, size_px))
    voxel = 2.4 * beam.pixel_mm
    volumes = [*build_chest(patient, voxel).values(), *build_body(patient, 2.6 * voxel, arms_raised=False).values()]
    tubes = [part for pair in build_bones(patient, arms_raised=False) for part in pair] + [grow_vessels(patient)]
    started = time.perf_counter()
    for volume in volumes:
        project_volume(beam, volume.grid, volume.occupied)
    for part in tubes:
        project_tubes(beam, part)
    return time.perf_counter() - started


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--films", type=int, default=7)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    floor = median(seconds_of_floor(options.size) for _ in range(3))
    print(f"film {options.size} x {options.size} px, one core, median of {options.films} patients")
    print(f"{'film':28s} {'seconds':>8s} {'floor':>8s} {'ratio':>6s}")
    for name, lesion, view in (
        ("healthy, all masks", None, "pa"),
        ("VSD, all masks and cause", make_lesion("VSD", 1.0), "pa"),
        ("lateral, all masks", None, "lateral"),
    ):
        times = []
        for seed in range(options.films):
            patient = draw_patient(np.random.default_rng(seed))
            started = time.perf_counter()
            render_film(patient, lesion, view, options.size, seed)
            times.append(time.perf_counter() - started)
        print(f"{name:28s} {median(times):8.2f} {floor:8.2f} {median(times) / floor:6.2f}")
    for processes in (1, os.cpu_count() or 1):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            write_films(Order(24, ("Normal",), "pa", None, 0, Path(folder), options.size), processes)
            spent = time.perf_counter() - started
        print(
            f"{processes} processes: 24 films written in {spent:.1f} s, {1000 * spent / 24 / 60:.1f} minutes a thousand"
        )


if __name__ == "__main__":
    main()
