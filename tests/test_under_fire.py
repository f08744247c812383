"""Clients that go away, uploads that are slow and a disk that is full, over loopback: the next client is answered."""

import json
import socket
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import psutil
import pytest

from heartviz.ui.leaving import UNOWNED_TIMES
from tests.chest import picture
from tests.full_disk import full_disk
from tests.serve_small import FORGET_AFTER_S

SWEEP_S = 3.0  # A sweep each second, and a computer that has other things to do.


@pytest.fixture(scope="module")
def film() -> bytes:
    return cv2.imencode(".png", np.round(picture() * 255).astype(np.uint8))[1].tobytes()


def ask(address: str, path: str, body: bytes | None = None, kind: str = "application/json") -> str:
    with urllib.request.urlopen(urllib.request.Request(address + path, body, {"Content-Type": kind})) as answer:
        return answer.read().decode()


def form(*files: bytes) -> bytes:
    head = b'--cut\r\nContent-Disposition: form-data; name="files"; filename="film.png"\r\n\r\n'
    return b"".join(head + content + b"\r\n" for content in files) + b"--cut--\r\n"


def upload(address: str, *files: bytes) -> list[str]:
    return json.loads(ask(address, "gradio_api/upload", form(*files), "multipart/form-data; boundary=cut"))


def join(address: str, path: str, endpoint: str = "segment", **given: str) -> str:
    question = {"film": {"path": path, "meta": {"_type": "gradio.FileData"}}, **given}
    return json.loads(ask(address, f"gradio_api/call/v2/{endpoint}", json.dumps(question).encode()))["event_id"]


def assert_the_next_client_is_answered(address: str, film: bytes) -> None:
    event = join(address, upload(address, film)[0])
    assert "event: complete" in ask(address, f"gradio_api/call/segment/{event}")
    health = json.loads(ask(address, "health"))
    assert (health["status"], health["queue"]["all"], health["queue"]["running"]) == ("ok", 0, 0)


@contextmanager
def half_an_upload(address: str, body: bytes, sent: int):
    """A connection on which so many bytes of the body were sent, and no more."""
    place = urlsplit(address)
    with closing(socket.create_connection((place.hostname, place.port))) as connection:
        head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: {len(body)}\r\n"
        connection.sendall(f"{head}Content-Type: multipart/form-data; boundary=cut\r\n\r\n".encode() + body[:sent])
        yield connection


def films_in(folder: Path) -> set[Path]:
    """Gradio lays an empty file beside each question; it says nothing, and goes as one that nobody has named."""
    return {path for path in folder.glob("heartviz-*/**/*") if path.is_file() and path.stat().st_size}


def wait_for(told, within_s: float) -> bool:
    until = time.monotonic() + within_s
    while not (so := told()) and time.monotonic() < until:
        time.sleep(0.05)
    return bool(so)


def test_who_leaves_within_an_upload_leaves_nothing(small_server, film):
    address, folder = small_server
    before = films_in(folder)
    with half_an_upload(address, form(bytes(2_000_000)), 1_000_000):
        assert wait_for(lambda: films_in(folder) - before, 10)
    # At once: far sooner than what nobody has named would go.
    assert wait_for(lambda: not films_in(folder) - before, UNOWNED_TIMES * FORGET_AFTER_S / 2)
    assert_the_next_client_is_answered(address, film)
    assert "Traceback" not in (folder / "server.log").read_text()


@pytest.mark.slow
def test_who_leaves_within_an_analysis_frees_the_queue_and_leaves_nothing(small_server, film):
    address, folder = small_server
    before = films_in(folder)
    running = join(address, upload(address, film)[0], "analyze", method="occlusion_patch")
    waiting = join(address, upload(address, film)[0], "analyze", method="occlusion_patch")
    assert len(films_in(folder) - before) in (1, 2)
    assert json.loads(ask(address, "health"))["queue"]["all"] in (1, 2)
    for event in (waiting, running):
        with urllib.request.urlopen(f"{address}gradio_api/call/analyze/{event}"):
            pass  # Closed without having read the answer.
    assert wait_for(lambda: json.loads(ask(address, "health"))["queue"]["all"] == 0, 2.0)
    assert wait_for(lambda: not films_in(folder) - before, UNOWNED_TIMES * FORGET_AFTER_S + SWEEP_S)
    assert wait_for(lambda: json.loads(ask(address, "health"))["queue"]["running"] == 0, 60)
    assert_the_next_client_is_answered(address, film)


@pytest.mark.slow
def test_a_slow_upload_keeps_its_first_film(small_server, film):
    address, _ = small_server
    body = form(film, film)
    with half_an_upload(address, body, len(body) // 2 + 100) as connection:
        time.sleep(UNOWNED_TIMES * FORGET_AFTER_S + SWEEP_S)
        connection.sendall(body[len(body) // 2 + 100 :])
        answer = connection.recv(100_000).decode()
        while "]" not in answer:
            answer += connection.recv(100_000).decode()
        time.sleep(SWEEP_S)
        for path in json.loads(answer[answer.index("[") : answer.rindex("]") + 1]):
            event = join(address, path)
            assert "event: complete" in ask(address, f"gradio_api/call/segment/{event}")


def test_a_full_disk_refuses_an_upload_in_words_and_keeps_nothing_of_it(small_server, film):
    address, folder = small_server
    before, log = films_in(folder), folder / "server.log"
    (server,) = (each for each in psutil.Process().children() if address.split(":")[-1].strip("/") in each.cmdline())
    with full_disk(log.stat().st_size + 200_000, server.pid):
        with pytest.raises(urllib.error.HTTPError, match="507") as refused:
            upload(address, film, bytes(2_000_000))
        assert "The server's disk is full" in refused.value.read().decode()
        assert films_in(folder) - before == set()
        assert_the_next_client_is_answered(address, film)
    assert_the_next_client_is_answered(address, film)
    assert "Traceback" not in log.read_text()
