"""What the pages of one browser tab share: the film it holds."""

from dataclasses import dataclass

import gradio as gr

from heartviz.ui.held import FORGET_AFTER_S, Shelf


@dataclass(frozen=True)
class Session:
    """The server's shelf, and the state that holds this browser tab's film."""

    shelf: Shelf
    held: gr.State


def open_session() -> Session:
    """A session in the Blocks that are being built; a film leaves the shelf when its state is deleted."""
    shelf = Shelf()
    return Session(shelf, gr.State(None, time_to_live=FORGET_AFTER_S, delete_callback=shelf.forget))
