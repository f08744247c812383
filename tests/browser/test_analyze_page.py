"""The Analyze page in a real browser: a film goes in, the numbers come out, nothing leaves the computer."""

import numpy as np
import pytest

from tests.browser.serving import CHROMIUM, SHOW_WITHIN_MS, upload, wait_for_result
from tests.drawn_report import make_segmentation

pytestmark = pytest.mark.browser
if CHROMIUM is None:
    pytest.skip("no Chromium on the PATH: apt-get install chromium", allow_module_level=True)
playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright isn't installed")
PlaywrightTimeout = playwright_api.TimeoutError


@pytest.mark.parametrize("page", [1400, 390], indirect=True)
def test_a_film_goes_in_and_the_numbers_come_out(page, film, uploads):
    upload(page, film)
    wait_for_result(page)
    assert page.get_by_test_id("ctr").inner_text() == "0.46"  # measured on the drawn masks: 182 / 397
    assert "67 %" in page.get_by_test_id("answer-mask").inner_text()
    assert "62 %" in page.get_by_test_id("answer-plain").inner_text()
    assert "Elsewhere" in page.get_by_test_id("shares-plain").inner_text()
    assert page.get_by_text("not a medical device", exact=False).first.is_visible()
    overlay = page.locator("#hv-results img").first
    assert "cardiothoracic ratio 0.46" in overlay.get_attribute("alt")
    page.locator(".js-plotly-plot .barlayer .point").first.wait_for(state="attached")
    assert page.locator(".js-plotly-plot .barlayer .point").count() == 9  # three regions, three models
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    kept = [path.name for path in uploads.rglob("*") if "Mustermann" in path.name and path.is_file()]
    assert kept == []


def test_another_task_and_class_change_the_maps_of_the_same_film(page, film):
    upload(page, film)
    wait_for_result(page)
    page.get_by_label("Heart size").click()
    page.get_by_test_id("answer-mask").get_by_text("66 %").wait_for()
    page.get_by_label("Normal", exact=True).click()
    page.locator(".hv-sentence").get_by_text("For Normal").wait_for()
    assert page.get_by_test_id("ctr").inner_text() == "0.46"


def test_a_bad_file_gets_a_sentence_and_leaves_nothing_of_the_film_before(page, film, tmp_path):
    upload(page, film)
    wait_for_result(page)
    bad = tmp_path / "film.dcm"
    bad.write_text("<html>not a film</html>")
    upload(page, bad)
    banner = page.get_by_role("alert").get_by_text("need PNG, JPEG, TIFF, BMP, WebP or DICOM")
    banner.wait_for()
    assert page.get_by_test_id("ctr").count() == 0 or not page.get_by_test_id("ctr").is_visible()
    assert not page.locator("#hv-results").is_visible()
    upload(page, film)
    wait_for_result(page)
    assert page.get_by_role("alert").count() == 0


def _width(mask):
    columns = np.flatnonzero(mask.any(axis=0))
    return columns[-1] - columns[0] + 1


@pytest.mark.parametrize("place", ["thumbnail", "button"])
def test_a_drawn_example_is_one_click_and_says_that_it_is_drawn(page, place):
    button = page.get_by_role("button", name="VSD", exact=True)
    thumbnail = page.get_by_alt_text("Drawn film: VSD, not a real one")
    # On a busy computer Gradio shows the page a moment before it listens: like a person, click again then.
    for wait_ms in (10_000, SHOW_WITHIN_MS):
        (thumbnail if place == "thumbnail" else button).click()
        try:
            page.get_by_test_id("ctr").wait_for(timeout=wait_ms)
            break
        except PlaywrightTimeout:
            continue
    # The fake engine answers with the drawn chest of the film's size, its heart 1.3 times as large.
    _, found = make_segmentation(2, 1.3, (512, 512))
    assert page.get_by_test_id("ctr").inner_text() == f"{_width(found.heart_mask) / _width(found.lungs_mask):.2f}"
    assert page.get_by_text("not taken of a patient").is_visible()


def test_the_about_tab_says_what_the_models_learned_from(page):
    page.get_by_role("tab", name="About").click()
    page.get_by_text("396 films of adults").last.wait_for()
    page.get_by_role("heading", name="Limits").wait_for()
