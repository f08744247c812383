"""The folder of one process goes with it, or when the next one starts; nobody else's does."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from heartviz import own_folder
from heartviz.own_folder import make_own_folder

ROOT = Path(__file__).resolve().parents[1]
# Says where a file to take home and an upload would lie, and waits.
PROCESS = """
import sys, tempfile
from heartviz.own_folder import leave_nothing, make_own_folder
folder = make_own_folder(sys.argv[1])
leave_nothing(folder)
open(f"{tempfile.mkdtemp()}/Mustermann.png", "w").close()
print(folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    """What this process would do when it ends is done when the test does."""
    left = []
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(own_folder.atexit, "register", lambda *call: left.append(call))
    yield
    for remove, *given in left:
        remove(*given)


@contextmanager
def living(parent: Path, start: str = "") -> Iterator[tuple[subprocess.Popen, Path]]:
    """A process that has its folder in `parent`."""
    command = [sys.executable, "-c", start + PROCESS, str(parent)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        folder = Path(process.stdout.readline().strip())
        assert [path.name for path in folder.rglob("*.png")] == ["Mustermann.png"]
        try:
            yield process, folder
        finally:
            process.kill()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", None])
def test_whatever_ends_a_process_its_folder_goes(tmp_path, name):
    if name is not None and not hasattr(signal, name):
        pytest.skip("This system has no such signal.")
    # The tests themselves may have been started where SIGHUP is left out, which a child inherits.
    heard = f"import signal; signal.signal(signal.{name}, signal.SIG_DFL)\n" if name else ""
    with living(tmp_path, heard) as (process, folder):
        process.send_signal(getattr(signal, name)) if name else process.stdin.close()
        process.wait(60)
        assert not folder.exists()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="This system has no such signal.")
def test_a_terminal_that_closes_does_not_end_what_nohup_started(tmp_path):
    ignored = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    with living(tmp_path, ignored) as (process, folder):
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        assert folder.exists()


def test_the_next_start_removes_what_was_killed_and_nothing_else(tmp_path):
    (tmp_path / "heartviz-photos").mkdir()
    (tmp_path / "heartviz-photos" / "mine.png").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "lock").touch()
    (tmp_path / "heartviz-linked").symlink_to(tmp_path / "elsewhere")
    before = set(tmp_path.rglob("*"))
    with living(tmp_path) as (_, alive), living(tmp_path) as (killed, left):
        killed.kill()
        killed.wait(60)
        assert left.exists()
        own = make_own_folder(str(tmp_path))
        assert set(tmp_path.rglob("*")) == before | {alive, *alive.rglob("*"), own, *own.rglob("*")}


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="This system has no such numbers.")
def test_the_folder_of_another_person_is_left_alone(tmp_path, monkeypatch):
    with living(tmp_path) as (killed, left):
        killed.kill()
        killed.wait(60)
        monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
        make_own_folder(str(tmp_path))
        assert left.exists()


def test_a_folder_that_another_start_took_at_its_first_moment_is_not_lived_in(tmp_path, monkeypatch):
    taken = []

    def take_first(lock) -> bool:
        if not taken:
            taken.append(Path(lock.name).parent)
            shutil.rmtree(taken[0])
        return True

    monkeypatch.setattr(own_folder, "lock_file", take_first)
    own = make_own_folder(str(tmp_path))
    assert own.exists()
    assert [own] != taken
