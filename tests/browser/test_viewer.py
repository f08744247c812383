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
    assert not view.locator(".hv-over[data-shown=outlines]").is_visible()
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


def test_the_ratios_lines_are_dragged_and_moved_by_keys_and_put_back(page, film):
    upload(page, film)
    wait_for_result(page)
    by_lines, number = page.get_by_test_id("ratio-by-lines"), page.get_by_test_id("ctr")
    found = number.text_content()
    assert by_lines.text_content() == found
    left, right = (page.get_by_role("slider", name=f"Heart: {side} end") for side in ("left", "right"))
    first, last = (int(end.get_attribute("aria-valuenow")) for end in (left, right))
    width = int(left.get_attribute("aria-valuemax")) + 1

    box, film_box = right.bounding_box(), page.locator(".hv-lines").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + film_box["width"] / 10, y, steps=4)
    page.mouse.up()
    moved = int(right.get_attribute("aria-valuenow"))
    assert moved == pytest.approx(last + width / 10, abs=2)
    assert scale_and_move(page.get_by_test_id("viewer")) == [1, 0, 0]  # the film stayed
    told = page.get_by_text("By lines that were moved by hand; by the outlines the ratio is").text_content()
    assert f"{float(told.rstrip('.').split()[-1]):.2f}" == found
    assert number.text_content() == by_lines.text_content() > found

    left.focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert left.get_attribute("aria-valuenow") == str(first + 9)
    for _ in range(2):  # no further than the other end
        page.keyboard.press("ArrowRight")
    thorax = [int(page.get_by_role("slider", name=f"Thorax: {side} end").get_attribute("aria-valuenow"))
              for side in ("left", "right")]  # fmt: skip
    expected = (moved - first - 11 + 1) / (thorax[1] - thorax[0] + 1)
    page.wait_for_function(
        "words => document.querySelector('[data-testid=ctr]').textContent === words", arg=f"{expected:.2f}"
    )
    page.get_by_label("Normal", exact=True).click()  # another map: the lines stay where they were moved to
    page.get_by_text("map of VGG+Mask for Normal").wait_for(state="attached")
    assert [int(end.get_attribute("aria-valuenow")) for end in (left, right)] == [first + 11, moved]

    page.get_by_role("button", name="Put the lines back").click()
    page.wait_for_function("words => document.querySelector('[data-testid=ctr]').textContent === words", arg=found)
    assert [int(end.get_attribute("aria-valuenow")) for end in (left, right)] == [first, last]
    assert not page.get_by_role("button", name="Put the lines back").is_visible()
