"""Starts the demo: options, models, pages. `python app.py --help` lists the options."""

import argparse
import os
from pathlib import Path

from heartviz.own_folder import leave_nothing, make_own_folder

# Before gradio is imported: nothing about the films or the users is counted or sent, and what pages need on the disk
# lies in a folder of this process alone, which goes with it.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**9)  # A table of all questions, after each, for no one.
# Beside what else is temporary: what Gradio finds in its own it does not copy, and a file to take home goes at once.
os.environ["GRADIO_TEMP_DIR"] = str(make_own_folder(os.environ.get("GRADIO_TEMP_DIR")) / "pages")

try:
    import spaces  # Only on a Space, and before torch.
except ImportError:
    spaces = None

from heartviz import load_models
from heartviz.demo import make_engine
from heartviz.errors import HeartvizError
from heartviz.logbook import start_logging
from heartviz.memory import share_arenas
from heartviz.ui import LAUNCH_OPTIONS, build_demo, open_doors


def main() -> None:
    """Loads the models, then opens the port: a page that answers has models behind it."""
    share_arenas()
    leave_nothing(Path(os.environ["GRADIO_TEMP_DIR"]).parent)
    parser = argparse.ArgumentParser(description="Does a chest X-ray model look at the heart? Not a medical device.")
    host, port = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"), int(os.environ.get("GRADIO_SERVER_PORT", "7860"))
    parser.add_argument("--host", default=host, help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=port, help="port to listen on (default: %(default)s)")
    parser.add_argument(
        "--forget-after", type=float, default=60.0, metavar="S", help="seconds after a page closed until its film goes"
    )
    options = parser.parse_args()
    if spaces is not None:
        spaces.GPU(lambda: None)  # ZeroGPU starts no Space without such a function; the models stay on the processor.
    start_logging()
    try:
        engine = make_engine(load_models())
        demo = build_demo(engine)
    except HeartvizError as error:
        raise SystemExit(f"heartviz can't start: {error}") from error
    doors = open_doors(demo, engine.version, options.forget_after)
    try:
        demo.launch(
            server_name=options.host, server_port=options.port, app_kwargs=doors,
            quiet=True, prevent_thread_lock=True, **LAUNCH_OPTIONS,
        )  # fmt: skip
    except OSError as error:
        raise SystemExit(
            f"heartviz can't listen on {options.host}, port {options.port}: it may be taken. Give another with --port."
        ) from error
    print(f"heartviz is open at {demo.local_url}. Ctrl+C ends it.", flush=True)
    demo.block_thread()


if __name__ == "__main__":
    main()
