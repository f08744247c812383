"""Films with a marker in every tag go through page and endpoints: it comes out nowhere, and the film goes with them."""

import base64
import json
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from gradio.state_holder import StateHolder
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from heartviz.radiograph import load_radiograph
from heartviz.ui import doors
from tests.marked_films import NAME_MARKER, TAG_MARKER, make_marked_films

GONE_WITHIN_S = 120
# What is said at the start; every other line is JSON.
SAID_AT_START = ("heartviz is open at http://", "🔨 Launching MCP", "* Streamable HTTP URL")


@pytest.fixture(scope="module")
def films() -> dict[str, bytes]:
    return make_marked_films()


class Page:
    """What a browser asks of the Analyze page, and all that it is answered."""

    def __init__(self, address: str, session: str) -> None:
        self._address, self._session = address, session
        self.answers: list[str] = [self._ask("config")]
        self._config = json.loads(self.answers[0])

    def _ask(self, path: str, body: bytes | None = None, kind: str = "application/json") -> str:
        asked = urllib.request.Request(f"{self._address}{path}", body, {"Content-Type": kind})
        with urllib.request.urlopen(asked, timeout=300) as answer:
            return answer.read().decode()

    def drop(self, name: str, content: bytes) -> None:
        """Uploads a film and has it analysed."""
        path = self.upload(name, content)
        self.show({"path": path, "orig_name": name, "size": len(content), "meta": {"_type": "gradio.FileData"}})

    def upload(self, name: str, content: bytes) -> str:
        """The path that the server answers, which is the uploader's to know."""
        head = f'--cut\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + b"\r\n--cut--\r\n"
        return json.loads(self._ask("gradio_api/upload", body, "multipart/form-data; boundary=cut"))[0]

    def show(self, film: dict) -> None:
        """Asks as the page does when a film has been uploaded, and waits for the whole answer."""
        components = {component["id"]: component["props"] for component in self._config["components"]}
        event = next(
            event
            for event in self._config["dependencies"]
            if any(components.get(at, {}).get("elem_id") == "hv-upload" for at in event["inputs"])
        )
        values = [None, None, "congenital", "picture_seen"]
        question = {"data": [film, *values[1:]], "fn_index": event["id"], "session_hash": self._session}
        self._ask("gradio_api/queue/join", json.dumps(question).encode())
        self.answers.append(self._ask(f"gradio_api/queue/data?session_hash={self._session}"))


@contextmanager
def open_page(address: str, session: str) -> Iterator[Page]:
    """A page with the connection that tells the server that it is open."""
    with urllib.request.urlopen(f"{address}gradio_api/heartbeat/{session}") as heartbeat:
        heartbeat.readline()
        yield Page(address, session)


def pictures_of(answer: str) -> list[bytes]:
    return [base64.b64decode(text) for text in re.findall(r"data:image/png;base64,([\w+/=]+)", answer)]


def png_chunks(picture: bytes) -> set[bytes]:
    """The kinds of chunks of a PNG: four bytes length, four kind, content, four checksum."""
    kinds, at = set(), 8
    while at < len(picture):
        size = int.from_bytes(picture[at : at + 4], "big")
        kinds.add(picture[at + 4 : at + 8])
        at += 12 + size
    return kinds


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def wait_until_gone(folder: Path, before: set[Path]) -> set[Path]:
    """The files that are left when those that came have gone, or time is up."""
    until = time.monotonic() + GONE_WITHIN_S
    while (left := files_in(folder) - before) and time.monotonic() < until:
        time.sleep(0.5)
    return left


def test_the_marker_is_in_every_film(films):
    """Else the next tests could not fail."""
    for name, content in films.items():
        assert content.count(TAG_MARKER.encode()) >= (500 if name.endswith("dcm") else 8), name
        assert TAG_MARKER not in load_radiograph(content).description


def test_nothing_of_a_film_outlives_the_page(small_server, films):
    address, folder = small_server
    before = files_in(folder)
    with open_page(address, "marked-page") as page:
        for name, content in films.items():
            page.drop(name, content)
            assert "heartviz" in page.answers[-1]
            shown = pictures_of(page.answers[-1])
            assert len(shown) >= 7, name  # film, three pictures seen, three maps
            for picture in shown:
                assert png_chunks(picture) == {b"IHDR", b"IDAT", b"IEND"}
        page.drop(f"{NAME_MARKER}.dcm", films[f"{NAME_MARKER}.dcm"][:3000])
        page.upload(f"{NAME_MARKER}-never-asked-about.png", films[f"{NAME_MARKER}.png"])
        page.show({"path": f"/nowhere/{NAME_MARKER}.png", "meta": {"_type": "gradio.FileData"}})
        assert '"success":false' in page.answers[-1]
        answers = "".join(page.answers)
    assert TAG_MARKER not in answers
    assert NAME_MARKER not in answers
    assert wait_until_gone(folder, before) == set()
    assert_no_marker(folder)


def test_nothing_of_a_film_outlives_a_programs_question(small_server, films, tmp_path):
    address, folder = small_server
    before = files_in(folder)
    client = Client(address, verbose=False, download_files=False)
    answers = []
    for name, content in films.items():
        path = tmp_path / name
        path.write_bytes(content)
        for given in ({"api_name": "/analyze", "pictures": True}, {"api_name": "/segment"}):
            answers.append(json.dumps(client.predict(film=handle_file(path), **given)))
    path.write_bytes(content[:3000])
    with pytest.raises(AppError) as refused:
        client.predict(film=handle_file(path), api_name="/analyze")
    client.close()
    answers.append(str(refused.value))
    answers += ask_badly(address)
    assert TAG_MARKER not in "".join(answers)
    assert NAME_MARKER not in "".join(answers)
    for picture in pictures_of("".join(answers)):
        assert png_chunks(picture) == {b"IHDR", b"IDAT", b"IEND"}
    assert wait_until_gone(folder, before) == set()
    assert_no_marker(folder)


def ask_badly(address: str) -> list[str]:
    """What is answered to questions that Gradio does not understand, and to what is no HTTP."""
    answers = []
    for path, question in (
        ("call/v2/analyze", {NAME_MARKER: "x"}),
        (f"call/v2/{NAME_MARKER}", {}),
        (f"call/{NAME_MARKER}", {"data": [NAME_MARKER]}),
        ("queue/join", {"data": [NAME_MARKER], "fn_index": 10_000, "session_hash": NAME_MARKER}),
        (f"call/analyze/{NAME_MARKER}", None),
    ):
        body = None if question is None else json.dumps(question).encode()
        asked = urllib.request.Request(f"{address}gradio_api/{path}", body, {"Content-Type": "application/json"})
        with pytest.raises(urllib.error.HTTPError, match="404" if question is None else "400") as refused:
            urllib.request.urlopen(asked)
        answers.append(refused.value.read().decode())
        assert json.loads(answers[-1])["detail"].endswith(".")
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=30) as connection:
        connection.sendall(f"{NAME_MARKER}\r\n\r\n".encode())
        assert b"400" in connection.recv(1000)
    return answers


def assert_no_marker(folder: Path) -> None:
    """Not in the log, nor in any file's name or content; and the log is JSON without a trace of what was said."""
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for marker in (TAG_MARKER, NAME_MARKER):
            assert marker not in str(path)
            assert marker.encode() not in content, path.name
    said = (folder / "server.log").read_text(encoding="utf-8").splitlines()
    lines = [json.loads(line) for line in said if line and not line.startswith(SAID_AT_START)]
    assert not any("public link" in line for line in said)
    assert {"upload", "load"} <= {line["event"] for line in lines}


def test_memory_of_a_closed_page_is_let_go(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    holder, deleted = StateHolder(), []
    state = SimpleNamespace(_id=1, delete_callback=deleted.append)
    holder.session_data["gone"] = SimpleNamespace(
        state_components=[(state, "film", False)], state_data={1: "film"}, config_values={2: "what was shown"}
    )
    queue = SimpleNamespace(
        pending_messages_per_session={"gone": "an answer nobody fetched"},
        pending_event_ids_session={"gone": {"its question"}},
        event_queue_per_concurrency_id={},
        active_jobs=[None],
    )
    demo = SimpleNamespace(app=SimpleNamespace(state_holder=holder), _queue=queue)
    parts = doors.open_doors(demo, dict, forget_after_s=0.0)
    guests = parts["middleware"][0].kwargs["guests"]
    guests.arrive("gone")
    guests.leave("gone")
    guests.sweep()
    assert deleted == ["film"]
    assert holder.session_data == {}
    assert queue.pending_messages_per_session == queue.pending_event_ids_session == {}
