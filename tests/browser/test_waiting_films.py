"""The Analyze page while films wait for the models: nothing of one stands beside another, and nothing is lost."""

import sys
import time

import pytest

from tests.browser.serving import CHROMIUM, SHOW_WITHIN_MS, serve

pytestmark = pytest.mark.browser
if CHROMIUM is None:
    pytest.skip("no Chromium on the PATH: apt-get install chromium", allow_module_level=True)
pytest.importorskip("playwright.sync_api", reason="playwright isn't installed")
FILM_S, MOST = 3.0, 2


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    command = [sys.executable, "-m", "tests.browser.serve_fake", "--film-s", str(FILM_S), "--most", str(MOST)]
    with serve(command, tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
def pages(browser, address):
    """Four pages of one server, with all that they need to show a film."""
    opened = [browser.new_page(viewport={"width": 1400, "height": 900}) for _ in range(4)]
    for page in opened:
        page.set_default_timeout(SHOW_WITHIN_MS)
        page.goto(address)
        page.get_by_text("Drop a frontal chest film").wait_for()
        page.wait_for_timeout(1500)  # Gradio shows a page a moment before it listens.
    yield opened
    for page in opened:
        page.close()


def ask(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def shown(page) -> str:
    """Which film the page shows; empty where it shows none."""
    words = page.get_by_text("Film read:")
    return words.inner_text() if page.locator("#hv-results").is_visible() and words.count() else ""


def test_a_film_that_waits_is_alone_on_the_page_from_the_click_on(pages):
    one, two, *_ = pages
    ask(one, "VSD")
    one.wait_for_timeout(1000)
    ask(two, "ASD")
    two.wait_for_timeout(300)
    ask(one, "TOF")  # Behind the other page's film; the first one's answer comes meanwhile.
    until = time.monotonic() + SHOW_WITHIN_MS / 1000
    while not shown(one) and time.monotonic() < until:
        said = one.locator("#hv-status").inner_text().strip()
        assert said or shown(one)  # What is under way is said all the time.
        one.wait_for_timeout(100)
    assert "TOF (drawn)" in shown(one)
    # Another film: what was there is covered by the browser itself, however long the server takes.
    on_the_way = []

    def keep(route):
        on_the_way.append(route)

    one.route("**/queue/join*", keep)
    ask(one, "VSD")
    one.locator("#hv-results").wait_for(state="hidden")
    one.get_by_text("Waiting for the models").wait_for()
    for question in on_the_way:
        question.continue_()
    one.unroute("**/queue/join*")
    one.get_by_test_id("ctr").wait_for()
    assert "VSD (drawn)" in shown(one)


def test_a_film_that_is_turned_away_leaves_the_one_before(pages):
    one, *others = pages
    ask(one, "VSD")
    one.get_by_test_id("ctr").wait_for()
    for page in others:
        ask(page, "ASD")
        page.wait_for_timeout(300)
    ask(one, "TOF")
    banner = one.get_by_role("alert").get_by_text(f"{MOST} questions wait already, so yours was not taken.")
    banner.wait_for()
    assert "VSD (drawn)" in shown(one)
    assert one.get_by_test_id("ctr").is_visible()
    others[-1].get_by_test_id("ctr").wait_for()
    one.get_by_label("Heart size").click()  # It is still held.
    one.get_by_test_id("answer-mask").get_by_text("66 %").wait_for()
