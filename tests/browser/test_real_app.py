"""`app.py` as a newcomer starts it, with the shipped models: a drawn film goes in, its ratio comes out."""

import sys

import cv2
import numpy as np
import pytest

from heartviz.measure import measure_cardiothoracic_ratio
from heartviz.phantom import draw_chest
from tests.browser.serving import CHROMIUM, CHROMIUM_ARGUMENTS, ROOT, serve

pytestmark = [pytest.mark.browser, pytest.mark.slow]
if CHROMIUM is None:
    pytest.skip("no Chromium on the PATH: apt-get install chromium", allow_module_level=True)
sync_playwright = pytest.importorskip("playwright.sync_api", reason="playwright isn't installed").sync_playwright


def test_a_drawn_film_is_analysed_by_the_shipped_models(tmp_path):
    pixels, heart, left_lung, right_lung = draw_chest(3, 1.1)
    film = tmp_path / "film"
    film.write_bytes(cv2.imencode(".png", np.round(pixels * 65535).astype(np.uint16))[1].tobytes())
    command = [sys.executable, str(ROOT / "app.py"), "--port"]
    with serve(command, tmp_path) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(address)
        page.locator("#hv-upload input[type=file]").set_input_files(film)
        page.get_by_test_id("ctr").wait_for(timeout=60_000)
        shown = float(page.get_by_test_id("ctr").inner_text())
        assert abs(shown - measure_cardiothoracic_ratio(heart, left_lung | right_lung).ratio) < 0.05
        for arm in ("plain", "mask"):
            answer = page.get_by_test_id(f"answer-{arm}").inner_text()
            assert sum(name in answer for name in ("Normal", "VSD", "ASD", "TOF")) == 4
            assert "%" in answer
        page.get_by_label("Heart size").click()
        page.get_by_test_id("answer-mask").get_by_text("Enlarged").first.wait_for(timeout=60_000)
        browser.close()
