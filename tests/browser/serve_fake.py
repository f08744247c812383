"""Serves the demo with the fake engine: `python -m tests.browser.serve_fake [--film-s S] [--most N] PORT`."""

import argparse
import os
import time

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from heartviz.ui import LAUNCH_OPTIONS, build_demo, shell
from tests.drawn_report import FakeCompute


class SlowCompute(FakeCompute):
    """Takes so many seconds for a film."""

    def __init__(self, film_s: float) -> None:
        super().__init__()
        self._film_s = film_s

    def analyze(self, *arguments):
        time.sleep(self._film_s)
        return super().analyze(*arguments)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--film-s", type=float, default=0.0)
    parser.add_argument("--most", type=int, default=shell.MAX_WAITING_FILMS, help="questions that may wait")
    options = parser.parse_args()
    shell.MAX_WAITING_FILMS = options.most
    demo = build_demo(SlowCompute(options.film_s).engine())
    demo.launch(server_name="127.0.0.1", server_port=options.port, quiet=True, **LAUNCH_OPTIONS)
