import csv
from dataclasses import replace

import cv2
import numpy as np
import pytest

from heartviz.errors import DataError
from heartviz.measure import measure_cardiothoracic_ratio
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, picture
from train import simulate, warp
from train.signs import CLASSES, ContourBump, PlaceBump, draw_film, draw_severity
from train.simulate import Config, move_masks, simulate_film

MASKS = (HEART, LEFT_LUNG, RIGHT_LUNG)


def params(label="VSD", severity=0.8, group="both", seed=3):
    return draw_film(np.random.default_rng(seed), label, severity, group)


def quiet(label="Normal"):
    """A film to which nothing happens: no signs, jitter, controls or chance gain."""
    return replace(params(label, 0.0).without_signs(), jitter=(), controls=(), chance_vessel_gain=(1.0, 1.0))


def test_same_seed_gives_the_same_film():
    first, second = (simulate_film(picture(), *MASKS, params()) for _ in range(2))
    np.testing.assert_array_equal(first.picture, second.picture)
    np.testing.assert_array_equal(first.cause_mask, second.cause_mask)


def test_a_film_to_which_nothing_happens_stays_as_it_is():
    made = simulate_film(picture(), *MASKS, quiet())
    np.testing.assert_array_equal(made.heart_mask, HEART)
    # Cubic resampling at whole pixels gives back the film; stretching the contrast moved its gray values before.
    np.testing.assert_allclose(made.picture, simulate.stretch_contrast(picture()), atol=1e-5)


def test_normal_has_no_cause_and_still_moves():
    made = simulate_film(picture(), *MASKS, params("Normal", 0.0))
    assert not made.cause_mask.any()
    assert made.params.signs == ()
    assert np.abs(made.picture - simulate.stretch_contrast(picture())).max() > 0.05


def test_cause_is_where_the_film_differs_from_its_twin_without_signs():
    drawn = params("ASD", 0.9)
    made = simulate_film(picture(), *MASKS, drawn)
    twin = simulate_film(picture(), *MASKS, drawn.without_signs())
    np.testing.assert_array_equal(made.cause_mask, np.abs(made.picture - twin.picture) > 0.02)
    assert made.cause_mask.any()


def test_left_ventricle_moves_the_patients_left_border_out_and_no_other():
    bump = replace(quiet(), sign_bumps=(ContourBump(0, 0.1, outward_w=0.08),))
    heart, _, _ = move_masks(MASKS, bump)
    before, after = np.flatnonzero(HEART.any(axis=0)), np.flatnonzero(heart.any(axis=0))
    # The thorax is 190 px wide: 0.08 of it are 15 px, less what the fall-off takes at the moved border itself.
    assert 7 <= after[-1] - before[-1] <= 16
    assert abs(int(after[0]) - int(before[0])) <= 1


def test_ratio_grows_with_severity_for_vsd():
    ratios = []
    for severity in (0.0, 0.5, 1.0):
        means = []
        for seed in range(5):
            drawn = params("VSD", severity, "contour", seed)
            heart, left, right = move_masks(MASKS, drawn)
            means.append(measure_cardiothoracic_ratio(heart, left | right).ratio)
        ratios.append(np.mean(means))
    assert ratios[0] < ratios[1] < ratios[2]


@pytest.mark.parametrize("label", CLASSES[1:])
def test_film_and_twin_differ_only_about_the_signs(label):
    """Jitter and controls are not made weaker because signs are there: far from every sign nothing differs."""
    anatomy = warp.measure_anatomy(HEART, LEFT_LUNG | RIGHT_LUNG)
    for seed in range(8):
        drawn = params(label, 1.0, "contour", seed)
        differs = warp.displacement_field(anatomy, drawn)[0]
        differs = np.abs(differs - warp.displacement_field(anatomy, drawn.without_signs())[0]).max(axis=2)
        near = np.zeros(differs.shape, bool)
        for bump in drawn.sign_bumps:
            turn = np.abs((anatomy.angle_deg - bump.angle_deg + 180) % 360 - 180)
            away, _ = warp._weight_about(anatomy, anatomy.outline[turn.argmin()], bump.sigma_w)
            near |= np.hypot(*np.moveaxis(away, 2, 0)) < 4 * bump.sigma_w * anatomy.thorax[3]
        # exp(-8) of a displacement of at most 0.15 W, on a grid whose thorax is 95 px wide.
        assert differs[~near].max(initial=0) < 0.01


def test_controls_are_of_the_signs_size_and_smoothness():
    """As applied, after every limit: what signs and controls do on the film, not what was drawn."""
    anatomy = warp.measure_anatomy(HEART, LEFT_LUNG | RIGHT_LUNG)
    signs, controls, sign_slopes, control_slopes = [], [], [], []
    for seed in range(60):
        drawn = params(CLASSES[1 + seed % 3], draw_severity(np.random.default_rng(seed), "VSD"), "contour", seed)
        drawn = replace(drawn, jitter=())
        base = warp.displacement_field(anatomy, drawn.without_signs())[0]
        added = warp.displacement_field(anatomy, drawn)[0] - base
        for field, sizes, slopes in ((added, signs, sign_slopes), (base, controls, control_slopes)):
            sizes.append(np.hypot(*field.transpose(2, 0, 1)).max() / anatomy.thorax[3])
            slopes.append(np.abs(np.gradient(field, axis=(0, 1))).max())
    for applied, of_controls in ((signs, controls), (sign_slopes, control_slopes)):
        assert 0.6 < np.median(applied) / np.median(of_controls) < 1.6


def test_signs_are_hardly_ever_weakened():
    anatomy = warp.measure_anatomy(HEART, LEFT_LUNG | RIGHT_LUNG)
    for label in CLASSES[1:]:
        factors = [
            warp.displacement_field(
                anatomy, params(label, draw_severity(np.random.default_rng(seed), label), "both", seed)
            )[1]
            for seed in range(40)
        ]
        assert np.mean(factors) > 0.93, label


def test_fade_to_the_walls_does_not_jump():
    anatomy = warp.measure_anatomy(HEART, LEFT_LUNG | RIGHT_LUNG)
    steps = np.abs(np.diff(anatomy.wall_fade, axis=0)).max()
    # The fade is over a tenth of the thorax: 1.5 / (0.1 W) a grid pixel across, and walls slope less than 1 : 1.
    assert steps < 1.5 * 1.5 / (warp.WALL_FADE_W * anatomy.thorax[3])


def test_no_sign_is_left_at_severity_zero():
    for label in CLASSES:
        for seed in range(6):
            made = simulate_film(picture(), *MASKS, params(label, 0.0, "both", seed))
            assert not made.cause_mask.any()


def test_controls_leave_the_outline_where_it_is():
    controls = tuple(PlaceBump((x, 0.5), 0.065, shift_w=(0.05, 0.0)) for x in (0.2, 0.5, 0.8))
    heart, _, _ = move_masks(MASKS, replace(quiet(), controls=controls))
    # Within the 0.7 px of a grid cell's fade at the outline.
    assert (heart ^ HEART).sum() < 0.02 * HEART.sum()


@pytest.mark.parametrize("label", CLASSES)
def test_mapping_never_folds(label):
    anatomy = warp.measure_anatomy(HEART, LEFT_LUNG | RIGHT_LUNG)
    for seed in range(20):
        params = draw_film(np.random.default_rng(seed), label, 1.0, "both", 4.0)
        field, factor = warp.displacement_field(anatomy, params)
        assert warp._least_jacobian(field) >= 0.29
        assert 0 < factor <= 1


def test_vessel_gain_changes_lungs_only_and_keeps_their_mean_gray():
    drawn = replace(quiet(), vessel_gain=(2.0, 2.0))
    made = simulate_film(picture(), *MASKS, drawn)
    stretched = simulate.stretch_contrast(picture())
    change = made.picture - stretched
    lungs = (LEFT_LUNG | RIGHT_LUNG) & ~HEART
    inner = cv2.erode(lungs.astype(np.uint8), np.ones((15, 15))).astype(bool)
    far_from_lungs = ~cv2.dilate(lungs.astype(np.uint8), np.ones((41, 41))).astype(bool)
    assert np.abs(change[inner]).max() > 0.05
    assert np.abs(change[far_from_lungs]).max() < 1e-3
    assert abs(float(change[inner].mean())) < 0.01


def test_groups_carry_only_their_signs():
    contour, vessels = params("VSD", 0.9, "contour"), params("VSD", 0.9, "vessels")
    assert contour.sign_bumps
    assert contour.vessel_gain == (1.0, 1.0)
    assert not contour.vessel_bumps
    assert not vessels.sign_bumps
    assert params("Normal", 0.0).signs == ()


def test_severity_is_zero_for_normal_and_in_range_else():
    rng = np.random.default_rng(0)
    assert draw_severity(rng, "Normal") == 0.0
    assert all(0.35 <= draw_severity(rng, "TOF") <= 1.0 for _ in range(50))


@pytest.mark.parametrize(("label", "group"), [("PDA", "both"), ("VSD", "lungs")])
def test_unknown_class_or_group_is_refused(label, group):
    with pytest.raises(ValueError, match="Class must be one of"):
        draw_film(np.random.default_rng(0), label, 0.5, group)


def test_empty_masks_are_refused():
    with pytest.raises(DataError, match="mask is empty"):
        simulate_film(picture(), np.zeros_like(HEART), LEFT_LUNG, RIGHT_LUNG, params())


def test_command_writes_films_masks_causes_and_labels(tmp_path):
    folders = {name: tmp_path / name for name in ("films", "heart", "left_lung", "right_lung")}
    for name, image in zip(folders, (picture(), *MASKS), strict=True):
        folders[name].mkdir()
        cv2.imwrite(str(folders[name] / "one.png"), (image * 255).astype(np.uint8))
    (folders["films"] / "broken.png").write_bytes(b"not a picture")
    config = Config(*folders.values(), out=tmp_path / "out", seed=5)
    simulate.main(config)
    rows = list(csv.DictReader((tmp_path / "out" / "labels.csv").read_text().splitlines()))
    assert [row["class"] for row in rows] == list(CLASSES)
    assert {row["base_film"] for row in rows} == {"one.png"}
    for row in rows:
        for folder in ("png", "heart", "left_lung", "right_lung", "cause"):
            image = cv2.imread(str(tmp_path / "out" / folder / row["file"]), cv2.IMREAD_UNCHANGED)
            assert image.shape == HEART.shape
    first = (tmp_path / "out" / "png" / rows[1]["file"]).read_bytes()
    simulate.main(replace(config, out=tmp_path / "again"))
    assert (tmp_path / "again" / "png" / rows[1]["file"]).read_bytes() == first


def test_command_refuses_an_empty_folder(tmp_path):
    with pytest.raises(DataError, match="No film"):
        simulate.main(Config(tmp_path, tmp_path, tmp_path, tmp_path, tmp_path / "out"))
