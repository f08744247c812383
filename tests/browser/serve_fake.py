"""Serves the demo with the fake engine: `python -m tests.browser.serve_fake PORT`."""

import os
import sys

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from heartviz.ui import LAUNCH_OPTIONS, build_demo
from tests.drawn_report import FakeCompute

if __name__ == "__main__":
    demo = build_demo(FakeCompute().engine())
    demo.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True, **LAUNCH_OPTIONS)
