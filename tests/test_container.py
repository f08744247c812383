"""What the container is built from is there, and its requirements are those of requirements.txt, pinned and hashed."""

import re
import shlex

from packaging.requirements import Requirement
from packaging.version import Version

from tests.browser.serving import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PINNED = dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", LOCK, re.MULTILINE))


def wanted() -> list[Requirement]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_the_lock_pins_every_requirement_within_its_bounds():
    for requirement in wanted():
        assert requirement.specifier.contains(Version(PINNED[requirement.name])), requirement
    assert "mcp" in PINNED  # the extra of gradio


def test_every_package_of_the_lock_is_hashed_and_no_address_is_named():
    entries = re.split(r"^(?=[a-z0-9-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) == len(PINNED) > 50
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in LOCK
    assert "index" not in LOCK


def test_all_that_is_copied_is_there_and_let_through():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [name for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE) for name in shlex.split(line)[:-1]]
    assert {"app.py", "heartviz", "weights", "requirements.lock"} <= set(copied)
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignored, name


def test_the_container_runs_as_a_person_without_rights_and_is_asked_for_its_health():
    user, start = DOCKERFILE.index("\nUSER heartviz"), DOCKERFILE.index("\nCMD ")
    assert user < start
    assert "/health" in DOCKERFILE[user:start]
    assert "--require-hashes" in DOCKERFILE
