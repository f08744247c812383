"""How many questions wait for the models, and how long: what the pages and the health address say."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

USUAL_S = 4.0  # A question's time before any was measured.


def describe_queue(demo: gr.Blocks) -> dict[str, Any]:
    """Numbers of the models' queue: waiting, running (0 or 1), most that may wait, the wait of a new one in s; all."""
    events = demo._queue
    queue = events.event_queue_per_concurrency_id.get("model")
    times = {fn: time.avg_time for fn, time in events.process_time_per_fn.items() if time.count}
    waiting = [] if queue is None else list(queue.queue)
    running = 0 if queue is None else queue.current_concurrency
    usual = sum(times.values()) / len(times) if times else USUAL_S
    wait_s = sum(times.get(event.fn, usual) for event in waiting) + running * usual / 2
    numbers = {"waiting": len(waiting), "running": running, "most": events.max_size, "wait_s": round(wait_s, 1)}
    return numbers | {"all": len(events)}  # Also those who wait for a batch or a file: Gradio counts them together.


def is_full(queue: Mapping[str, Any]) -> bool:
    """Whether a new question would be turned away."""
    return queue["most"] is not None and queue["all"] >= queue["most"]


def words_when_full(queue: Mapping[str, Any]) -> str:
    """What the person reads whose film is turned away."""
    return f"{queue['all']} questions wait already, so yours was not taken. Try again in {queue['wait_s']:.0f} s."
