"""What the container is built from is there, and its requirements are those of requirements.txt, pinned and hashed."""

import json
import re
import shlex
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests import vulnerabilities
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


class _Index(BaseHTTPRequestHandler):
    """An index that has a page of one version, and pages of packages whose newest version is 2."""

    def do_GET(self) -> None:
        known = [{"id": "PYSEC-1", "fixed_in": ["3"]}, {"id": "PYSEC-2", "fixed_in": [], "withdrawn": "2026"}]
        version = "1" if self.path == "/ill/1/json" else "2"
        there = self.path in {"/ill/1/json", "/ill/json", "/sound/json"}
        self.send_response(200 if there else 500 if "broken" in self.path else 404)
        self.end_headers()
        told = {"info": {"version": version}, "vulnerabilities": [] if "sound" in self.path else known}
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_vulnerabilities_are_those_of_the_pinned_version_or_unknown(monkeypatch):
    assert dict(vulnerabilities.read_pins(LOCK)) == PINNED
    with ThreadingHTTPServer(("127.0.0.1", 0), _Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        index = f"http://127.0.0.1:{server.server_port}"
        told = {
            pin: vulnerabilities.find_vulnerabilities(*pin, index)
            for pin in (("ill", "1"), ("ill", "2"), ("ill", "0"), ("sound", "2"), ("sound", "1"), ("unheard-of", "1"))
        }
        with pytest.raises(OSError, match="500"):
            vulnerabilities.find_vulnerabilities("broken", "1", index)
        server.shutdown()
    assert vulnerabilities.main("http://127.0.0.1:9/nothing") == 2
    monkeypatch.setattr(vulnerabilities, "find_vulnerabilities", lambda *_: None)
    assert vulnerabilities.main(index) == 2  # Nothing was asked about: that is no good news.
    mended = ["PYSEC-1 (mended in 3)"]
    assert list(told.values()) == [mended, mended, None, [], None, None]
