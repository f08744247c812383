"""The painting surface without a browser: what is laid over the film, which strokes are read, which are refused."""

import base64
import io
import re
import struct
import zlib
from contextlib import suppress
from functools import partial

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from heartviz import plots
from heartviz.errors import QuestionError
from heartviz.ui import edit, paint
from heartviz.ui.fleeting import png_address
from heartviz.ui.held import Shelf
from heartviz.ui.session import Session
from tests.drawn_report import FakeCompute, make_report

TURQUOISE, RED = (64, 224, 208, 255), (255, 90, 90, 255)


def address(payload: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(payload).decode()}"


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG of three chunks, whatever its header claims."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def strokes(size: tuple[int, int] = (56, 64)) -> np.ndarray:
    painted = np.zeros((*size, 4), np.uint8)
    painted[10:12, 20:24], painted[30:32, 20:28] = TURQUOISE, RED
    return painted


def test_an_empty_canvas_of_the_pictures_size_lies_over_the_film():
    report = make_report()
    html, (height, width) = paint.draw_surface(report), plots.plot_overlay(report).shape[:2]
    assert f'<canvas width="{width}" height="{height}"' in html
    assert max(width, height) <= 1024
    assert html.count('src="data:image/png;base64,') == html.count("src=") == 1
    assert "cardiothoracic ratio" in re.search('alt="([^"]+)"', html)[1]


def test_every_control_of_the_brush_has_a_name_and_the_colours_are_told_apart_as_painted():
    html = paint.draw_brushes()
    assert re.findall(r"</i>(\w+)</span>", html) == ["Add", "Remove", "Erase"]
    assert re.findall(r"<button[^>]*>([^<]+)</button>", html) == ["Undo", "Clear what I painted"]
    pixels = np.array([[[*bytes.fromhex(colour[1:]), 255] for colour in (paint.ADD_COLOUR, paint.REMOVE_COLOUR)]])
    added = np.array([[True, False]])
    for found, expected in zip(edit.read_strokes(pixels.astype(np.uint8), (1, 2)), (added, ~added), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_strokes_are_read_as_they_were_painted_and_change_the_heart():
    np.testing.assert_array_equal(paint.read_painted(png_address(strokes())), strokes())
    mask = np.zeros((112, 128), bool)  # twice the canvas
    mask[60:64, 30:60] = True
    expected = mask.copy()
    expected[20:24, 40:48], expected[60:64, 40:56] = True, False
    np.testing.assert_array_equal(edit.apply_strokes(mask, png_address(strokes())), expected)


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "data:,",
        "data:image/png;base64,",
        "data:image/png;base64,iVBORw0KGgo",
        "data:image/png;base64,中文",
        png_address(strokes()).replace("png", "jpeg"),
        png_address(strokes()) + "=" * paint.MOST_LETTERS,
        address(png(64, 56, 8, 6, b"\0" * 14_392)[:-40]),
        png_address(strokes()[..., :3]),
        png_address(np.zeros((1025, 2, 4), np.uint8)),
        address(png(60_000, 60_000, 8, 6, b"\0" * 1000)),
        address(png(2, 2, 16, 6, b"\0" * 34)),
        address(png(2, 2, 8, 6, b"\0" * 10_000_000)),
        address(png(2, 2, 8, 6, b"\0" * 5)),
        address(png(0, 2, 8, 6, b"\0\0")),
    ],
    ids=lambda given: str(given)[:48],
)
def test_what_is_no_canvas_is_refused_in_words(given):
    with pytest.raises(QuestionError, match="What was painted could not be read. Paint it again."):
        paint.read_painted(given)


def test_damaged_strokes_are_read_or_refused_and_nothing_else():
    stream = io.BytesIO()
    Image.fromarray(strokes()).save(stream, "PNG")
    whole, rng = stream.getvalue(), np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        with suppress(QuestionError):
            assert paint.read_painted(address(bytes(damaged))).shape[2] == 4


def test_without_strokes_the_heart_is_left_as_it_was_in_words():
    compute, session = FakeCompute(), Session(Shelf(), gr.State(None))
    held = session.shelf.keep(make_report())
    for given, words in ((png_address(0 * strokes()), "Nothing is painted"), ("", "could not be read")):
        said = edit.edit_heart(compute.engine(), session, held, partial(edit.apply_strokes, strokes=given))
        assert "The heart was left as it was." in said
        assert words in said
        assert held.edited is None
