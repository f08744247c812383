"""Starts the demo: options, models, pages. `python app.py --help` lists the options."""

import argparse
import os

# Before gradio is imported: nothing about the films or the users is counted or sent.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from heartviz import analyze, load_models
from heartviz.audit import read_shipped
from heartviz.errors import HeartvizError
from heartviz.experiment import draw_deletion, draw_dim_curve, replace_heart, run_experiment
from heartviz.paper_results import read_paper_results
from heartviz.pipeline import add_controls, explain, read_layers
from heartviz.radiograph import load_radiograph
from heartviz.shortcut_results import read_shortcut_results
from heartviz.ui import LAUNCH_OPTIONS, Engine, build_demo
from heartviz.ui.cards import describe_models
from heartviz.weights import Models


def make_engine(models: Models) -> Engine:
    """What the pages can have computed, by these models."""
    return Engine(
        load=load_radiograph,
        analyze=lambda radiograph, task, target_class, gradient_for, progress: analyze(
            radiograph, models, task=task, target_class=target_class, gradient_for=gradient_for, progress=progress
        ),
        explain=lambda report, *chosen: explain(report, models, *chosen),
        add_controls=lambda report, progress: add_controls(report, models, progress),
        read_layers=lambda report, task, layer: read_layers(report, models, task, layer),
        experiment=lambda report, name, strength: run_experiment(report, models, name, strength),
        draw_dim_curve=lambda report: draw_dim_curve(report, models),
        replace_heart=lambda report, heart_mask: replace_heart(report, models, heart_mask),
        draw_deletion=lambda report: draw_deletion(report, models),
        describe=lambda: describe_models(models.manifest),
        results=read_paper_results,
        shortcut=read_shortcut_results,
        audit=read_shipped,
    )


def main() -> None:
    """Loads the models, then opens the port: a page that answers has models behind it."""
    parser = argparse.ArgumentParser(description="Does a chest X-ray model look at the heart? Not a medical device.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this computer only)")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on (default: 7860)")
    options = parser.parse_args()
    try:
        models = load_models()
        demo = build_demo(make_engine(models))
    except HeartvizError as error:
        raise SystemExit(f"heartviz can't start: {error}") from error
    try:
        demo.launch(server_name=options.host, server_port=options.port, **LAUNCH_OPTIONS)
    except OSError as error:
        raise SystemExit(
            f"heartviz can't listen on {options.host}, port {options.port}: it may be taken. Give another with --port."
        ) from error


if __name__ == "__main__":
    main()
