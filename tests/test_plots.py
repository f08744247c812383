"""plots: pictures of the right size and colours, one scale for both maps, nothing stretched that is flat."""

import json
from dataclasses import replace

import numpy as np
import pytest

from heartviz import plots
from heartviz.records import ARMS, REGIONS, Attribution, RelevanceShare
from tests.drawn_report import make_explanation, make_report, make_segmentation

SIZE = (257, 193)  # H != W, odd


@pytest.fixture(scope="module")
def report():
    return make_report()


def explanation_of(plain: np.ndarray, mask: np.ndarray):
    """An explanation whose maps are these arrays."""
    _, segmentation = make_segmentation(size=plain.shape)
    values = {"plain": plain.astype(np.float32)} | dict.fromkeys(("mask", "hardened"), mask.astype(np.float32))
    maps = {arm: Attribution(values[arm], "gradient", arm, "VSD", "picture_seen") for arm in ARMS}
    return replace(make_explanation(segmentation), attributions=maps), segmentation


def colour_at(picture: np.ndarray, film_size: tuple[int, int], row: int, col: int) -> tuple[int, ...]:
    scale = picture.shape[0] / film_size[0]
    return tuple(int(value) for value in picture[int((row + 0.5) * scale), int((col + 0.5) * scale)])


@pytest.mark.parametrize(
    ("film_size", "shown_size"), [((640, 560), (768, 672)), ((900, 700), (900, 700)), ((3000, 2400), (1024, 819))]
)
def test_pictures_have_a_longest_side_of_768_to_1024_px_and_the_films_shape(film_size, shown_size):
    picture = plots.plot_film(np.full(film_size, 0.6, np.float32))
    assert picture.dtype == np.uint8
    assert picture.shape == (*shown_size, 3)
    assert np.unique(picture).tolist() == [153]  # 0.6 * 255 = 153


def test_overlay_outlines_heart_and_lungs_and_leaves_the_report_alone(report):
    before = report.radiograph.pixels.copy()
    picture = plots.plot_overlay(report)
    for colour in (plots.HEART_COLOUR, plots.RIGHT_LUNG_COLOUR, plots.LEFT_LUNG_COLOUR, plots.WIDTH_COLOUR):
        assert (picture == colour).all(axis=2).sum() > 100
    assert np.array_equal(report.radiograph.pixels, before)
    assert np.array_equal(picture, plots.plot_overlay(report))


def test_the_patients_left_lung_is_outlined_on_the_right_of_the_picture(report):
    picture = plots.plot_overlay(report)
    cols = {
        name: np.flatnonzero((picture == colour).all(axis=2).any(axis=0)).mean()
        for name, colour in (("left", plots.LEFT_LUNG_COLOUR), ("right", plots.RIGHT_LUNG_COLOUR))
    }
    assert cols["left"] > picture.shape[1] / 2 > cols["right"]


def test_the_outlines_laid_over_the_film_are_the_outlined_film_without_widths(report):
    film, over = plots.plot_film(report.radiograph.pixels).astype(float), plots.plot_outlines(report).astype(float)
    alpha = over[..., 3:] / 255
    laid = over[..., :3] * alpha + film * (1 - alpha)
    off = np.abs(laid - plots.plot_overlay(report)).max(axis=2)
    # The viewer draws the widths by itself, so that they can be moved.
    rows, scale = np.arange(off.shape[0]), off.shape[0] / report.radiograph.pixels.shape[0]
    for row in (report.cardiothoracic.heart_row, report.cardiothoracic.thorax_row):
        off[np.abs(rows - row * scale) < 16 * scale] = 0
    # Each of up to four soft strokes over one another (rim, line, rim, line) rounds to whole gray values.
    assert off.max() <= 8
    assert (off > 2).mean() < 0.005
    assert (over[..., 3] == 0).mean() > 0.5
    assert (over[..., 3] == 255).sum() > 100


def test_unseen_pixels_are_striped_and_seen_ones_are_gray():
    seen = np.full(SIZE, 0.25, np.float32)
    seen[:100] = np.nan
    picture = plots.plot_picture_seen(seen, np.zeros(SIZE, bool))
    assert len(np.unique(picture[:250].reshape(-1, 3), axis=0)) == 2
    assert np.unique(picture[320:]).tolist() == [64]  # round(0.25 * 255) = round(63.75) = 64


def test_a_cut_picture_is_the_box_that_was_seen():
    seen, heart = np.full(SIZE, np.nan, np.float32), np.zeros(SIZE, bool)
    seen[20:120, 10:60] = 0.25
    picture = plots.plot_picture_seen(seen, heart, cut=True)
    assert picture.shape == (768, 384, 3)  # 100 x 50 px, the longer side enlarged to the least that is shown
    assert np.unique(picture).tolist() == [64]


def test_both_maps_share_one_scale():
    rows = np.linspace(0.0, 1.0, SIZE[0])[:, None] * np.ones(SIZE)
    explanation, segmentation = explanation_of(rows, 0.25 * rows)
    pair = plots.plot_model_maps(explanation, segmentation)
    # 99 % of the pixels are at most 0.98 in the stronger map and 0.25 in the other: with equal numbers of pixels,
    # 99.5 % of all lie below the stronger map's 99th percentile, 0.99.
    assert pair.scale_max == pytest.approx(0.99, abs=0.005)
    assert pair.peak_ratio["mask"] == pytest.approx(0.25 * pair.peak_ratio["plain"])
    same = colour_at(pair.pictures["plain"], SIZE, 64, 3), colour_at(pair.pictures["mask"], SIZE, 256, 3)
    assert np.abs(np.subtract(*same)).max() <= 4  # 64 / 256 of the scale in both; 4 gray values for the row's edge


@pytest.mark.parametrize(
    ("flat", "words"), [(np.zeros(SIZE), "flat"), (np.full(SIZE, 0.3), "flat"), (np.full(SIZE, np.nan), "no number")]
)
def test_a_flat_map_is_reported_and_never_stretched(flat, words):
    rng = np.random.default_rng(0)
    explanation, segmentation = explanation_of(flat, rng.random(SIZE))
    pair = plots.plot_model_maps(explanation, segmentation)
    assert words in pair.flat["plain"]
    assert "mask" not in pair.flat
    inner = pair.pictures["plain"][5:40, 5:40].reshape(-1, 3)
    assert len(np.unique(inner, axis=0)) == 2  # the two colours of the stripes


def test_two_flat_maps_have_no_scale():
    explanation, segmentation = explanation_of(np.zeros(SIZE), np.full(SIZE, np.nan))
    pair = plots.plot_model_maps(explanation, segmentation)
    assert set(pair.flat) == set(ARMS)
    assert np.isnan(pair.scale_max)


def test_a_map_over_the_film_is_as_opaque_as_it_is_strong():
    values = np.zeros((800, 600))
    values[:, 300:] = np.linspace(0.0, 1.0, 800)[:, None]
    values[:80] = np.nan
    explanation, segmentation = explanation_of(values, 0.5 * values)
    scale_max = plots.plot_model_maps(explanation, segmentation).scale_max
    overlays = plots.plot_map_overlays(explanation)
    assert overlays["plain"].shape == (400, 300, 4)
    for arm, share in (("plain", 1.0), ("mask", 0.5)):
        alpha = overlays[arm][..., 3]
        assert alpha[:39].max() == alpha[:, :149].max() == 0  # unseen, and zero
        # Row 200 is the mean of the film's rows 400 and 401; one gray value for its rounding.
        assert alpha[200, 200] == pytest.approx(255 * share * (400.5 / 799) / scale_max, abs=1)


def test_signed_numbers_are_laid_over_the_film_in_two_colours():
    ramp = np.linspace(-1.0, 1.0, 800)[:, None] * np.ones((800, 600))
    over = plots.plot_map_overlays(explanation_of(ramp, ramp)[0])["mask"].astype(int)
    assert over[0, 5, 2] > over[0, 5, 0]  # against the class: blue
    assert over[-1, 5, 0] > over[-1, 5, 2]  # for it: orange
    assert over[0, 5, 3] == over[-1, 5, 3] == 255
    assert over[200, 5, 3] < 3


def test_flat_maps_laid_over_the_film_are_clear():
    for flat in (np.full(SIZE, 0.3), np.full(SIZE, np.nan), np.zeros(SIZE)):
        overlays = plots.plot_map_overlays(explanation_of(flat, flat)[0])
        assert all(picture[..., 3].max() == 0 for picture in overlays.values())


def test_a_single_bright_pixel_in_an_empty_map_still_has_a_scale():
    lone = np.zeros(SIZE)
    lone[100, 20] = 2.0
    pair = plots.plot_model_maps(*explanation_of(lone, np.zeros(SIZE)))
    assert pair.scale_max == 2.0


def test_signed_maps_get_a_scale_symmetric_about_zero():
    ramp = np.linspace(-1.0, 1.0, SIZE[1])[None, :] * np.ones(SIZE)
    pair = plots.plot_model_maps(*explanation_of(ramp, ramp))
    assert pair.signed
    left, right = (colour_at(pair.pictures["plain"], SIZE, 5, col) for col in (2, SIZE[1] - 3))
    assert left[2] > left[0]  # against the class: blue
    assert right[0] > right[2]  # for the class: orange
    brightness = [int(stop[1:3], 16) + int(stop[5:7], 16) for stop in plots.colour_stops(signed=True, count=3)]
    assert brightness[1] < 40 < min(brightness[0], brightness[2])  # zero is nearly black


def test_pixels_beside_unseen_ones_keep_their_value():
    values = np.full(SIZE, 0.5)
    values[:, 100:] = np.nan
    values[0, 0] = 0.0
    pair = plots.plot_model_maps(*explanation_of(values, values))
    edge, inside = (colour_at(pair.pictures["plain"], SIZE, 20, col) for col in (98, 50))
    assert edge == inside


def test_masks_of_nothing_of_one_pixel_and_of_everything_can_be_drawn(report):
    for mask in (np.zeros(SIZE, bool), np.ones(SIZE, bool), np.eye(*SIZE, dtype=bool) & (np.arange(SIZE[1]) == 50)):
        assert plots.plot_picture_seen(np.full(SIZE, 0.5, np.float32), mask).shape[2] == 3


def test_shares_figure_holds_each_share_and_its_chance_line(report):
    explanation = report.explanation
    figure = json.loads(plots.plot_shares(explanation).to_json())
    kinds = {trace["type"] for trace in figure["data"]}
    assert kinds == {"bar", "scatter"}  # both unchanged between plotly.js 3, which gradio ships, and 4
    bars = [trace for trace in figure["data"] if trace["type"] == "bar"]
    ticks = [trace for trace in figure["data"] if trace.get("mode") == "markers"]
    for arm, bar, tick in zip(ARMS, bars, ticks, strict=True):
        assert bar["x"] == pytest.approx([100 * explanation.shares[arm].share[region] for region in REGIONS])
        assert tick["x"] == pytest.approx([100 * explanation.shares[arm].chance[region] for region in REGIONS])


def test_shares_that_are_not_a_number_are_left_out_in_words(report):
    unknown = RelevanceShare(dict.fromkeys(REGIONS, float("nan")), report.explanation.shares["plain"].chance)
    shares = {**report.explanation.shares, "plain": unknown}
    figure = plots.plot_shares(replace(report.explanation, shares=shares)).to_json()
    assert "not defined" in figure
    assert "NaN" not in figure
