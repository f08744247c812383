"""What stands before the pages, asked one request at a time: limits, closed addresses, the full queue, who is here."""

import asyncio
import errno
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio import processing_utils, route_utils
from gradio.mcp import GradioMCPServer
from gradio.queueing import Event

from heartviz.errors import RadiographError
from heartviz.ui import waiting
from heartviz.ui.doors import (
    ASK,
    CALL,
    CLOSED,
    HEARTBEAT,
    LARGEST,
    MCP,
    NOT_ASKED,
    NOT_UNDERSTOOD,
    UPLOAD,
    Doors,
    _session_of,
    _with_words,
    open_doors,
)
from heartviz.ui.leaving import LONGEST_S, Guests
from heartviz.ui.upload import OwnFile, take_upload
from heartviz.ui.waiting import USUAL_S, describe_queue, has_waiting, is_full, list_asked, words_when_full


def make_demo(waiting: int = 0, running: int = 0, most: int = 3, seconds: float | None = None):
    """A demo as far as its queue goes: so many questions of one kind, which took `seconds` on average so far."""
    times = {} if seconds is None else {"analyze": SimpleNamespace(count=2, avg_time=seconds)}
    queue = SimpleNamespace(queue=[SimpleNamespace(fn="analyze")] * waiting, current_concurrency=running)
    queues = {"model": queue} if waiting or running else {}
    return SimpleNamespace(_queue=Events(queues, times, most))


class Events(SimpleNamespace):
    """Gradio's queue of queues as far as it is asked."""

    def __init__(self, queues, times, most):
        super().__init__(
            event_queue_per_concurrency_id=queues, process_time_per_fn=times, max_size=most, active_jobs=[None],
            event_ids_to_events={}, pending_event_ids_session={}, pending_messages_per_session={"event": None},
        )  # fmt: skip

    def __len__(self):
        return sum(len(queue.queue) for queue in self.event_queue_per_concurrency_id.values())


@pytest.fixture(autouse=True)
def gradio_as_it_was(monkeypatch):
    """`open_doors` changes Gradio itself."""
    monkeypatch.setattr(route_utils, "GradioUploadFile", route_utils.GradioUploadFile)
    for module, name in (
        (processing_utils, "async_ssrf_protected_download"),
        (processing_utils, "save_base64_to_cache"),
        (GradioMCPServer, "postprocess_output_data"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))


@pytest.fixture
def guests(tmp_path):
    return Guests(tmp_path, lambda session: None)


def knock(
    guests, path, method="GET", headers=(), body=b"", query=b"", demo=None, answer=b"inside", status=200, fault=None
):
    """Status and body that come back; the app behind the doors says `answer`, or has a fault."""
    sent, seen = [], []

    async def app(scope, receive, send):
        if fault is not None:
            raise fault
        seen.append((await receive())["body"])
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": answer})

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "method": method, "headers": list(headers), "query_string": query}
    asyncio.run(Doors(app, demo or make_demo(), guests)(scope, receive, send))
    assert bool(seen) == (status == 503 or sent[-1]["body"] == answer)
    return sent[0]["status"], sent[-1]["body"].decode()


def length(size: int) -> list[tuple[bytes, bytes]]:
    return [(b"content-length", str(size).encode())]


@pytest.mark.parametrize("path", CLOSED)
def test_what_keeps_or_counts_is_closed(guests, path):
    assert knock(guests, f"{path}/x")[0] == 404


@pytest.mark.parametrize(
    ("path", "start"), [(UPLOAD, UPLOAD), (f"{MCP}/", MCP), (ASK, "/"), ("/gradio_api/call/x", "/")]
)
def test_a_request_that_is_too_large_is_refused_in_words_before_it_is_read(guests, path, start):
    assert knock(guests, path, "POST", length(LARGEST[start])) == (200, "inside")
    status, words = knock(guests, path, "POST", length(LARGEST[start] + 1_000_000))
    assert status == 413
    assert f"at most {LARGEST[start] / 1e6:.0f} MB" in words


def test_a_request_of_unknown_length_is_refused(guests):
    assert knock(guests, UPLOAD, "POST")[0] == 411


def test_a_film_that_could_not_be_asked_about_is_not_taken(guests):
    full = make_demo(waiting=3, running=1, seconds=4.0)
    status, words = knock(guests, UPLOAD, "POST", length(10), demo=full)
    # Three wait for 4 s each, and half of the running one's 4 s: 14 s.
    assert (status, words) == (503, "3 questions wait already, so yours was not taken. Try again in 14 s.")
    assert knock(guests, UPLOAD, "POST", length(10), demo=make_demo(waiting=2))[0] == 200
    # Others may have come since the upload: Gradio refuses, in JSON, which pages read.
    for path in (ASK, f"{CALL}analyze", f"{CALL}v2/analyze"):
        refused = knock(guests, path, "POST", length(10), demo=full, status=503, answer=b"Queue is full.")
        assert (refused[0], json.loads(refused[1])) == (503, {"detail": words})
        assert knock(guests, path, "POST", length(10), demo=make_demo(waiting=2)) == (200, "inside")
    assert knock(guests, f"{CALL}analyze/event", demo=full)[0] == 200


def test_a_disk_without_room_is_said(guests):
    for code in (errno.ENOSPC, errno.EFBIG):
        status, words = knock(guests, UPLOAD, "POST", length(10), fault=OSError(code, "Mustermann"))
        assert status == 507
        assert words.startswith("The server's disk is full")
    with pytest.raises(PermissionError):
        knock(guests, UPLOAD, "POST", length(10), fault=PermissionError(errno.EACCES, "Mustermann"))


def test_the_wait_is_told_from_what_questions_took():
    assert describe_queue(make_demo()) == {"waiting": 0, "running": 0, "most": 3, "wait_s": 0.0, "all": 0}
    queue = describe_queue(make_demo(waiting=2, running=1))
    assert queue["wait_s"] == 2.5 * USUAL_S
    assert not is_full(queue)
    assert is_full(queue | {"all": 3})
    assert words_when_full(queue).endswith("Try again in 10 s.")  # 2.5 times 4 s
    assert words_when_full(queue | {"wait_s": 0.2}).endswith("Try again in 1 s.")


def test_connections_and_files_belong_to_their_session(guests, tmp_path):
    film, picture = tmp_path / "a" / "film", tmp_path / "b" / "picture"
    question = f'{{"data":[{{"path":"{film}"}}],"session_hash":"s1"}}'.encode()
    knock(guests, ASK, "POST", length(len(question)), question)
    knock(guests, "/gradio_api/queue/data", query=b"session_hash=s1", answer=f'"path":"{picture}"'.encode())
    assert guests._files == {"s1": {film, picture}}
    knock(guests, f"{HEARTBEAT}s1")
    assert len(guests) == 0
    assert set(guests._left) == {"s1"}


def test_a_question_without_a_session_is_forgotten_when_it_was_answered(tmp_path):
    forgotten = []
    guests = Guests(tmp_path, forgotten.append, forget_after_s=1000.0)
    guests.arrive("page")
    demo = make_demo()
    demo._queue.pending_messages_per_session = {"asked": None, "page": None}
    for session in ("asked", "page"):
        knock(guests, f"{CALL}analyze/{session}", demo=demo)
    guests.sweep()
    assert forgotten == ["asked"]
    assert guests.is_here("page")


@pytest.mark.parametrize("path", [ASK, f"{CALL}analyze", f"{CALL}v2/analyze"])
def test_a_question_that_gradio_does_not_understand_is_refused_in_words(guests, path):
    fault = TypeError("Parameter `Mustermann` is not a valid key-word argument.")
    status, words = knock(guests, path, "POST", length(10), fault=fault)
    assert (status, json.loads(words)) == (400, {"detail": NOT_UNDERSTOOD})
    with pytest.raises(PermissionError):
        knock(guests, path, "POST", length(10), fault=PermissionError(errno.EACCES, "Mustermann"))


def test_an_answer_is_given_where_one_is_awaited(guests):
    demo = make_demo()
    queue = demo._queue
    queue.pending_messages_per_session = {"alone": None, "page": None}
    queue.event_ids_to_events = {
        "waits": SimpleNamespace(session_hash="page"),
        "left": SimpleNamespace(session_hash="x"),
    }
    queue.pending_event_ids_session = {"page": {"done"}}
    for question in ("alone", "waits", "done"):
        assert knock(guests, f"{CALL}v2/analyze/{question}", demo=demo) == (200, "inside")
    for question in ("never", "left"):
        status, words = knock(guests, f"{CALL}analyze/{question}", demo=demo)
        assert (status, json.loads(words)) == (404, {"detail": NOT_ASKED})


def test_a_length_that_is_not_the_one_sent_is_refused(guests):
    headers = [*length(10), (b"transfer-encoding", b"chunked")]
    assert knock(guests, ASK, "POST", headers)[0] == 411


def test_an_address_without_a_path_has_the_small_limit(guests):
    assert knock(guests, "http://elsewhere/x", "POST", length(LARGEST["/"] + 1))[0] == 413


def test_the_same_film_of_two_people_is_two_files(tmp_path):
    """And the name of its folder does not tell what lies in it."""
    uploads = []
    for number in range(2):
        with (tmp_path / str(number)).open("wb") as file:
            uploads.append(OwnFile(file, filename="film.png"))
        uploads[-1].sha.update(b"film")
    open_doors(make_demo(), dict)
    assert route_utils.GradioUploadFile is OwnFile
    assert uploads[0].sha.hexdigest() != uploads[1].sha.hexdigest()


def test_an_upload_is_taken_once(tmp_path):
    film = tmp_path / "folder" / "film.png"
    film.parent.mkdir()
    film.write_bytes(b"film")
    assert take_upload(film) == b"film"
    assert not film.parent.exists()
    with pytest.raises(RadiographError, match="Upload the film again"):
        take_upload(film)


def test_who_waits_or_is_answered_is_kept_with_the_files_that_were_named(monkeypatch):
    demo = make_demo(waiting=1)
    queue = demo._queue.event_queue_per_concurrency_id["model"].queue
    queue[:] = [make_event("waits", {"path": "a/film"}), make_event("waits", [{"x": [{"path": "b/film"}]}])]
    gone, closed = make_event("gone", {"path": "c"}), make_event("closed", {"path": "d"})
    gone.alive, closed.closed = False, True
    demo._queue.active_jobs = [None, [make_event("runs", [{"path": "e"}, "f", None]), gone], [closed]]
    assert list_asked(demo) == {"waits": {Path("a/film"), Path("b/film")}, "runs": {Path("e")}}
    monkeypatch.setattr(waiting, "LONGEST_ASKED_S", 0.0)
    assert list_asked(demo) == {}


def test_the_film_of_a_question_that_waits_long_is_kept_while_it_waits(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    demo = make_demo(waiting=1)
    guests = open_doors(demo, dict)["middleware"][0].kwargs["guests"]
    film = tmp_path / "folder" / "film.png"
    film.parent.mkdir()
    film.touch()
    os.utime(film, (time.time() - LONGEST_S - 1,) * 2)
    guests.arrive("page")
    guests.note_files("page", json.dumps([{"path": str(film)}]).encode())
    queue = demo._queue.event_queue_per_concurrency_id["model"].queue
    queue[:] = [make_event("page", [{"path": str(film)}])]
    guests.sweep()
    assert film.exists()
    queue.clear()
    guests.sweep()
    assert not film.exists()


def test_a_question_that_waits_is_its_sessions():
    event = SimpleNamespace(session_hash="a", fn=SimpleNamespace(_id=3))
    demo = SimpleNamespace(_queue=Events({"model": SimpleNamespace(queue=[event])}, {}, 3))
    assert has_waiting(demo, "a", {2, 3})
    assert not has_waiting(demo, "b", {2, 3})
    assert not has_waiting(demo, "a", {2})
    assert not has_waiting(make_demo(), "a", {3})


def make_event(session: str, *given) -> Event:
    event = Event(session, SimpleNamespace(concurrency_id="model"), None, None)
    event.data = SimpleNamespace(data=list(given))
    return event


@pytest.mark.parametrize("space", ["", " "])
def test_the_session_of_a_question_is_read_however_it_is_spaced(space):
    assert _session_of(f'{{"data":[],"session_hash":{space}"abc"}}'.encode()) == "abc"
    assert _session_of(b"{}") == ""


def test_no_address_is_fetched():
    open_doors(make_demo(), dict)
    with pytest.raises(gr.Error, match="not from another address"):
        asyncio.run(processing_utils.async_ssrf_protected_download("http://127.0.0.1:9/film.png", cache_dir="x"))


def test_a_question_that_was_not_understood_is_told_why():
    def told(said: bytes) -> bytes:
        sent = []

        async def send(message):
            sent.append(message["body"])

        asyncio.run(_with_words(send)({"type": "http.response.body", "body": said}))
        return sent[0]

    assert b'{"error": "The question could not be read: a film is given' in told(
        b'event: error\ndata: {"error": null}\n\n'
    )
    completed = b'data: {"msg":"process_completed","output":{"error":null},"success":false}\n\n'
    assert b'"output":{"error": "The question could not be read' in told(completed)
    assert json.loads(told(b"event: error\ndata: null\n\n").split(b"data: ")[1])["error"].startswith("The question")
    # Answers, and errors that have words, come as they are.
    for said in (b'event: complete\ndata: {"error": null}\n\n', b'event: error\ndata: {"error": "No film."}\n\n'):
        assert told(said) == said


def test_a_tool_is_told_in_words_that_the_queue_is_full(guests):
    def call(name: str, waiting: int = 3, method: str = "tools/call"):
        asked = {"jsonrpc": "2.0", "id": 7, "method": method, "params": {"name": name}}
        body = json.dumps(asked).encode()
        demo = make_demo(waiting=waiting, seconds=10.0)
        return knock(guests, f"{MCP}/", "POST", length(len(body)), body, demo=demo)

    status, told = call("segment")
    answer = json.loads(told)
    assert (status, answer["id"], answer["result"]["isError"]) == (200, 7, True)
    assert answer["result"]["content"] == [
        {"type": "text", "text": "3 questions wait already, so yours was not taken. Try again in 30 s."}
    ]
    # What needs no model, what is no question, and when there is room.
    assert call("models") == call("", method="tools/list") == call("segment", waiting=2) == (200, "inside")


def test_a_wait_is_told_by_the_usual_kind_of_question():
    demo = make_demo(waiting=2)
    times = {"segment": 5.0, "analyze": 6.0, "slow": 1000.0}
    demo._queue.process_time_per_fn = {name: SimpleNamespace(count=1, avg_time=each) for name, each in times.items()}
    demo._queue.event_queue_per_concurrency_id["model"].queue = [SimpleNamespace(fn="new")] * 2
    assert describe_queue(demo)["wait_s"] == 12.0
