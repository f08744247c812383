"""Starts the demo: options, models, pages. `python app.py --help` lists the options."""

import argparse
import os

# Before gradio is imported: nothing about the films or the users is counted or sent.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from heartviz import load_models
from heartviz.demo import make_engine
from heartviz.errors import HeartvizError
from heartviz.ui import LAUNCH_OPTIONS, build_demo


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
