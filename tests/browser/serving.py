"""A demo served on a free port of this computer, and the Chromium that visits it."""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMIUM_ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
START_WITHIN_S = 400
SHOW_WITHIN_MS = 60_000


@contextmanager
def serve(command: list[str], folder: Path, **environment: str) -> Iterator[str]:
    """The address at which `command PORT` answers; its log and its uploads lie in `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"GRADIO_TEMP_DIR": str(folder)} | environment
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen([*command, str(port)], cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(f"http://127.0.0.1:{port}/", server)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait_for(address: str, server: subprocess.Popen) -> None:
    until = time.monotonic() + START_WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < until, "the server did not answer"
            time.sleep(0.3)


def upload(page, path: Path) -> None:
    """Drops a file on the Analyze page."""
    page.locator("#hv-upload input[type=file]").set_input_files(path)


def wait_for_result(page) -> None:
    """Until the Analyze page shows a film's numbers."""
    page.get_by_test_id("ctr").wait_for()
