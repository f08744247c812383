"""The pages given what they can have computed: the one place where ui and models meet."""

from heartviz.audit import read_shipped
from heartviz.cue_trial import try_cue
from heartviz.decoder import Decoder
from heartviz.experiment import draw_deletion, draw_dim_curve, replace_heart, run_experiment, take_donor
from heartviz.gate import apply_correction
from heartviz.knob_answers import ask_about_drawing, draw_knob_curve
from heartviz.live_head import read_live_features
from heartviz.logbook import log_calls
from heartviz.paper_results import read_all_results, read_heart_shares
from heartviz.pipeline import add_controls, analyze, explain, outline, read_layers
from heartviz.shortcut_results import read_shortcut_results
from heartviz.ui import Engine
from heartviz.ui.cards import describe_models, describe_version
from heartviz.weights import Models

# What is read from shipped files and says nothing of a film: not logged.
_SHIPPED = ("describe", "results", "shortcut", "audit", "heart_shares", "live", "version")


def make_engine(models: Models) -> Engine:
    """What the pages can have computed, by these models."""
    engine = Engine(
        load=Decoder().load,
        correct=apply_correction,
        analyze=lambda radiograph, task, target_class, gradient_for, progress: analyze(
            radiograph, models, task=task, target_class=target_class, gradient_for=gradient_for, progress=progress
        ),
        explain=lambda report, *chosen: explain(report, models, *chosen),
        add_controls=lambda report, progress: add_controls(report, models, progress),
        read_layers=lambda report, task, layer: read_layers(report, models, task, layer),
        experiment=lambda report, name, *chosen: run_experiment(report, models, name, *chosen),
        take_donor=lambda radiograph: take_donor(radiograph, models),
        draw_dim_curve=lambda report: draw_dim_curve(report, models),
        replace_heart=lambda report, heart_mask: replace_heart(report, models, heart_mask),
        draw_deletion=lambda report: draw_deletion(report, models),
        describe=lambda: describe_models(models.manifest),
        results=read_all_results,
        shortcut=read_shortcut_results,
        audit=read_shipped,
        heart_shares=read_heart_shares,
        turn_knobs=lambda settings, *asked: ask_about_drawing(settings, models, *asked),
        draw_knob_curve=lambda settings, task, target_class, knob, progress: draw_knob_curve(
            settings, models, task, target_class, knob, tell=progress
        ),
        live=read_live_features,
        try_cue=lambda run, live, radiograph, segmentation: try_cue(run, live, models, radiograph, segmentation),
        outline=lambda radiograph: outline(radiograph, models),
        version=lambda: describe_version(models.sha256, models.origin),
    )
    return log_calls(engine, but=_SHIPPED)
