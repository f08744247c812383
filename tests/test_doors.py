"""What stands before the pages, asked one request at a time: limits, closed addresses, the full queue, who is here."""

import asyncio
import json
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio import processing_utils

from heartviz.errors import RadiographError
from heartviz.ui.doors import ASK, CLOSED, HEARTBEAT, LARGEST, MCP, UPLOAD, Doors, _session_of, open_doors
from heartviz.ui.leaving import Guests
from heartviz.ui.upload import take_upload
from heartviz.ui.waiting import USUAL_S, describe_queue, is_full, words_when_full


def make_demo(waiting: int = 0, running: int = 0, most: int = 3, seconds: float | None = None):
    """A demo as far as its queue goes: so many questions of one kind, which took `seconds` on average so far."""
    times = {} if seconds is None else {"analyze": SimpleNamespace(count=2, avg_time=seconds)}
    queue = SimpleNamespace(queue=[SimpleNamespace(fn="analyze")] * waiting, current_concurrency=running)
    queues = {"model": queue} if waiting or running else {}
    return SimpleNamespace(_queue=Events(queues, times, most))


class Events(SimpleNamespace):
    """Gradio's queue of queues as far as it is asked."""

    def __init__(self, queues, times, most):
        super().__init__(event_queue_per_concurrency_id=queues, process_time_per_fn=times, max_size=most)

    def __len__(self):
        return sum(len(queue.queue) for queue in self.event_queue_per_concurrency_id.values())


@pytest.fixture
def guests(tmp_path):
    return Guests(tmp_path, lambda session: None)


def knock(guests, path, method="GET", headers=(), body=b"", query=b"", demo=None, answer=b"inside", status=200):
    """Status and body that come back; the app behind the doors says `answer`."""
    sent, seen = [], []

    async def app(scope, receive, send):
        seen.append((await receive())["body"])
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": answer})

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "method": method, "headers": list(headers), "query_string": query}
    asyncio.run(Doors(app, demo or make_demo(), guests)(scope, receive, send))
    assert bool(seen) == (sent[-1]["body"] == answer)
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


def test_the_wait_is_told_from_what_questions_took():
    assert describe_queue(make_demo()) == {"waiting": 0, "running": 0, "most": 3, "wait_s": 0.0, "all": 0}
    queue = describe_queue(make_demo(waiting=2, running=1))
    assert queue["wait_s"] == 2.5 * USUAL_S
    assert not is_full(queue)
    assert is_full(queue | {"all": 3})
    assert "Try again in" in words_when_full(queue)


def test_connections_and_files_belong_to_their_session(guests, tmp_path):
    film, picture = tmp_path / "a" / "film", tmp_path / "b" / "picture"
    question = f'{{"data":[{{"path":"{film}"}}],"session_hash":"s1"}}'.encode()
    knock(guests, ASK, "POST", length(len(question)), question)
    knock(guests, "/gradio_api/queue/data", query=b"session_hash=s1", answer=f'"path":"{picture}"'.encode())
    assert guests._files == {"s1": {film, picture}}
    knock(guests, f"{HEARTBEAT}s1")
    assert len(guests) == 0
    assert set(guests._left) == {"s1"}


def test_a_length_that_is_not_the_one_sent_is_refused(guests):
    headers = [*length(10), (b"transfer-encoding", b"chunked")]
    assert knock(guests, ASK, "POST", headers)[0] == 411


def test_an_address_without_a_path_has_the_small_limit(guests):
    assert knock(guests, "http://elsewhere/x", "POST", length(LARGEST["/"] + 1))[0] == 413


def test_a_film_that_two_people_uploaded_is_there_for_both(guests, tmp_path):
    film = tmp_path / "hash" / "film.png"
    film.parent.mkdir()
    film.write_bytes(b"film")
    answer = json.dumps([str(film)]).encode()
    for _ in range(2):
        assert knock(guests, UPLOAD, "POST", length(4), answer=answer)[0] == 200
    assert take_upload(film) == b"film"
    assert take_upload(film) == b"film"
    assert not film.parent.exists()
    with pytest.raises(RadiographError, match="Upload the film again"):
        take_upload(film)


@pytest.mark.parametrize("space", ["", " "])
def test_the_session_of_a_question_is_read_however_it_is_spaced(space):
    assert _session_of(f'{{"data":[],"session_hash":{space}"abc"}}'.encode()) == "abc"
    assert _session_of(b"{}") == ""


def test_no_address_is_fetched(monkeypatch):
    fetch = processing_utils.async_ssrf_protected_download
    monkeypatch.setattr(processing_utils, "async_ssrf_protected_download", fetch)
    open_doors(make_demo(), dict)
    with pytest.raises(gr.Error, match="not from another address"):
        asyncio.run(processing_utils.async_ssrf_protected_download("http://127.0.0.1:9/film.png", cache_dir="x"))
