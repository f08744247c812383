"""Which questions wait for the models, and how long: what the pages and the health address say, and what is kept."""

import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import gradio as gr

USUAL_S = 4.0  # A question's time before any was measured.
# As long as 20 full batches of 100 films may take, at ten seconds a film: then a question's files are no longer kept.
LONGEST_ASKED_S = 6 * 3600.0


def describe_queue(demo: gr.Blocks) -> dict[str, Any]:
    """Numbers of the models' queue: waiting, running (0 or 1), most that may wait, the wait of a new one in s; all."""
    events = demo._queue
    queue = events.event_queue_per_concurrency_id.get("model")
    times = {fn: time.avg_time for fn, time in events.process_time_per_fn.items() if time.count}
    waiting = [] if queue is None else list(queue.queue)
    running = 0 if queue is None else queue.current_concurrency
    usual = median(times.values()) if times else USUAL_S
    wait_s = sum(times.get(event.fn, usual) for event in waiting) + running * usual / 2
    numbers = {"waiting": len(waiting), "running": running, "most": events.max_size, "wait_s": round(wait_s, 1)}
    return numbers | {"all": len(events)}  # Also those who wait for a batch or a file: Gradio counts them together.


def is_full(queue: Mapping[str, Any]) -> bool:
    """Whether a new question would be turned away."""
    return queue["most"] is not None and queue["all"] >= queue["most"]


def words_when_full(queue: Mapping[str, Any]) -> str:
    """What the person reads whose film is turned away."""
    return f"{queue['all']} questions wait already, so yours was not taken. Try again in {seconds_when_full(queue)} s."


def seconds_when_full(queue: Mapping[str, Any]) -> int:
    """When to come back: the wait of a new question, in whole seconds, and never at once."""
    return max(1, round(queue["wait_s"]))


def has_waiting(demo: gr.Blocks, session: str, questions: Collection[int]) -> bool:
    """Whether one of these questions (identifiers of events) of a session waits for the models."""
    queue = demo._queue.event_queue_per_concurrency_id.get("model")
    waiting = [] if queue is None else list(queue.queue)
    return any(event.session_hash == session and event.fn._id in questions for event in waiting)


def list_asked(demo: gr.Blocks) -> dict[str, set[Path]]:
    """The sessions whose questions wait or run, in any queue, each with the files that its questions name.

    One whose page or program has gone is left out, and so is one that was asked too long ago.
    """
    events = demo._queue
    waiting = [event for queue in list(events.event_queue_per_concurrency_id.values()) for event in list(queue.queue)]
    running = [event for job in list(events.active_jobs) for event in job or ()]
    asked: dict[str, set[Path]] = {}
    for event in (*waiting, *running):
        if event.alive and not event.closed and time.monotonic() - event.enqueue_time < LONGEST_ASKED_S:
            named = _paths_in(event.data.data) if event.data is not None else ()
            asked.setdefault(event.session_hash, set()).update(map(Path, named))
    return asked


def is_awaited(demo: gr.Blocks, question: str) -> bool:
    """Whether a program's question waits, runs, or has an answer that was not fetched; Gradio looks for it as here."""
    events = demo._queue
    event = events.event_ids_to_events.get(question)
    of = next((session for session, ids in events.pending_event_ids_session.items() if question in ids), question)
    return (of if event is None else event.session_hash) in events.pending_messages_per_session


def _paths_in(given: Any) -> Iterator[str]:
    if isinstance(given, Mapping):
        if isinstance(given.get("path"), str):
            yield given["path"]
        given = list(given.values())
    if isinstance(given, list):
        for each in given:
            yield from _paths_in(each)
