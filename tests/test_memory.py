"""A server's memory does not grow with the threads that have run the models (slow)."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Gradio runs questions on threads of a pool, which grows now and then.
THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
import psutil, torch
from heartviz import analyze, load_models
from heartviz.memory import share_arenas
from heartviz.phantom import draw_chest
if sys.argv[1] == "shared":
    share_arenas()
torch.set_num_threads(1)
models, film = load_models("local"), draw_chest(1)[0]
for thread in [ThreadPoolExecutor(1) for _ in range(5)]:
    thread.submit(analyze, film, models).result()
    print(psutil.Process().memory_info().rss / 1e6)
"""


def memory_by_thread(how: str) -> list[float]:
    command = [sys.executable, "-c", THREADS, how]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=600)
    return [float(line) for line in done.stdout.split()]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Only glibc has arenas.")
def test_each_further_thread_costs_no_memory_of_its_own():
    apart, shared = memory_by_thread("apart"), memory_by_thread("shared")
    assert shared[-1] < 1.05 * shared[1]
    assert apart[-1] > 1.15 * apart[1]  # without it, this grows
