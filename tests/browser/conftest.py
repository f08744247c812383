"""The demo with the fake engine in Chromium, and a drawn film to drop on it."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from heartviz.phantom import draw_chest
from tests.browser.serving import CHROMIUM, CHROMIUM_ARGUMENTS, SHOW_WITHIN_MS, serve


@pytest.fixture(scope="module")
def uploads(tmp_path_factory):
    """Where the server keeps its files."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def address(uploads):
    """The demo with the fake engine on a free port of this computer."""
    with serve([sys.executable, "-m", "tests.browser.serve_fake"], uploads) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, address, request):
    """A fresh page; at its end every request that it made must have stayed on this computer."""
    page = browser.new_page(viewport={"width": getattr(request, "param", 1400), "height": 900})
    page.set_default_timeout(SHOW_WITHIN_MS)
    asked, faults = [], []
    page.on("request", lambda made: asked.append(made.url))
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.goto(address)
    page.get_by_text("Drop a frontal chest film").wait_for()
    yield page
    page.close()
    outside = [
        url for url in asked if urlsplit(url).hostname != "127.0.0.1" and urlsplit(url).scheme not in ("data", "blob")
    ]
    assert outside == []
    assert faults == []


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """A drawn film under a name that says nothing about its kind."""
    pixels = draw_chest(seed=1)[0]
    path = tmp_path_factory.mktemp("film") / "Mustermann_Erika"
    path.write_bytes(cv2.imencode(".png", np.round(pixels * 255).astype(np.uint8))[1].tobytes())
    return path
