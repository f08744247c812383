"""Outlines from two marked rows: on drawn chests, to a file and back, and refused in words where there is no heart."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from heartviz.errors import DataError
from heartviz.phantom import draw_chest
from train.contours import Config, main, trace_heart
from train.measure_contours import Config as MeasureConfig
from train.measure_contours import main as measure
from train.metrics import dice
from train.polygons import polygon_to_mask, read_polygon, write_polygon

SIZE = (301, 257)


def rows_of(mask: np.ndarray) -> tuple[int, int]:
    first, last = np.flatnonzero(mask.any(axis=1))[[0, -1]]
    return int(first), int(last)


@pytest.fixture(scope="module")
def chest() -> tuple[np.ndarray, np.ndarray]:
    picture, heart_mask, _, _ = draw_chest(seed=3, size=SIZE)
    return picture, heart_mask


@pytest.mark.parametrize(
    ("seed", "heart_scale", "size"),
    [(0, 1.0, (301, 257)), (1, 1.35, (301, 257)), (2, 0.85, (200, 231)), (3, 1.0, (640, 560)), (4, 1.1, (127, 110))],
)
def test_drawn_hearts_are_outlined(seed, heart_scale, size):
    picture, heart_mask, _, _ = draw_chest(seed, heart_scale, size)
    trace = trace_heart(picture, *rows_of(heart_mask))
    assert dice(trace.mask, heart_mask) > 0.8
    # The largest heart is some 190 rows, worked on at 128: a row there is 1.5 here, and the arcs may miss by two.
    np.testing.assert_allclose(rows_of(trace.mask), rows_of(heart_mask), atol=3)


@pytest.mark.parametrize("change_fn", [lambda film: 0.3 + 0.2 * film, np.sqrt, np.square])
def test_the_threshold_follows_the_film(chest, change_fn):
    picture, heart_mask = chest
    assert dice(trace_heart(change_fn(picture), *rows_of(heart_mask)).mask, heart_mask) > 0.8


def test_every_step_is_a_picture_of_the_films_size_that_cannot_be_written(chest):
    picture, heart_mask = chest
    before = picture.copy()
    trace = trace_heart(picture, *rows_of(heart_mask))
    assert list(trace.steps) == ["contrast", "binarised", "lungs", "closed off", "chosen area", "polygon"]
    for step in trace.steps.values():
        assert step.shape == SIZE
        assert step.dtype == np.float32
        assert step.min() >= 0.0
        assert step.max() <= 1.0
    for array in (trace.polygon, trace.mask, *trace.steps.values()):
        assert not array.flags.writeable
    assert picture.flags.writeable
    np.testing.assert_array_equal(picture, before)


def test_polygon_goes_to_a_file_and_back(chest, tmp_path):
    picture, heart_mask = chest
    trace = trace_heart(picture, *rows_of(heart_mask))
    write_polygon(tmp_path / "film.txt", trace.polygon)
    # Two decimals are written: half a hundredth of a pixel is lost.
    np.testing.assert_allclose(read_polygon(tmp_path / "film.txt"), trace.polygon, atol=0.0051)
    np.testing.assert_array_equal(polygon_to_mask(trace.polygon, SIZE), trace.mask)


def test_the_file_holds_x_before_y_and_the_mask_rows_before_cols(tmp_path):
    (tmp_path / "box.txt").write_text("2 1\n6 1\n6 3\n2 3\n\n")
    polygon = read_polygon(tmp_path / "box.txt")
    np.testing.assert_array_equal(polygon, [[1, 2], [1, 6], [3, 6], [3, 2]])
    expected = np.zeros((5, 9), bool)
    expected[1:4, 2:7] = True  # rows 1 to 3 and cols 2 to 6, the outline's own pixels included
    np.testing.assert_array_equal(polygon_to_mask(polygon, (5, 9)), expected)
    with pytest.raises(DataError, match="the film is 9 x 5 px"):
        polygon_to_mask(polygon, (9, 5))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"1 2\n3 4\n", "2 vertices"),
        (b"1 2\n3 4 5\n6 7\n", 'line 2 is "3 4 5"'),
        (b"1 2\n3 x\n6 7\n", 'line 2 is "3 x"'),
        (b"1 2\n3 nan\n6 7\n", 'line 2 is "3 nan"'),
        (b"\xff\xfe1", "cannot be read as text"),
        (None, "cannot be read as text"),
    ],
)
def test_a_malformed_outline_is_refused(tmp_path, content, words):
    if content is not None:
        (tmp_path / "bad.txt").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_polygon(tmp_path / "bad.txt")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((220, 130), "must lie in 0..300"),
        ((-4, 130), "must lie in 0..300"),
        ((200, 301), "must lie in 0..300"),
        ((130, 140), "10 rows apart"),
        ((10, 290), "280 rows apart"),
        ((15, 100), "no heart's"),  # across the neck and shoulders
        ((230, 300), "lung|heart"),  # across the abdomen
    ],
)
def test_rows_that_hold_no_heart_are_refused(chest, rows, words):
    with pytest.raises(DataError, match=words):
        trace_heart(chest[0], *rows)


def test_films_without_a_heart_are_refused(chest):
    picture, heart_mask = chest
    rows = rows_of(heart_mask)
    with pytest.raises(DataError, match="one gray value"):
        trace_heart(np.full(SIZE, 0.5, np.float32), *rows)
    with pytest.raises(DataError, match="gray values"):
        trace_heart(np.stack([picture] * 3), *rows)
    noise = np.random.default_rng(0).random(SIZE, np.float32)
    for film in (1.0 - picture, picture[::-1].copy(), picture.T.copy(), noise, np.roll(picture, 100, axis=1)):
        with pytest.raises(DataError, match="lung|heart|rows"):
            trace_heart(film, *rows)


def write_film(path: Path, picture: np.ndarray) -> None:
    cv2.imwrite(str(path), np.round(picture * 255).astype(np.uint8))


def test_the_command_outlines_what_it_can_and_lists_the_rest(chest, tmp_path, capsys):
    picture, heart_mask = chest
    films, out = tmp_path / "films", tmp_path / "out"
    (films / "again").mkdir(parents=True)
    for name, film in (("a.png", picture), ("flat.png", np.full(SIZE, 0.5)), ("again/a.png", picture)):
        write_film(films / name, film)
    upper, lower = rows_of(heart_mask)
    table = [f"{name},{upper},{lower}" for name in ("a.png", "flat.png", "gone.png", "again/a.png")]
    (tmp_path / "bounds.csv").write_text("\n".join(["file,upper_row,lower_row", *table, "b.png,high,low"]))
    main(Config(films, tmp_path / "bounds.csv", out))
    mask = cv2.imread(str(out / "masks" / "a.png"), cv2.IMREAD_GRAYSCALE) > 0
    assert dice(mask, heart_mask) > 0.8
    assert dice(polygon_to_mask(read_polygon(out / "a.txt"), SIZE), mask) > 0.99
    printed = capsys.readouterr().out
    assert "1 of 5 films outlined, 4 failures." in printed
    failures = (out / "failures.csv").read_text()
    for name, reason in (("flat", ""), ("gone", ""), ("again/a", "named a too"), ("b", "two whole numbers")):
        assert f"{name}.png," in failures
        assert reason in failures
    assert sorted(path.name for path in out.rglob("*.*")) == ["a.png", "a.txt", "config.json", "failures.csv"]


@pytest.mark.parametrize("content", ["file,upper,lower\na.png,1,2\n", "file,upper_row,lower_row\n", None])
def test_a_table_of_another_kind_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "bounds.csv").write_text(content)
    with pytest.raises(DataError, match="bounds.csv (needs|cannot be read)"):
        main(Config(tmp_path, tmp_path / "bounds.csv", tmp_path / "out"))


def test_the_measure_counts_failures_and_scores_the_rest(chest, tmp_path, capsys):
    picture, heart_mask = chest
    for kind in ("png", "mask/heart", "mask/left_lung", "mask/right_lung"):
        (tmp_path / "jsrt" / kind).mkdir(parents=True)
        for name in ("good.png", "inverted.png"):
            film = 1.0 - picture if name == "inverted.png" else picture
            write_film(tmp_path / "jsrt" / kind / name, film if kind == "png" else heart_mask.astype(np.float32))
    (tmp_path / "splits.csv").write_text("film_id,split\njsrt/good,test\njsrt/inverted,test\n")
    measure(MeasureConfig(tmp_path, tmp_path / "splits.csv"))
    measured = json.loads(capsys.readouterr().out)["sources"]["jsrt"]
    assert (measured["n"], measured["failures"], list(measured["reasons"])) == (2, 1, ["jsrt/inverted"])
    assert measured["dice_median"] > 0.8
