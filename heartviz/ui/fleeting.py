"""Pictures that are never a file on the server: they travel within the answer. (Gradio lays a .pyi beside this.)"""

import base64
import io

import gradio as gr
import numpy as np
from gradio.data_classes import ImageData
from PIL import Image

ADDRESS_START = "data:image/png;base64,"


class FleetingImage(gr.Image):
    """An image whose picture travels inside the answer: it is never a file on the server, nor at any address."""

    is_template = True  # The page shows it as it shows gr.Image.

    def postprocess(self, value: np.ndarray | None) -> ImageData | None:
        """The picture, uint8 RGB or gray, as a PNG within its own address."""
        return None if value is None else ImageData(url=png_address(value), orig_name="heartviz.png")


def png_address(picture: np.ndarray) -> str:
    """The picture, uint8 (H, W) or RGB, as a `data:` address of a PNG that holds nothing but pixels."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", compress_level=4)
    return ADDRESS_START + base64.b64encode(stream.getvalue()).decode()
