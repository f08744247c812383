"""What several tests share: the folder of real films, where there is one."""

import os
from pathlib import Path

import pytest

SHARED_DATA = Path(os.environ.get("HEARTVIZ_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real films; the test is skipped where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"No folder of real films at {SHARED_DATA}; set HEARTVIZ_DATA to have this test run.")
    return SHARED_DATA
