"""The Analyze page without a browser: handlers as plain functions, the panels' words, the privacy contract."""

import asyncio
import logging
import math
import time
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from heartviz.errors import GateError, RadiographError, SegmentationError
from heartviz.gallery import EXAMPLES
from heartviz.records import ARMS, REGIONS, GateCheck, Radiograph, RelevanceShare
from heartviz.ui import LAUNCH_OPTIONS, analyze, build_demo, maps, panels
from heartviz.ui.about import build_about_page
from heartviz.ui.cards import describe_models
from heartviz.ui.held import HeldReport, Refused, Shelf
from heartviz.ui.shell import PAGES
from heartviz.ui.upload import take_upload
from tests.drawn_report import FakeCompute, is_cleared, make_report, raiser


@pytest.fixture
def compute():
    return FakeCompute()


@pytest.fixture(scope="module")
def demo():
    async def build():
        return build_demo(FakeCompute().engine())

    # Inside a running loop: outside of one, Gradio opens event loops that it never closes (utils.safe_get_lock).
    return asyncio.run(build())


@pytest.fixture(scope="module")
def report():
    return make_report()


def told(*_):
    """A progress that nobody hears."""


def run(compute, load, task="congenital", held=None):
    return list(analyze.analyze_film(compute.engine(), Shelf(), held, load, task, "picture_seen", told))


def test_a_film_clears_the_page_first_and_fills_every_panel_then(compute, report):
    first, last = run(compute, lambda: report.radiograph)
    assert is_cleared(first)
    assert "Reading the film" in first["status"]
    assert set(first) == set(last)
    assert last["results"]["visible"] is True
    assert last["empty"]["visible"] is False
    assert {name for name in analyze._SHOWN if last[name] is None} == set(maps.LATER)
    assert compute.analyzed == [("congenital", None, "picture_seen")]
    assert last["target_class"]["value"] == "VSD"  # VGG+Mask's answer in drawn_report


def test_images_tell_their_numbers_to_those_who_do_not_see_them(compute, report):
    view = run(compute, lambda: report.radiograph)[-1]
    assert "cardiothoracic ratio 0.4" in view["overlay"]
    assert "VSD 67 %" in view["seen_mask"]["alt_text"]
    assert "heart" in view["map_plain"]["alt_text"]
    assert "%" in view["map_plain"]["alt_text"]


def test_the_page_stays_cleared_where_another_film_waits_by_then(compute, report):
    for load in (lambda: report.radiograph, raiser(RadiographError("It is no film."))):
        views = analyze.analyze_film(
            compute.engine(), Shelf(), None, load, "congenital", "picture_seen", told, lambda: True
        )
        last = list(views)[-1]
        assert is_cleared(last | {"upload": None})
        assert "Waiting for the models" in last["status"]
        assert "upload" not in last  # It has the other's name.


def test_a_film_that_is_turned_away_leaves_what_was_there(report):
    shelf = Shelf()
    for held, results, empty in (
        (None, False, True),
        (shelf.keep(report), True, False),
        (shelf.keep(Refused(report.radiograph, "invert")), False, False),
    ):
        view = analyze.show_again(held, "Try again.")
        assert (view["results"]["visible"], view["empty"]["visible"]) == (results, empty)
        assert view["gate"]["visible"] is view["refused"]["visible"] is True
        assert "held" not in view


def test_an_error_in_words_reaches_the_banner_and_leaves_no_panel(compute):
    sentence = "Image is 90 x 640 px; the shorter side must be at least 128. Upload the full-size <film>."
    view = run(compute, raiser(RadiographError(sentence)))[-1]
    assert is_cleared(view)
    assert "shorter side must be at least 128" in view["status"]
    assert "<film>" not in view["status"]
    assert compute.analyzed == []


def test_an_error_of_a_later_stage_leaves_no_panel_either(compute, report):
    compute.analyze = raiser(SegmentationError("No heart was found. Upload a frontal film."))
    view = run(compute, lambda: report.radiograph)[-1]
    assert is_cleared(view)
    assert "No heart was found." in view["status"]


def refuse(film, offer):
    checks = (
        GateCheck("readable", "passed", "It is readable."),
        GateCheck("upright", "refused", "It is <upside> down."),
        GateCheck("age", "not reached", "Not asked."),
    )
    return raiser(GateError("It is <upside> down.", checks, offer, film, make_report().segmentation))


def test_a_refusal_shows_what_was_seen_and_which_check_failed(compute, report):
    compute.analyze = refuse(report.radiograph, "")
    view = run(compute, lambda: report.radiograph)[-1]
    assert is_cleared(view)
    assert "The gate refused this film (1 passed)" in view["checks"]
    assert "It is &lt;upside&gt; down." in view["checks"]
    assert view["refused_film"]["visible"] is True
    assert view["refused_film"]["value"].shape[2] == 3
    assert view["refused_says"]["visible"] is True
    assert view["offer"]["visible"] is False


def test_a_file_that_cannot_be_read_has_no_check_to_count(compute):
    def load():
        raise RadiographError("It is no <film>.")

    view = run(compute, load)[-1]
    assert "<summary>The gate refused this film</summary>" in view["checks"]
    assert "It is no &lt;film&gt;." in view["checks"]


def test_a_film_that_can_be_put_right_is_held_and_one_click_does_it(compute, report):
    compute.analyze = refuse(report.radiograph, "turn_half")
    view = run(compute, lambda: report.radiograph)[-1]
    assert (view["offer"]["visible"], view["offer"]["value"]) == (True, "Turn it upright")
    offered = view["held"].offered
    assert (offered.radiograph, offered.offer) == (report.radiograph, "turn_half")
    turned = compute.engine().correct(offered.radiograph, offered.offer)
    np.testing.assert_array_equal(turned.pixels, report.radiograph.pixels[::-1, ::-1])
    first, last = run(FakeCompute(), lambda: turned, held=view["held"])
    assert first["offer"]["visible"] is last["offer"]["visible"] is False
    assert view["held"].offered is None
    assert last["results"]["visible"] is True


def test_a_mirrored_film_is_analysed_and_the_swap_is_offered(compute, report):
    warned = replace(report, checks=(GateCheck("upright", "warned", "A mirrored film?"),), offer="mirror")
    view = analyze.show_report(compute.engine(), warned, "congenital")
    assert view["offer"]["value"] == "Swap left and right"
    assert 'data-testid="checks" open' in view["checks"]
    assert Shelf().keep(warned).offered.offer == "mirror"


def test_what_can_not_be_read_fails_the_first_check(compute):
    view = run(compute, raiser(RadiographError("The file is empty.")))[-1]
    assert "Can it be read?" in view["checks"]
    assert "The file is empty." in view["checks"]
    assert view["refused_film"]["visible"] is False


def test_an_unforeseen_error_tells_nothing_of_the_film_to_page_or_log(compute, report, caplog):
    compute.analyze = raiser(RuntimeError("uploads/Mustermann_Erika.dcm"))
    with caplog.at_level(logging.DEBUG):
        view = run(compute, lambda: report.radiograph)[-1]
    assert is_cleared(view)
    assert "RuntimeError" in view["status"]
    assert "RuntimeError" in caplog.text
    assert "Mustermann" not in view["status"] + caplog.text


def test_the_maps_caption_says_whose_answer_they_do_not_explain(compute, report):
    labels = {arm: prediction.label for arm, prediction in report.predictions["congenital"].items()}
    assert labels["mask"] == report.explanation.target_class == "VSD"  # drawn_report
    for plain, said in (("VSD", False), ("Normal", True)):
        answers = dict(report.predictions["congenital"])
        answers["plain"] = replace(answers["plain"], label=plain)
        other = replace(report, predictions={**report.predictions, "congenital": answers})
        caption = analyze.show_report(compute.engine(), other, "congenital")["map_scale"]
        assert ("not what Plain VGG16 says of this film" in caption) == said


def test_a_new_film_lets_go_of_the_one_before_even_when_it_is_refused(compute, report):
    held = Shelf().keep(report)
    run(compute, raiser(RadiographError("Not a film.")), held=held)
    assert held.report is None


def test_a_film_is_forgotten_on_time_whether_or_not_the_page_is_open(report):
    held = Shelf(forget_after_s=0.05).keep(report)
    until = time.monotonic() + 10
    while held.report is not None and time.monotonic() < until:
        time.sleep(0.01)
    assert held.report is None


def test_the_shelf_lets_go_of_the_longest_unused_report(report):
    shelf = Shelf(most_pixels=2 * report.radiograph.pixels.size)
    first, second = shelf.keep(report), shelf.keep(report)
    assert shelf.keep(report, first) is first  # used again
    third = shelf.keep(report)
    assert second.report is None
    assert first.report is third.report is report
    shelf.forget(first)
    shelf.forget(HeldReport())
    assert first.report is None


def test_a_class_of_forty_keeps_its_films(report):
    shelf = Shelf()
    small = replace(report, radiograph=Radiograph(np.zeros((512, 512), np.float32)))
    assert all(held.report is not None for held in [shelf.keep(small) for _ in range(100)])


def test_large_films_let_go_of_the_ones_before_them(report):
    pixels = report.radiograph.pixels.size
    shelf = Shelf(most_pixels=2 * pixels)
    first, second, third = (shelf.keep(report) for _ in range(3))
    assert first.report is None
    assert second.report is third.report is report
    # The newest is always kept.
    assert Shelf(most_pixels=1).keep(report).report is report


def test_an_upload_is_deleted_as_soon_as_it_is_read(tmp_path: Path):
    path = tmp_path / "Mustermann_Erika.dcm"
    path.write_bytes(b"film")
    assert take_upload(path) == b"film"
    assert not path.exists()


def test_examples_say_that_they_are_drawn():
    assert len(EXAMPLES) == 8
    for example in EXAMPLES:
        film = example.load()
        assert "(drawn)" in film.description
        assert "not taken of a patient" in film.messages[0]
    # The shipped pictures are what the code draws, but for their 8 bits.
    np.testing.assert_allclose(EXAMPLES[0].load().pixels, EXAMPLES[0].draw().pixels, atol=0.003)


def test_ratio_names_its_unit(report):
    width_px = report.cardiothoracic.heart_width_px
    assert f"Heart {width_px} px wide" in panels.ratio_panel(report)
    with_spacing = replace(report, radiograph=replace(report.radiograph, spacing_mm=(0.4, 0.5)))
    assert f"Heart {width_px * 0.5:.0f} mm ({width_px} px) wide" in panels.ratio_panel(with_spacing)


def test_each_share_stands_beside_its_chance_and_their_ratio(report):
    share = RelevanceShare(
        {"heart": 0.3, "lungs": 0.5, "elsewhere": 0.2}, {"heart": 0.1, "lungs": 0.25, "elsewhere": 0.65}
    )
    table = panels.share_table(replace(report.explanation, shares=dict.fromkeys(ARMS, share)), "plain")
    # 0.3 / 0.1 = 3.0; 0.5 / 0.25 = 2.0; 0.2 / 0.65 = 0.31
    for name, numbers in (("Heart", "30 % 10 % 3.0 x"), ("Lungs", "50 % 25 % 2.0 x"), ("Elsewhere", "20 % 65 % 0.3 x")):
        row = next(row for row in table.split("<tr>") if name in row)
        assert " ".join(row.replace("<b>", "").replace("</b>", "").replace("</td><td>", " ").split()).find(numbers) > 0


def test_shares_that_are_not_a_number_are_said_in_words(report):
    unknown = RelevanceShare(dict.fromkeys(REGIONS, float("nan")), report.explanation.shares["plain"].chance)
    table = panels.share_table(replace(report.explanation, shares=dict.fromkeys(ARMS, unknown)), "mask")
    assert table.count("not defined") == 6
    assert "nan" not in table


@pytest.mark.parametrize(
    ("ratio", "words"), [(0.0, "0 %"), (0.004, "< 1 %"), (0.62, "62 %"), (0.999, "> 99 %"), (1.0, "100 %")]
)
def test_percentages_are_not_rounded_to_certainty(ratio, words):
    assert panels.percent(ratio) == words


def test_every_result_says_what_it_is_not_and_what_the_models_learned_from(compute, report):
    view = run(compute, lambda: report.radiograph)[-1]
    assert "not a medical device" in view["headline"]
    assert "not a medical device" in view["fine_print"]
    assert "made up for this test" in view["fine_print"]
    assert "simulated" in view["answer_note"]


def test_a_message_said_by_two_stages_is_shown_once(report):
    twice = replace(report, radiograph=replace(report.radiograph, messages=("No spacing.",)), messages=("No spacing.",))
    assert panels.headline(twice).count("No spacing.") == 1


def test_messages_of_a_film_cannot_bring_markup(report):
    assert "<script>" not in panels.headline(replace(report, messages=("<script>alert(1)</script>",)))


def test_model_cards_come_from_the_manifest():
    card = {"trained_on": "396 films", "metrics": ["Dice 0.95"]}
    files = {
        "segmenter": {"sha256": "ab", "card": card},
        "trunk": {"sha256": "cd"},
        "new": {"sha256": "ef", "card": "x"},
    }
    cards = describe_models({"files": files})
    assert cards["Outlines (VGG-U-Net)"].metrics == ("Dice 0.95",)
    assert "does not say" in cards["Shared lower layers (VGG16)"].trained_on
    assert cards["new"].trained_on == "x"


NAMES = ["Analyze", "Batch", "Experiment", "Turn the knobs", "Shortcut", "Audit", "Results", "About"]


def test_there_is_no_tab_without_a_page(demo):
    tabs = [block.label for block in demo.blocks.values() if isinstance(block, gr.Tab)]
    assert tabs == [name for name, _ in PAGES] == NAMES
    assert PAGES[-1][1] is build_about_page


def test_privacy_settings():
    demanded = {
        "share": False, "run_history": False, "enable_monitoring": False, "show_error": False, "ssr_mode": False,
        "pwa": False, "mcp_server": True, "max_file_size": "40mb", "footer_links": [],
    }  # fmt: skip
    assert {name: LAUNCH_OPTIONS[name] for name in demanded} == demanded
    assert "allowed_paths" not in LAUNCH_OPTIONS


def test_the_page_keeps_and_counts_nothing(demo):
    config = demo.get_config_file()
    assert demo.analytics_enabled is False
    assert demo.delete_cache is None  # heartviz.ui.leaving deletes files, but for those of a question that waits.
    kinds = [component["type"] for component in config["components"]]
    assert not {"deeplinkbutton", "loginbutton", "browserstate"} & set(kinds)
    states = [block for block in demo.blocks.values() if isinstance(block, gr.State)]
    # The film; the table of the Batch page; and the name of the task that the Audit page shows, which is nobody's.
    assert [state.time_to_live for state in states] == [900, 900, math.inf]
    held = Shelf().keep(make_report())
    states[0].delete_callback(held)
    assert held.report is None
    states[0].delete_callback(None)


def test_no_event_of_the_page_is_an_endpoint_for_others(demo):
    events = demo.get_config_file()["dependencies"]
    public = {event["api_name"] for event in events if event["api_visibility"] != "private"}
    assert public == {"analyze", "segment", "models"}
    assert sum(event["api_visibility"] != "private" for event in events) == 3


def test_pictures_are_never_files_on_the_server(demo):
    images = [block for block in demo.blocks.values() if isinstance(block, gr.Image)]
    assert {type(image).__name__ for image in images} == {"FleetingImage"}
    shown = images[-1].postprocess(np.zeros((2, 3, 3), np.uint8))
    assert shown.path is None
    assert shown.url.startswith("data:image/png;base64,")
    assert images[-1].postprocess(None) is None


def test_all_model_events_wait_in_one_queue(demo):
    events = [fn for fn in demo.fns.values() if fn.fn is not None]
    # Analyze: upload, correction, eight examples each with thumbnail and button; task, class, gradient, method; the
    # controls after each of these 22 and by their own box; the layer. Experiment: tab and editor opened and a first one
    # made, choice and what follows, other lungs and what follows, button, knob, curve, deletion; eight edits, each
    # with page and experiment made anew. Knobs: tab, sliders, age, marker, disease, question, patient twice; curve.
    asked = [fn for fn in events if fn.concurrency_id == "model"]
    # Two endpoints.
    assert len(asked) == (18 + 4 + 22 + 1 + 1) + (3 + 2 + 2 + 4 + 3 * 8) + (1 + 4 + 4 + 2 + 1) + 2
    assert {fn.concurrency_limit for fn in asked} == {1}
    # The Audit page asks no model: it opens, and shows each model's outliers. Three files to take home, two of a batch.
    # A third endpoint names the models. A batch has a queue of its own, so that it holds up nobody's film for longer
    # than one of its own; and a stop. Lines that are moved. Each of the 18 films may be turned away.
    assert len(events) - len(asked) == (1 + 3) + (3 + 2) + (1 + 1) + 1 + 1 + 18
    assert {fn.concurrency_limit for fn in events if fn.concurrency_id in ("batch", "files")} == {1}


def test_pictures_travel_losslessly(demo):
    images = [block for block in demo.blocks.values() if isinstance(block, gr.Image)]
    assert images
    assert {image.format for image in images} == {"png"}


def test_the_upload_takes_any_file_as_it_is(demo):
    upload = next(block for block in demo.blocks.values() if isinstance(block, gr.File))
    assert upload.file_types is None
    assert upload.type == "filepath"


def test_fonts_and_style_come_from_this_computer():
    theme = LAUNCH_OPTIONS["theme"]
    assert not any(isinstance(font, gr.themes.GoogleFont) for font in (*theme._font, *theme._font_mono))
    style = Path(LAUNCH_OPTIONS["css_paths"][0]).read_text(encoding="utf-8")
    assert "http" not in style
    assert "@import" not in style
