"""The Batch page: many films or a ZIP in, a table that fills, CSV and HTML out; nothing is kept after the session."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from heartviz.batch import Outcome, Settings, analyze_one, list_sources, make_index, write_csv
from heartviz.batch.table import table_of
from heartviz.gate import OFFERED, ask_corrected
from heartviz.records import Radiograph, Report
from heartviz.ui import panels
from heartviz.ui.doors import LARGEST, UPLOAD
from heartviz.ui.engine import Engine
from heartviz.ui.faults import words_of
from heartviz.ui.held import FORGET_AFTER_S
from heartviz.ui.session import Session
from heartviz.ui.take_home import FILE_QUEUE, HIDDEN, fetch, offer_file
from heartviz.ui.upload import drop_upload
from heartviz.ui.words import NOT_A_DEVICE, TASK_NAMES

MOST_FILMS = 100
# One batch at a time; films of the Analyze page come in between, for a batch holds the models for one film only.
BATCH_QUEUE = {"concurrency_id": "batch", "concurrency_limit": 1, "api_visibility": "private"}
DOWNLOADS = {"csv": ("Table as CSV", "heartviz_batch.csv"), "html": ("Table as HTML", "heartviz_batch.html")}
PUT_RIGHT = "Put turned and inverted films right"
_TICK = f'Tick "{PUT_RIGHT}" on this page, and give it again.'
_INTRODUCTION = f"""
## Many films at once

Give several files, or a ZIP with films in it: at most {MOST_FILMS} films, 40 MB a file, {LARGEST[UPLOAD] / 1e6:.0f} MB
together. Films are analysed one after another and the table fills. A file that is no film is listed with the reason,
and the rest goes on. Uploads are deleted as they are read; the table is forgotten {FORGET_AFTER_S / 60:.0f} minutes
after its last film. The CSV has your files' names, the HTML only the films' numbers. For more films, for folders, and
for a batch that goes on after a stop:
`python -m heartviz batch SRC --out DIR`.
"""


@dataclass
class HeldBatch:
    """What one page's batch has come to: numbers and small pictures, no film."""

    names: Sequence[str] = ()
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)

    def forget(self) -> None:
        """Lets go of all of it."""
        self.names = ()
        self.outcomes.clear()


@dataclass(frozen=True)
class View:
    """What the page shows: what is said, the table as HTML, and the batch it is of."""

    status: str
    table: str
    held: HeldBatch | None


def run_films(engine: Engine, paths: Sequence[Path], task: str, correct: str = "") -> Iterator[View]:
    """The page after each film of these uploads, which are deleted as they are done, and at the end in any case."""
    held, left = HeldBatch(), Counter(paths)
    try:
        if len(paths) > MOST_FILMS:
            yield View(panels.error_banner(_too_many(len(paths)), "Too many films."), "", None)
            return
        sources = list_sources(paths)
        if len(sources) > MOST_FILMS:
            yield View(panels.error_banner(_too_many(len(sources)), "Too many films."), "", None)
            return
        held.names = tuple(source.name for source in sources)
        yield View(panels.working(f"0 of {len(sources)} films"), "", held)
        for place, source in enumerate(sources):
            held.outcomes[place] = analyze_one(source, partial(_analyze, engine, held, task, correct))
            if source.member is None:
                drop_upload(Path(source.path))
                left[Path(source.path)] -= 1
            done = place + 1
            words = panels.working(f"{done} of {len(sources)} films") if done < len(sources) else finish(held)
            yield View(words, table_of(held.outcomes, held.names, "" if correct else _TICK), held)
    except Exception as error:
        yield View(panels.error_banner(words_of(error), "Nothing was analysed."), "", None)
    finally:
        for path in left.elements():
            drop_upload(path)


def finish(held: HeldBatch | None) -> str:
    """What is said at the end, and when the batch is stopped."""
    if held is None or not held.names:
        return ""
    good = sum(outcome.accepted for outcome in held.outcomes.values())
    bad = len(held.outcomes) - good
    left = len(held.names) - len(held.outcomes)
    told = f"{good} of {len(held.names)} films analysed" + (f", {bad} not accepted" if bad else "")
    return f'<p class="hv-finding" role="status">{told}{f"; stopped with {left} to go" if left else ""}.</p>'


def make_table(kind: str, held: HeldBatch | None) -> bytes | None:
    """The table's file, or None where there is no table (any more)."""
    if held is None or not held.outcomes:
        return None
    if kind == "csv":
        return write_csv(held.names, held.outcomes).encode()
    return make_index(held.outcomes, held.models, len(held.names)).encode()


def _analyze(engine: Engine, held: HeldBatch, task: str, correct: str, content: bytes) -> Any:
    def ask(radiograph: Radiograph) -> Report:
        return engine.analyze(radiograph, task, None, Settings.gradient_for, lambda done, words: None)

    report = ask_corrected(engine.load(content), correct, ask)
    held.models = dict(report.models)
    return report


def _too_many(count: int) -> str:
    return f"{count} films were given; at most {MOST_FILMS} are analysed here. Give fewer, or use the command line."


def build_batch_page(engine: Engine, session: Session, tab: gr.Tab) -> None:
    """Adds the page to the Blocks that are being built."""
    held = gr.State(None, time_to_live=FORGET_AFTER_S, delete_callback=_forget)
    with gr.Column(elem_classes="hv-wide"):
        gr.HTML(f'<div class="hv-device" role="note">{escape(NOT_A_DEVICE)}</div>')
        gr.Markdown(_INTRODUCTION)
        with gr.Row():
            upload = gr.File(
                label="Chest films, or a ZIP of films", file_count="multiple", height=150, elem_id="hv-batch-upload"
            )
            with gr.Column():
                task = gr.Radio(
                    [(name, key) for key, name in TASK_NAMES.items()],
                    value=next(iter(TASK_NAMES)),
                    label="Maps are for VGG+Mask's answer to",
                )
                correct = gr.Checkbox(
                    False,
                    label=PUT_RIGHT,
                    info="As the gate offers it. Without this they are listed as not accepted.",
                )
                stop = gr.Button("Stop", variant="stop", size="sm")
        status = gr.HTML(elem_id="hv-batch-status")
        table = gr.HTML(elem_classes="hv-batch")
        with gr.Row():
            buttons = {kind: gr.Button(words) for kind, (words, _) in DOWNLOADS.items()}
    _wire(engine, upload, [task, correct], stop, (status, table, held), buttons)


def _wire(
    engine: Engine,
    upload: gr.File,
    choices: Sequence[gr.components.Component],
    stop: gr.Button,
    shown: tuple,
    buttons: dict[str, gr.Button],
) -> None:
    status, table, held = shown

    def on_upload(files: list[str], task: str, put_right: bool, before: HeldBatch | None) -> Iterator[tuple[Any, ...]]:
        _forget(before)
        for view in run_films(engine, [Path(file) for file in files], task, OFFERED if put_right else ""):
            yield view.status, view.table, view.held, None

    running = upload.upload(
        on_upload, [upload, *choices, held], [status, table, held, upload], show_progress_on=status, **BATCH_QUEUE
    )
    stop.click(finish, held, status, cancels=[running], queue=False, api_visibility="private")
    for kind, button in buttons.items():
        file = gr.DownloadButton(elem_id=f"hv-batch-{kind}", elem_classes=HIDDEN)

        def on_click(of: HeldBatch | None, kind: str = kind) -> Iterator[tuple[Any, Any]]:
            content = make_table(kind, of)
            if content is None:
                yield None, panels.error_banner("Give films first.", "There is no table.")
                return
            try:
                for path in offer_file(DOWNLOADS[kind][1], content):
                    yield path, gr.skip()
            except OSError as error:
                yield None, panels.error_banner(words_of(error), "The file could not be made.")

        made = button.click(on_click, held, [file, status], **FILE_QUEUE)
        made.success(None, js=fetch(f"hv-batch-{kind}"), api_visibility="private")


def _forget(held: HeldBatch | None) -> None:
    if held is not None:
        held.forget()
