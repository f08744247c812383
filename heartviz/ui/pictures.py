"""How every page shows a picture, and the one queue in which everything waits that asks a model."""

from typing import Any

import gradio as gr

from heartviz.ui.fleeting import FleetingImage

MODEL_QUEUE = {"concurrency_id": "model", "concurrency_limit": 1, "api_visibility": "private"}


def add_image(
    value: Any = None, alt_text: str | None = None, buttons: list[str] | None = None, visible: bool = True
) -> gr.Image:
    """A picture as PNG without label or frame; by default with buttons for full screen and download."""
    chosen = ["fullscreen", "download"] if buttons is None else buttons
    return FleetingImage(
        value,
        format="png",
        interactive=False,
        show_label=False,
        container=False,
        alt_text=alt_text,
        buttons=chosen,
        visible=visible,
    )
