"""The viewer of the Analyze page as HTML: what it holds, its words and controls; no browser is driven."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from heartviz import plots
from heartviz.records import ARMS
from heartviz.ui import LAUNCH_OPTIONS, analyze, maps, panels
from heartviz.ui.held import Shelf
from heartviz.ui.viewer import PRESETS, show_viewer
from tests.drawn_report import FakeCompute, make_report


@pytest.fixture(scope="module")
def report():
    return make_report()


class Elements(HTMLParser):
    """Every start tag of some HTML with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.all if name == tag]


@pytest.fixture(scope="module")
def elements(report):
    return Elements(show_viewer(report))


def decode(address: str) -> Image.Image:
    kind, content = address.split(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_film_outlines_and_maps_travel_as_pixels_within_the_answer(report, elements):
    film, outlines, *over = [decode(image["src"]) for image in elements.of("img")]
    np.testing.assert_array_equal(np.asarray(film), plots.plot_film(report.radiograph.pixels))
    np.testing.assert_array_equal(np.asarray(outlines), plots.plot_outlines(report))
    for picture, expected in zip(over, plots.plot_map_overlays(report.explanation).values(), strict=True):
        np.testing.assert_array_equal(np.asarray(picture), expected)
    assert all(picture.info == {} for picture in (film, outlines, *over))  # nothing but pixels
    assert "http" not in show_viewer(report)


def test_pictures_tell_their_numbers_and_only_the_outlines_are_shown_at_first(report, elements):
    film, outlines, *over = elements.of("img")
    assert film["alt"] == panels.overlay_alt(report)
    assert outlines["alt"] == ""  # the film's words tell of them
    assert "hidden" not in film
    assert "hidden" not in outlines
    for image, arm in zip(over, ARMS, strict=True):
        assert image["alt"] == panels.map_alt(report.explanation, arm)
        assert image["data-model"] == arm
        assert "hidden" in image


def test_every_control_has_a_name_and_the_film_can_be_reached(report, elements):
    assert len(elements.of("input")) == 3 + 3 + 3  # what is shown, whose map, sliders
    # An output would take its label's name in place of the slider.
    labels = re.findall("<label>(.*?)</label>", show_viewer(report))
    assert [("<input" in label, "<output" in label) for label in labels] == 9 * [(True, False)]
    assert {button["data-do"] for button in elements.of("button") if "data-do" in button} == {
        "out", "in", "reset", "full", "window", "invert"
    }  # fmt: skip
    view = next(attributes for attributes in elements.of("div") if attributes.get("class") == "hv-view")
    assert view["tabindex"] == "0"
    assert view["aria-label"]
    assert any(attributes.get("id") == view["aria-describedby"] for attributes in elements.of("p"))


def test_the_first_preset_changes_no_gray():
    window, level = PRESETS["As is"]
    # DICOM PS3.3 C.11.2.1.2.1: y = ((x - (c - 0.5)) / (w - 1) + 0.5) * 255
    assert [((gray - (level - 0.5)) / (window - 1) + 0.5) * 255 for gray in (0, 100, 255)] == [0, 100, 255]


def test_a_flat_map_is_said_to_be_flat(report):
    explanation = report.explanation
    flat = replace(explanation.attributions["mask"], values=np.zeros_like(explanation.attributions["mask"].values))
    other = replace(explanation, attributions={**explanation.attributions, "mask": flat})
    captions = re.findall(r'<p class="hv-caption"[^>]*data-model="(\w+)"[^>]*>([^<]*)<', show_viewer(report))
    assert not any("flat" in words for _, words in captions)
    captions = re.findall(
        r'<p class="hv-caption"[^>]*data-model="(\w+)"[^>]*>([^<]*)<', show_viewer(replace(report, explanation=other))
    )
    assert [arm for arm, words in captions if "This map is flat" in words] == ["mask"]


def test_the_maps_follow_the_chosen_class_and_leave_no_film_behind(report):
    engine, shelf = FakeCompute().engine(), Shelf()
    before = Elements(show_viewer(report)).of("img")
    view = analyze.explain_again(engine, shelf, shelf.keep(report), maps.MapChoice("congenital", "ASD", "film"))
    after = Elements(view["overlay"]).of("img")
    assert [one["src"] == other["src"] for one, other in zip(before, after, strict=True)] == [True, True] + 3 * [False]
    assert "for ASD" in after[3]["alt"]
    assert analyze.clear_page("")["overlay"] is None


def test_every_script_runs_when_the_page_opens():
    script = LAUNCH_OPTIONS["js"]
    assert script.startswith("() => {")
    assert script.count(")();\n") == 5
    assert "hv-waiting" in script
    assert ".hv-viewer" in script
    assert ".hv-line" in script
    assert ".hv-paint" in script
