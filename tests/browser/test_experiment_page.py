"""The Experiment page in a real browser: the film of the Analyze page is changed, and its heart painted."""

import pytest

from tests.browser.serving import CHROMIUM, upload, wait_for_result

pytestmark = pytest.mark.browser
if CHROMIUM is None:
    pytest.skip("no Chromium on the PATH: apt-get install chromium", allow_module_level=True)
pytest.importorskip("playwright.sync_api", reason="playwright isn't installed")


def open_experiments(page, film):
    upload(page, film)
    wait_for_result(page)
    page.get_by_test_id("controls-mask").wait_for()
    page.get_by_role("tab", name="Experiment").click()
    page.get_by_text("with the heart that was found").wait_for()


def test_without_a_film_it_says_where_to_get_one(page):
    page.get_by_role("tab", name="Experiment").click()
    page.get_by_text("Analyze a film first").wait_for()
    assert not page.get_by_role("button", name="Ask all models").is_visible()


@pytest.mark.parametrize("page", [1400, 390], indirect=True)
def test_a_change_shows_its_numbers_beside_the_promise(page, film):
    open_experiments(page, film)
    page.get_by_label("Change", exact=True).click()
    page.get_by_role("option", name="Dim the heart").click()
    outcome = page.get_by_test_id("outcome")
    outcome.wait_for()
    assert "-42 points" in outcome.inner_text()
    page.get_by_label("number input for Gray inside the heart, times").wait_for()
    page.get_by_role("button", name="Draw the curve").click()
    page.get_by_text("Plain VGG16 says VSD with 10 % at 0").wait_for()
    page.get_by_text("n = 1 film, 3 ratios").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_painted_heart_is_applied_and_taken_back(page, film):
    open_experiments(page, film)
    canvas = page.locator("#hv-editor canvas").first
    canvas.scroll_into_view_if_needed()
    page.wait_for_timeout(1500)  # the editor lays its picture out a moment after it is there
    box = canvas.bounding_box()
    row = box["y"] + 0.2 * box["height"]
    page.mouse.move(box["x"] + 0.4 * box["width"], row)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], row, steps=12)
    page.mouse.up()
    page.get_by_role("button", name="Apply what I painted").click()
    edited = page.get_by_test_id("edited")
    edited.wait_for()
    warning = page.get_by_text("Overlap with the heart that was found: Dice").inner_text()
    assert "Dice 1.00" not in warning
    assert "turns the answer of VGG+Mask (VSD to TOF)" in warning
    page.get_by_text("with the heart that you drew").wait_for()
    page.get_by_role("button", name="Back to the heart that was found").click()
    page.get_by_test_id("edited").wait_for(state="detached")
    page.get_by_text("gray, with the heart that was found").wait_for()
