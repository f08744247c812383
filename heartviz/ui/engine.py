"""The functions that the pages call, so that a page can be tested with fakes and knows no model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heartviz.audit import Audit
from heartviz.interventions.catalogue import Donor
from heartviz.knobs import KnobCurve, Settings
from heartviz.live_head import CueTrial, LiveFeatures, LiveRun
from heartviz.paper_results import HeartShares, ResultTable
from heartviz.records import (
    Arm,
    DeletionCurves,
    DimCurve,
    Experiment,
    Explanation,
    GradientFor,
    Outlines,
    Radiograph,
    Report,
    Segmentation,
)
from heartviz.shortcut_results import ShortcutResults

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class ModelCard:
    """What the page says about one model: its file's hash, what it was trained on, measured results line by line."""

    sha256: str
    trained_on: str
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Engine:
    """Everything the pages can have computed. Each function raises HeartvizError in words fit for the user.

    `load(source)` reads a file's bytes or a path; `correct(radiograph, name)` turns, mirrors or inverts a film.
    `analyze(radiograph, task, target_class, gradient_for, progress)` makes the whole report; target class None
    explains the class that VGG+Mask predicts. `explain(report, task, target_class, gradient_for, method, progress)`
    makes other maps of the same film and segments nothing again;
    `add_controls(report, progress)` gives the report's explanation with its controls. `read_layers(report, task,
    layer)` gives what a layer of each model puts out, (channels, h, w). `experiment(report, name, strength, donor)`,
    `take_donor(radiograph)`, `draw_dim_curve(report)`, `draw_deletion(report)` and `replace_heart(report, mask)` are
    those of heartviz.experiment. `describe()` maps each model's name to its card. `results()` gives the paper's tables
    as measured again, `shortcut()` what planted shortcuts did, or None, `audit(task)` an audit of many films, or None,
    `heart_shares()` where every method's maps lie on films with drawn signs.
    `live()` gives the features that live heads learn from, or None; `try_cue(run, live, radiograph, segmentation)` is
    that of heartviz.cue_trial.
    `turn_knobs(settings, task, target_class)` and `draw_knob_curve(settings, task, target_class, knob, progress)` ask
    about drawn patients as heartviz.knobs does. `outline(radiograph)` finds heart and lungs alone; `version()` names
    the program's version and each model's file by its hash.
    """

    load: Callable[[bytes | Path], Radiograph]
    correct: Callable[[Radiograph, str], Radiograph]
    analyze: Callable[[Radiograph, str, str | None, GradientFor, Progress], Report]
    explain: Callable[[Report, str, str, GradientFor, str, Progress], Explanation]
    add_controls: Callable[[Report, Progress], Explanation]
    read_layers: Callable[[Report, str, str], Mapping[Arm, NDArray[np.float32]]]
    experiment: Callable[[Report, str, float | None, Donor | None], Experiment]
    take_donor: Callable[[Radiograph], Donor]
    draw_dim_curve: Callable[[Report], DimCurve]
    replace_heart: Callable[[Report, NDArray[np.bool_]], Report]
    draw_deletion: Callable[[Report], DeletionCurves]
    describe: Callable[[], Mapping[str, ModelCard]]
    results: Callable[[], Sequence[ResultTable]] = tuple
    shortcut: Callable[[], ShortcutResults | None] = lambda: None
    audit: Callable[[str], Audit | None] = lambda task: None
    heart_shares: Callable[[], Sequence[HeartShares]] = tuple
    live: Callable[[], LiveFeatures | None] = lambda: None
    turn_knobs: Callable[[Settings, str, str], Report] | None = None
    draw_knob_curve: Callable[[Settings, str, str, str, Progress], KnobCurve] | None = None
    try_cue: Callable[[LiveRun, LiveFeatures, Radiograph, Segmentation], CueTrial] | None = None
    outline: Callable[[Radiograph], Outlines] | None = None
    version: Callable[[], Mapping[str, Any]] = dict
