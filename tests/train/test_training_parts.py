"""Splits, augmentation, losses, metrics, calibration, config and the loop, each on numbers worked by hand."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from heartviz.errors import DataError
from heartviz.measure import bootstrap_interval
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, picture
from train.augment import AffineParams, apply_affine, apply_gray, draw_affine, draw_gray
from train.calibrate import choose_operating_point, fit_temperature
from train.classifier import group_weights
from train.config import describe_config, parse_config, run_script
from train.folds import draw_splits, films_of, read_splits, write_splits
from train.loop import train_epochs
from train.losses import dice_and_cross_entropy
from train.metrics import average_surface_distance, count_parts, dice, hausdorff95, jaccard
from train.sources import Film
from train.sources.ctr512 import read_films


def films(count: int = 50) -> list[Film]:
    """Two films of each patient, two sources."""
    return [
        Film(f"{source}/{number}", source, f"{source}/p{number // 2}", Path(f"{number}.png"))
        for source in ("a", "b")
        for number in range(count)
    ]


def test_a_patient_of_two_sources_is_in_one_split():
    own = films()
    shared = [replace(film, patient_id=f"p{number % 50 // 2}") for number, film in enumerate(own)]
    splits = draw_splits(shared, seed=1)
    for patient in {film.patient_id for film in shared}:
        of_patient = [film for film in shared if film.patient_id == patient]
        assert {film.source for film in of_patient} == {"a", "b"}
        assert len({splits[film.film_id] for film in of_patient}) == 1
    # who is in one source only is drawn as before
    assert {i: split for i, split in draw_splits(own, seed=1).items() if i[0] == "a"} == {
        i: split for i, split in splits.items() if i[0] == "a"
    }


def test_no_patient_is_in_two_splits_and_parts_are_as_stated(tmp_path):
    splits = draw_splits(films(), seed=1)
    for patient in {film.patient_id for film in films()}:
        assert len({splits[film.film_id] for film in films() if film.patient_id == patient}) == 1
    # 25 patients a source: bounds 17.5, 20, 25 round to 18, 20, 25, so 18, 2 and 5 patients of two films.
    for source in ("a", "b"):
        of_source = [film for film in films() if film.source == source]
        counts = [len(films_of(of_source, splits, split)) for split in ("train", "validation", "test")]
        assert counts == [36, 4, 10]
    write_splits(splits, tmp_path / "splits.csv")
    assert read_splits(tmp_path / "splits.csv") == splits
    assert draw_splits(films(), seed=1) == splits
    assert draw_splits(films(), seed=2) != splits


def test_a_film_that_the_splits_do_not_know_is_refused():
    with pytest.raises(DataError, match="not in the split file"):
        films_of(films(), {}, "train")


def test_missing_data_says_where_to_get_it(tmp_path):
    with pytest.raises(DataError, match="cardiothoracic_ratio_estimation_dataset"):
        read_films(tmp_path)


def test_mirrored_film_swaps_the_lungs():
    mirror = AffineParams(rotation_deg=0.0, scale=(1.0, 1.0), shift=(0.0, 0.0), mirrored=True)
    moved, masks = apply_affine(mirror, picture(), np.stack([HEART, LEFT_LUNG, RIGHT_LUNG]))
    np.testing.assert_allclose(moved, picture()[:, ::-1], atol=1e-4)
    np.testing.assert_array_equal(masks[1], RIGHT_LUNG[:, ::-1])
    np.testing.assert_array_equal(masks[2], LEFT_LUNG[:, ::-1])


def test_shift_is_by_rows_then_cols():
    shift = AffineParams(rotation_deg=0.0, scale=(1.0, 1.0), shift=(10 / 301, -4 / 257), mirrored=False)
    _, masks = apply_affine(shift, picture(), np.stack([HEART, LEFT_LUNG, RIGHT_LUNG]))
    np.testing.assert_array_equal(masks[0][10:, :-4], HEART[:-10, 4:])


def test_drawn_changes_can_be_made_again_and_stay_in_range():
    for seed in range(10):
        first, second = (apply_gray(draw_gray(np.random.default_rng(seed)), picture()) for _ in range(2))
        np.testing.assert_array_equal(first, second)
        assert first.min() >= 0.0
        assert first.max() <= 1.0
        assert draw_affine(np.random.default_rng(seed)) == draw_affine(np.random.default_rng(seed))


def test_affine_kinds_switched_off_leave_the_others_as_drawn():
    for seed in range(30):
        drawn = draw_affine(np.random.default_rng(seed), mirror_probability=0.5)
        still = draw_affine(np.random.default_rng(seed), mirror_probability=0.5, kinds=())
        assert still == AffineParams(rotation_deg=0.0, scale=(1.0, 1.0), shift=(0.0, 0.0), mirrored=False)
        without = draw_affine(np.random.default_rng(seed), mirror_probability=0.5, kinds=("rotation", "symmetry"))
        assert (without.rotation_deg, without.mirrored) == (drawn.rotation_deg, drawn.mirrored)
        assert without.scale == (1.0, 1.0)


def test_dice_by_hand():
    first, second = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    first[0, :3] = True
    second[0, 1:] = True  # two shared of three each: 2 * 2 / 6
    assert dice(first, second) == pytest.approx(2 / 3)
    assert jaccard(first, second) == pytest.approx(2 / 4)
    assert np.isnan(dice(first & False, second & False))


def test_hausdorff_of_shifted_squares_is_the_shift():
    first, second = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    first[10:20, 10:20] = True
    second[10:20, 14:24] = True
    assert hausdorff95(first, second) == pytest.approx(4.0)
    assert hausdorff95(first, first) == 0.0
    assert np.isnan(hausdorff95(first, first & False))


def test_surface_distance_of_nested_squares_by_hand():
    inner, outer = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    inner[15:20, 15:20] = True
    outer[14:21, 14:21] = True
    # Outlines of 16 and 24 pixels, one apart; the outer four corners are sqrt(2) from the inner corners.
    expected = (16 * 1 + 20 * 1 + 4 * np.sqrt(2)) / 40
    assert average_surface_distance(inner, outer) == pytest.approx(expected, abs=1e-5)  # float32
    assert np.isnan(average_surface_distance(inner, inner & False))


def test_parts_that_touch_at_a_corner_are_one():
    mask = np.zeros((6, 7), bool)
    mask[1, 1] = mask[2, 2] = mask[5, 6] = True
    assert count_parts(mask) == 2
    assert count_parts(mask & False) == 0


def test_interval_holds_the_mean_and_shrinks_with_n():
    rng = np.random.default_rng(0)
    few, many = rng.normal(size=20), rng.normal(size=2000)
    low, high = bootstrap_interval(many)
    assert low < many.mean() < high
    assert high - low < np.subtract(*bootstrap_interval(few)[::-1])


def test_perfect_mask_has_hardly_any_loss_and_a_wrong_one_much():
    target = torch.zeros(1, 1, 8, 8)
    target[..., :4] = 1
    good = dice_and_cross_entropy(40 * (target - 0.5), target)
    bad = dice_and_cross_entropy(-40 * (target - 0.5), target)
    assert good < 1e-3
    assert bad > 1.9  # soft Dice 1 / 65 at most, and cross-entropy 20


def test_temperature_of_overconfident_logits_is_found():
    # Half the answers right at logit 4 against 0: the best temperature makes p = 0.75 for 3 right of 4.
    logits = torch.tensor([[4.0, 0.0]] * 4)
    labels = torch.tensor([0, 0, 0, 1])
    assert fit_temperature(logits, labels) == pytest.approx(4 / np.log(3.0), rel=1e-3)


def test_operating_point_lies_between_the_classes():
    probabilities = np.array([0.1, 0.2, 0.3, 0.6, 0.7])
    assert choose_operating_point(probabilities, torch.tensor([0, 0, 0, 1, 1])) == pytest.approx(0.45)


def test_within_a_source_every_class_weighs_the_same():
    labels = torch.tensor([0.0, 0, 0, 1, 0, 1, 1, 1])
    sources = torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 1])
    weights = group_weights(labels, sources)
    for source in (0, 1):
        sums = [weights[(labels == label) & (sources == source)].sum() for label in (0, 1)]
        assert sums[0] == pytest.approx(float(sums[1]))


@dataclass(frozen=True)
class Options:
    """Options of a test."""

    folder: Path = field(metadata={"help": "a folder"})
    sizes: tuple[int, ...] = field(default=(1, 2), metadata={"help": "sizes"})
    weights: Path | None = None
    fast: bool = False


def test_flags_are_made_from_the_dataclass():
    options = parse_config(Options, ["--folder", "x", "--sizes", "3", "4", "5", "--fast"])
    assert options == Options(folder=Path("x"), sizes=(3, 4, 5), weights=None, fast=True)


def test_no_folder_of_this_machine_is_written_down():
    @dataclass(frozen=True)
    class Flags:
        data: Path
        more: tuple[Path, ...]
        films: tuple[str, ...]
        size_px: int = 3

    flags = Flags(Path("/home/me/films"), (Path("/home/me/a"), Path("b/c")), ("nih14=/home/me/nih", "both"))
    told = {"data": "films", "more": ["a", "c"], "films": ["nih14=nih", "both"], "size_px": 3}
    assert describe_config(flags) == told


def test_loop_learns_and_resumes_to_the_same_weights(tmp_path):
    inputs = torch.linspace(-1, 1, 64)[:, None]

    def run(folder, epochs, total):
        torch.manual_seed(0)
        model = nn.Linear(1, 1)

        def loss(network, batch):
            return ((network(batch[0]).float() - 3 * batch[0] - 1) ** 2).mean()

        return train_epochs(
            model,
            [{"params": list(model.parameters()), "lr": 0.1}],
            lambda epoch, shard, shards: [(part,) for part in inputs.split(16)],
            loss,
            epochs=epochs,
            steps_per_epoch=4 * total // epochs,
            run_folder=folder,
            key="one",
            ema_decay=0.9,
        )

    whole = run(tmp_path / "whole", 60, 60)
    run(tmp_path / "parts", 30, 60)  # stopped half way: the schedule is that of 60 epochs
    resumed = run(tmp_path / "parts", 60, 60)
    # bfloat16 keeps eight bits: the fit is good to about one part in a hundred.
    assert abs(whole.weight.item() - 3) < 0.1
    assert abs(whole.bias.item() - 1) < 0.1
    torch.testing.assert_close(resumed.weight, whole.weight)
    torch.testing.assert_close(resumed.bias, whole.bias)


def test_a_path_that_is_not_there_gets_a_sentence_and_status_2(monkeypatch, capsys, tmp_path):
    @dataclass(frozen=True)
    class Paths:
        """Reads a file."""

        splits: Path = field(metadata={"help": "a file"})

    monkeypatch.setattr("sys.argv", ["script", "--splits", str(tmp_path / "none.csv")])
    with pytest.raises(SystemExit) as ended:
        run_script(lambda config: read_splits(config.splits), Paths)
    assert ended.value.code == 2
    assert "none.csv: No such file or directory. Check the path that was given" in capsys.readouterr().err
