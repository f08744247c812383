"""What several tests share: the folder of real films, where there is one."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.serving import serve

SHARED_DATA = Path(os.environ.get("HEARTVIZ_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real films; the test is skipped where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"No folder of real films at {SHARED_DATA}; set HEARTVIZ_DATA to have this test run.")
    return SHARED_DATA


@pytest.fixture(scope="session")
def small_server(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """Address of `app.py` with small random networks, and the folder that is its home: log, uploads and all."""
    folder = tmp_path_factory.mktemp("server")
    command = [sys.executable, "-m", "tests.serve_small"]
    # Matplotlib, which a library of ours imports, would list all fonts again in a new home.
    fonts = os.environ.get("MPLCONFIGDIR", str(Path.home() / ".cache" / "matplotlib"))
    with serve(command, folder, HOME=str(folder), MPLCONFIGDIR=fonts, GRADIO_HEARTBEAT_INTERVAL="1") as address:
        yield address, folder
