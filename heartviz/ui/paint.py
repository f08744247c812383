"""The painting surface of the heart's editor: strokes laid over the film in the browser, and read here.

`paint.js` draws them. They come as a PNG within the event's own message: nothing is uploaded, or ever a file.
"""

import base64
import io
import zlib
from html import escape

import numpy as np
from PIL import Image

from heartviz import plots
from heartviz.errors import QuestionError
from heartviz.plots.canvas import DISPLAY_SIDES_PX
from heartviz.png import check_rows, read_header
from heartviz.records import Report
from heartviz.ui import panels
from heartviz.ui.fleeting import ADDRESS_START, png_address

ADD_COLOUR, REMOVE_COLOUR = plots.hex_colour(plots.HEART_COLOUR), "#ff5a5a"
# Of the strokes' address: a heart's outline has 40,000, three hundred fine scribbles a million. Requests have 2 MB.
MOST_LETTERS = 1_900_000
_RGBA_8_BIT = (8, 6)  # PNG third edition, 11.2.1: bit depth, colour type
_BRUSHES = {"Add": ADD_COLOUR, "Remove": REMOVE_COLOUR, "Erase": ""}
_SMALLEST_PX, _FIRST_PX, _LARGEST_PX = 4, 28, 120
# Puts the strokes into the message of the event whose second input is a text; one too long is refused here, in words.
SEND = (
    "(held) => [held, (document.querySelector('.hv-paint canvas')?.toDataURL('image/png') ?? '')"
    f".slice(0, {MOST_LETTERS + 1})]"
)


def draw_surface(report: Report) -> str:
    """HTML of the film with its outlines, and of an empty canvas of the same size over it."""
    picture = plots.plot_overlay(report)
    (height, width), address = picture.shape[:2], png_address(picture)
    # Gradio writes an answer into the elements that are there: the script wipes them where the picture is another one.
    return (
        f'<div class="hv-paint" data-drawn="{zlib.crc32(address.encode())}"><img src="{address}" '
        f'alt="{escape(panels.overlay_alt(report))}" draggable="false"><canvas width="{width}" height="{height}" '
        'role="img" aria-label="What you paint on the film. Without a pointer, use Grow, Shrink and the moves.">'
        "</canvas><i></i></div>"
    )


def draw_brushes() -> str:
    """HTML of the choice of brush, its size, and the buttons that take strokes back; none of it is ever rewritten."""
    brushes = "".join(
        f'<label><input type="radio" name="hv-brush" value="{colour}"{" checked" * (colour == ADD_COLOUR)}>'
        f'<span><i style="background:{colour or "none"}"></i>{name}</span></label>'
        for name, colour in _BRUSHES.items()
    )
    return (
        '<div class="hv-brushes"><div class="hv-tools"><span role="radiogroup" aria-label="Brush" class="hv-choice">'
        f'{brushes}</span></div><div class="hv-tools hv-sliders"><label><span>Brush size '
        f'<span data-is="size">{_FIRST_PX}</span></span><input type="range" min="{_SMALLEST_PX}" '
        f'max="{_LARGEST_PX}" value="{_FIRST_PX}"></label></div><div class="hv-tools"><button type="button" '
        'data-do="undo">Undo</button><button type="button" data-do="clear">Clear what I painted</button></div></div>'
    )


def read_painted(address: str | None) -> plots.RGBA:
    """The strokes of a `data:` address that `SEND` made, uint8 (H, W, 4), no side longer than a film is shown.

    Raises:
        QuestionError: it is no such address, or its PNG is larger, damaged, or not 8 bit RGBA.
    """
    try:
        if not address.startswith(ADDRESS_START) or len(address) > MOST_LETTERS:
            raise ValueError("not an address of strokes")
        payload = base64.b64decode(address.removeprefix(ADDRESS_START), validate=True)
        *size, depth, colour = read_header(payload)
        if max(size) > max(DISPLAY_SIDES_PX) or (depth, colour) != _RGBA_8_BIT:
            raise ValueError("not a canvas of draw_surface")
        check_rows(payload)
        with Image.open(io.BytesIO(payload), formats=("PNG",)) as image:
            image.load()
            return np.array(image)
    except Exception as error:  # Pillow raises nearly anything on damaged files
        raise QuestionError("What was painted could not be read. Paint it again.") from error
