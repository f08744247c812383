"""Take it home: buttons that make a film's report as a file when they are clicked, and leave none behind."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from heartviz.records import Report
from heartviz.take_home import make_files, make_zip
from heartviz.take_home.paper import LONGEST_TITLE
from heartviz.ui import panels
from heartviz.ui.faults import words_of
from heartviz.ui.held import HeldReport

# Kind to the button's words and the file's name.
BUTTONS = {
    "html": ("HTML: one file for the browser", "heartviz_report.html"),
    "pdf": ("PDF: to print", "heartviz_report.pdf"),
    "zip": ("ZIP: all, with masks and maps", "heartviz_report.zip"),
}
# Gradio 6.31 shows a DownloadButton of visible="hidden" once its column is shown: the style sheet hides it.
HIDDEN = "hv-fetch"
# Files wait for each other, not for the models.
FILE_QUEUE = {"concurrency_id": "files", "concurrency_limit": 1, "api_visibility": "private"}
_CAPTION = (
    '<p class="hv-caption">The ZIP has both reports, the numbers (JSON), the masks (PNG, DICOM SEG on a picture of the '
    "film without patient tags) and the maps (NumPy, 16 bit PNG). No file names the upload. The pictures show the "
    "film: what is burnt into it, a name perhaps, stays. A file is made when you click, and deleted from this computer "
    "within 20 minutes.</p>"
)
_GONE = "The film is no longer held here. Drop it again."


def fetch(elem_id: str) -> str:
    """JavaScript that clicks a hidden download button, where it has a file."""
    # A moment later, when the button has the file's address.
    return f"() => {{ setTimeout(() => document.getElementById('{elem_id}')?.click(), 100); }}"


def offer_file(name: str, content: bytes) -> Iterator[str]:
    """The path of a file with this content, which is gone as soon as the caller asks again."""
    with tempfile.TemporaryDirectory(prefix="heartviz_") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        yield str(path)


def make_content(kind: str, report: Report, title: str) -> bytes:
    """The file's bytes."""
    return make_zip(report, title) if kind == "zip" else next(iter(make_files(report, [kind], title).values()))


def make_download(kind: str, held: HeldReport | None, title: str) -> Iterator[tuple[Any, str]]:
    """A file for the hidden download button and an empty note, or no file and the reason."""
    report = held.report if held is not None else None
    if report is None:
        yield None, panels.error_banner(_GONE, "There is nothing to take home.")
        return
    try:
        content = make_content(kind, report, title or "")
        for path in offer_file(BUTTONS[kind][1], content):
            yield path, ""
    except Exception as error:
        yield None, panels.error_banner(words_of(error), "The file could not be made.")


def add_panel(held: gr.State) -> None:
    """Adds the panel to the page that is being built; it takes home the film of this state."""
    with gr.Column(elem_classes="hv-panel"):
        gr.HTML(f"<h2>Take it home</h2>{_CAPTION}")
        title = gr.Textbox(
            label="Title of the report (may be empty)", max_length=LONGEST_TITLE, info="Don't write a person's name."
        )
        with gr.Row():
            buttons = {kind: gr.Button(words) for kind, (words, _) in BUTTONS.items()}
        note = gr.HTML()
        for kind, button in buttons.items():
            elem_id = f"hv-take-{kind}"
            file = gr.DownloadButton(elem_id=elem_id, elem_classes=HIDDEN)

            def on_click(of: HeldReport | None, words: str, kind: str = kind) -> Iterator[tuple[Any, str]]:
                yield from make_download(kind, of, words)

            made = button.click(on_click, [held, title], [file, note], show_progress_on=note, **FILE_QUEUE)
            made.success(None, js=fetch(elem_id), api_visibility="private")
