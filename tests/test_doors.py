"""What stands before the pages, asked one request at a time: limits, closed addresses, the full queue, who is here."""

import asyncio
from types import SimpleNamespace

import pytest

from heartviz.ui.doors import ASK, CLOSED, HEARTBEAT, LARGEST, MCP, UPLOAD, Doors
from heartviz.ui.leaving import Guests
from heartviz.ui.waiting import USUAL_S, describe_queue, is_full, words_when_full


def make_demo(waiting: int = 0, running: int = 0, most: int = 3, seconds: float | None = None):
    """A demo as far as its queue goes: so many questions of one kind, which took `seconds` on average so far."""
    times = {} if seconds is None else {"analyze": SimpleNamespace(count=2, avg_time=seconds)}
    queue = SimpleNamespace(queue=[SimpleNamespace(fn="analyze")] * waiting, current_concurrency=running)
    queues = {"model": queue} if waiting or running else {}
    events = SimpleNamespace(event_queue_per_concurrency_id=queues, process_time_per_fn=times, max_size=most)
    return SimpleNamespace(_queue=events)


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
    assert describe_queue(make_demo()) == {"waiting": 0, "running": 0, "most": 3, "wait_s": 0.0}
    queue = describe_queue(make_demo(waiting=2, running=1))
    assert queue["wait_s"] == 2.5 * USUAL_S
    assert not is_full(queue)
    assert is_full(queue | {"waiting": 3})
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
