"""The viewer of the Analyze page in a real browser: window, zoom and the flip to the map; maps that change."""

import pytest

from tests.browser.serving import CHROMIUM, upload, wait_for_result

pytestmark = pytest.mark.browser
if CHROMIUM is None:
    pytest.skip("no Chromium on the PATH: apt-get install chromium", allow_module_level=True)
pytest.importorskip("playwright.sync_api", reason="playwright isn't installed")


def scale_and_move(viewer) -> list[float]:
    """The scale and the two moves in px of the stage's computed transform."""
    matrix = viewer.locator(".hv-stage").evaluate(
        "e => { const m = new DOMMatrix(getComputedStyle(e).transform); return [m.a, m.e, m.f]; }"
    )
    return [float(number) for number in matrix]


def slope_and_intercept(viewer) -> list[float]:
    return viewer.locator("feFuncG").evaluate("e => [e.slope.baseVal, e.intercept.baseVal]")


@pytest.mark.parametrize("page", [1280, 390], indirect=True)
def test_window_zoom_and_map_by_keyboard_outlive_another_class(page, film):
    upload(page, film)
    wait_for_result(page)
    viewer, view = page.get_by_test_id("viewer"), page.locator(".hv-view")
    assert view.locator(".hv-film").evaluate("e => getComputedStyle(e).filter") == 'url("#hv-window")'
    assert slope_and_intercept(viewer) == [1, 0]

    viewer.get_by_role("slider", name="Window").fill("128")
    # DICOM's linear window: slope 255 / (128 - 1), intercept 0.5 - (128 - 0.5) / (128 - 1)
    assert slope_and_intercept(viewer) == pytest.approx([255 / 127, 0.5 - 127.5 / 127], abs=1e-5)
    assert viewer.get_by_role("button", name="Hard").get_attribute("aria-pressed") == "true"

    view.focus()
    page.keyboard.press("+")
    page.keyboard.press("+")
    zoom, right, down = scale_and_move(viewer)
    assert zoom == pytest.approx(1.25**2)
    box = view.bounding_box()
    assert [right, down] == pytest.approx(
        [-0.28125 * box["width"], -0.28125 * box["height"]], abs=1
    )  # about the middle
    page.keyboard.press("ArrowRight")
    assert scale_and_move(viewer)[1] == pytest.approx(right - box["width"] / 8, abs=1)
    page.keyboard.press("i")
    assert slope_and_intercept(viewer)[0] == pytest.approx(-255 / 127, abs=1e-5)

    page.keyboard.press("3")
    map_of_mask = view.locator("[data-model=mask]")
    assert map_of_mask.evaluate("e => getComputedStyle(e).display") != "none"
    assert not view.locator("[data-shown=outlines]").is_visible()
    viewer.get_by_role("slider", name="Overlay").fill("40")
    assert map_of_mask.evaluate("e => getComputedStyle(e).opacity") == "0.4"

    seen = scale_and_move(viewer)
    page.get_by_label("Normal", exact=True).click()
    viewer.get_by_text("map of VGG+Mask for Normal").wait_for()
    assert scale_and_move(viewer) == seen  # the new map is looked at as the one before was
    view.focus()
    page.keyboard.press("0")
    assert scale_and_move(viewer) == [1, 0, 0]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
