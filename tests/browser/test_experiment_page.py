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


def paint(page, first: float, last: float, row: float = 0.6) -> None:
    """A stroke from left to right, in shares of the film's width and height."""
    canvas, box, before = page.locator(".hv-paint canvas"), None, {}
    while box != before:  # what stands above the editor comes a moment after an edit, and moves it
        canvas.scroll_into_view_if_needed()
        before = canvas.bounding_box()
        page.wait_for_timeout(1000)
        box = canvas.bounding_box()
    page.mouse.move(box["x"] + first * box["width"], box["y"] + row * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + last * box["width"], box["y"] + row * box["height"], steps=12)
    page.mouse.up()


def is_painted(page, col: float, row: float = 0.6) -> bool:
    return page.locator(".hv-paint canvas").evaluate(
        "(e, [x, y]) => e.getContext('2d').getImageData(x * e.width, y * e.height, 1, 1).data[3] > 127", [col, row]
    )


def ratios(page) -> list[float]:
    return [float(cell) for cell in page.get_by_test_id("edited").locator("tr").nth(1).locator("td").all_inner_texts()]


def test_a_painted_heart_is_applied_and_taken_back_and_nothing_is_uploaded(page, film, uploads):
    upload(page, film)
    wait_for_result(page)
    ends = page.locator(".hv-end")
    first, last, left, right = (int(ends.nth(each).get_attribute("aria-valuenow")) for each in range(4))
    width = int(ends.first.get_attribute("aria-valuemax")) + 1
    page.get_by_test_id("controls-mask").wait_for()
    asked, lying = [], sorted(uploads.rglob("*"))
    page.on("request", lambda made: asked.append(made.url))
    page.get_by_role("tab", name="Experiment").click()
    page.get_by_test_id("outcome").wait_for()

    paint(page, 0.1, 0.5)
    page.set_viewport_size({"width": 390, "height": 900})  # what is painted stays where it is on the film
    assert [is_painted(page, col) for col in (0.05, 0.1, 0.3, 0.5, 0.6)] == [False, True, True, True, False]
    paint(page, 0.5, 0.95)
    assert is_painted(page, 0.9)
    page.get_by_role("button", name="Undo").click()
    assert [is_painted(page, col) for col in (0.3, 0.9)] == [True, False]
    page.get_by_role("radio", name="Erase").check()
    page.get_by_role("slider", name="Brush size").fill("100")
    paint(page, 0.05, 0.2)
    assert [is_painted(page, col) for col in (0.1, 0.2, 0.4)] == [False, False, True]
    page.get_by_role("button", name="Apply what I painted").click()
    page.get_by_text("with the heart that you drew").wait_for()
    found, edited = ratios(page)
    assert found == pytest.approx((last - first + 1) / (right - left + 1), abs=0.006)
    # The stroke now begins where the eraser's round end, 50 of the canvas's 768 px, left off.
    assert edited == pytest.approx((last - width * (0.2 + 50 / 768)) / (right - left + 1), abs=0.015)
    assert (
        "turns the answer of VGG+Mask (VSD to TOF)"
        in page.get_by_test_id("edited").locator("..").locator("..").inner_text()
    )
    assert not is_painted(page, 0.4)
    assert page.get_by_role("slider", name="Brush size").input_value() == "100"

    page.get_by_role("radio", name="Remove").check()
    paint(page, 0.1, 0.9)
    page.get_by_role("button", name="Clear what I painted").click()
    page.get_by_role("button", name="Apply what I painted").click()
    page.get_by_text("Nothing is painted.").wait_for()
    paint(page, 0.1, 0.5)
    page.get_by_role("button", name="Apply what I painted").click()
    page.get_by_test_id("edited").wait_for()
    assert ratios(page)[1] < found
    page.get_by_role("button", name="Back to the heart that was found").click()
    page.get_by_test_id("edited").wait_for(state="detached")
    page.get_by_text("gray, with the heart that was found").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert [url for url in asked if "/upload" in url] == []
    assert sorted(uploads.rglob("*")) == lying
