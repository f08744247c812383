"""The real server under many clients at once: `python -m benchmarks.load --clients 40 --minutes 5`.

Drawn films are first asked about one by one. Then all clients at once upload a film, ask about it and come back with
another; who is turned away as full tries again after the time that the server names. Every answer must be the one that
a single client got, to the bit; `seconds`, which tells how long the stages took, is all that is left out. Waits are
counted from the upload that was taken, and from the first that was tried, and stand beside the question's floor: the
bare convolutions that it needs (benchmarks.analyze), timed before and after the load on the idle server's computer.

`--analyses 1000` asks so many analyses one after another instead, and tells the server's memory: flat if it ends
within 5 % of what it was after the first 100. Exit status 1 where an answer is wrong, an error is no refusal in words,
or memory is not flat.
"""

import argparse
import json
import os
import random
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median, quantiles
from typing import Any

import cv2
import httpx
import numpy as np
import psutil
import torch

from benchmarks.analyze import build_floor, seconds_of
from heartviz.phantom import draw_chest
from heartviz.weights import load_models
from tests.browser.serving import serve

# Kind of question: endpoint, what is given beside the film, and the stages of its floor.
WHOLE = ("segment", "classify", "explain")
KINDS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "analyze": ("analyze", {}, WHOLE),
    "with pictures": ("analyze", {"pictures": True}, WHOLE),
    "segment": ("segment", {}, ("segment",)),
}
FLAT = 0.05
WARM_UP = 100
LONGEST_ANSWER_S = 900.0


class TurnedAwayError(Exception):
    """The server is full and says when to come back."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s


class AnswerError(Exception):
    """An answer that is neither a report nor a refusal in words."""


@dataclass
class Tally:
    """What many clients met: by kind the waits from the upload that was taken and from the first that was tried."""

    waits: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    turned_away: int = 0
    wrong: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def draw_films(count: int) -> list[bytes]:
    """Drawn films as PNG, each another one."""
    pictures = (np.round(draw_chest(seed)[0] * 255).astype(np.uint8) for seed in range(count))
    return [cv2.imencode(".png", picture)[1].tobytes() for picture in pictures]


def ask(client: httpx.Client, film: bytes, kind: str) -> str:
    """The answer as JSON text without times. Raises TurnedAwayError or AnswerError."""
    endpoint, given, _ = KINDS[kind]
    path = _expect(client.post("gradio_api/upload", files={"files": ("film.png", film)}))[0]
    question = {"film": {"path": path, "meta": {"_type": "gradio.FileData"}}, **given}
    event = _expect(client.post(f"gradio_api/call/v2/{endpoint}", json=question))["event_id"]
    said = client.get(f"gradio_api/call/{endpoint}/{event}").text
    found = re.search(r"^event: complete\ndata: (.*)$", said, re.MULTILINE)
    if found is None:
        raise AnswerError(f"{kind}: {said[-300:]!r}")
    (answer,) = json.loads(found.group(1))
    answer.pop("seconds", None)
    return json.dumps(answer, sort_keys=True)


def _expect(response: httpx.Response) -> Any:
    if response.status_code == 503 and (wait := re.search(r"Try again in (\d+) s", response.text)):
        raise TurnedAwayError(float(wait.group(1)))
    if response.status_code != 200:
        raise AnswerError(f"{response.status_code}: {response.text[:300]}")
    return response.json()


def run_client(
    address: str, films: Sequence[bytes], expected: Mapping[tuple[str, int], str], until: float, seed: int, tally: Tally
) -> None:
    """Asks until the time is up; what is then still waiting is waited for."""
    rng = random.Random(seed)
    with httpx.Client(base_url=address, timeout=LONGEST_ANSWER_S) as client:
        while time.monotonic() < until:
            kind, place = rng.choice(list(KINDS)), rng.randrange(len(films))
            first = time.monotonic()
            while True:
                started = time.monotonic()
                try:
                    same = ask(client, films[place], kind) == expected[kind, place]
                except TurnedAwayError as refusal:
                    tally.turned_away += 1
                    time.sleep(refusal.wait_s)
                    if time.monotonic() < until:
                        continue
                except (AnswerError, httpx.HTTPError) as error:
                    tally.errors.append(f"{type(error).__name__}: {error}")
                    time.sleep(1.0)
                else:
                    now = time.monotonic()
                    tally.waits[kind].append((now - started, now - first))
                    if not same:
                        tally.wrong.append(f"{kind}, film {place}")
                break


def read_memory_mb(server: psutil.Process) -> float:
    """Resident memory of the server and all that it started."""
    return sum(process.memory_info().rss for process in (server, *server.children(recursive=True))) / 1e6


def measure_floors(floor: Mapping[str, Callable[[], None]]) -> dict[str, float]:
    """Kind to the seconds of its bare convolutions, median of three."""
    stages = {stage: median(seconds_of(run) for _ in range(3)) for stage, run in floor.items()}
    return {kind: sum(stages[stage] for stage in of) for kind, (_, _, of) in KINDS.items()}


def run_load(address: str, server: psutil.Process, options: argparse.Namespace) -> int:
    """Many clients at once: prints what they met, and gives the exit status."""
    films = draw_films(options.films)
    start_mb = read_memory_mb(server)
    floor = build_floor(load_models())
    floors = [measure_floors(floor)]
    with httpx.Client(base_url=address, timeout=LONGEST_ANSWER_S) as client:
        expected = {(kind, place): ask(client, film, kind) for kind in KINDS for place, film in enumerate(films)}
        alone = {
            kind: median(seconds_of(lambda kind=kind: ask(client, films[0], kind)) for _ in range(3)) for kind in KINDS
        }
    warm_mb, tally, started = read_memory_mb(server), Tally(), time.monotonic()
    until = started + 60 * options.minutes
    clients = [
        threading.Thread(target=run_client, args=(address, films, expected, until, seed, tally))
        for seed in range(options.clients)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    took = time.monotonic() - started
    end_mb = read_memory_mb(server)
    floors.append(measure_floors(floor))
    _print_load(tally, took, floors, alone, options)
    print(f"server's memory: {start_mb:.0f} MB at start, {warm_mb:.0f} after warm-up, {end_mb:.0f} at the end")
    for words in list(dict.fromkeys((*tally.wrong, *tally.errors)))[:10]:
        print(f"  {words}")
    return 1 if tally.wrong or tally.errors or not any(tally.waits.values()) else 0


def _print_load(
    tally: Tally,
    took: float,
    floors: Sequence[Mapping[str, float]],
    alone: Mapping[str, float],
    options: argparse.Namespace,
) -> None:
    accepted = sum(len(waits) for waits in tally.waits.values())
    bare = {kind: mean(each[kind] for each in floors) for kind in KINDS}
    spent = sum(len(waits) * bare[kind] for kind, waits in tally.waits.items())
    print(
        f"{options.clients} clients, {options.films} films of 560 x 640 px, {took:.0f} s, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} thread(s) a model"
    )
    print(
        f"accepted {accepted}, turned away {tally.turned_away}, wrong {len(tally.wrong)}, "
        f"other errors {len(tally.errors)}"
    )
    print(f"{60 * accepted / took:.1f} answers a minute; their floors are {spent / took:.2f} of the time")
    print(
        f"{'question':<15}{'answers':>8}{'floor':>8}{'alone':>8}{'p50':>8}{'p95':>8}"
        f"{'p50 / floor':>13}{'p95 / floor':>13}"
    )
    for kind, waits in tally.waits.items():
        if len(waits) < 2:
            continue
        for row, times in ((kind, [taken for taken, _ in waits]), ("  from 1st try", [first for _, first in waits])):
            cuts = quantiles(times, n=20, method="inclusive")
            low, high = cuts[9], cuts[18]
            print(
                f"{row:<15}{len(waits):>8}{bare[kind]:>7.2f}s{alone[kind]:>7.2f}s{low:>7.1f}s{high:>7.1f}s"
                f"{low / bare[kind]:>13.1f}{high / bare[kind]:>13.1f}"
            )
    told = ", ".join(f"{kind} {floors[0][kind]:.2f} and {floors[1][kind]:.2f} s" for kind in ("analyze", "segment"))
    print(f"floor before and after: {told}")


def run_analyses(address: str, server: psutil.Process, count: int) -> int:
    """Analyses one after another: prints the server's memory on the way, and gives the exit status."""
    films, memory = draw_films(8), [read_memory_mb(server)]
    warm_up, wrong, expected = min(WARM_UP, count // 2), 0, {}
    with httpx.Client(base_url=address, timeout=LONGEST_ANSWER_S) as client:
        started = time.monotonic()
        for number in range(1, count + 1):
            place = number % len(films)
            answer = ask(client, films[place], "analyze")
            wrong += answer != expected.setdefault(place, answer)
            memory.append(read_memory_mb(server))
            if number % max(1, min(50, count // 10)) == 0:
                each = (time.monotonic() - started) / number
                print(f"{number:>6} analyses, {memory[-1]:.0f} MB, {each:.2f} s each", flush=True)
    # The last value hangs on what was being freed: the median of 20 does not.
    warm_mb, end_mb = median(memory[max(1, warm_up - 19) : warm_up + 1]), median(memory[-20:])
    flat = end_mb <= warm_mb * (1 + FLAT)
    print(
        f"server's memory: {memory[0]:.0f} MB at start, {warm_mb:.0f} after {warm_up} analyses, {end_mb:.0f} after "
        f"{count} ({100 * (end_mb / warm_mb - 1):+.1f} %), at most {max(memory):.0f}: "
        f"{'flat' if flat else 'not flat'}; {wrong} answers differ"
    )
    return 0 if flat and not wrong else 1


def main() -> None:
    """Starts the server, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--films", type=int, default=6)
    parser.add_argument("--analyses", type=int, help="ask so many analyses one after another instead")
    options = parser.parse_args()
    command = [sys.executable, "app.py", "--port"]
    with tempfile.TemporaryDirectory() as folder, serve(command, Path(folder)) as address:
        (server,) = psutil.Process().children()
        if options.analyses:
            status = run_analyses(address, server, options.analyses)
        else:
            status = run_load(address, server, options)
        left = [path for path in Path(folder).glob("heartviz-*/pages/*/*") if path.is_file()]
        print(f"uploads on the server's disk at the end: {len(left)}")
    sys.exit(status)


if __name__ == "__main__":
    main()
