"""The gate's checks on drawn masks: what passes, what is warned of, what is refused and in which words."""

from dataclasses import replace

import numpy as np
import pytest

from heartviz.errors import GateError
from heartviz.gate import (
    CHECKS,
    CORRECTIONS,
    apply_correction,
    ask_corrected,
    check_ratio,
    judge_film,
    judge_unreadable,
)
from heartviz.gate import first_refusal as refusal_of
from heartviz.measure import measure_cardiothoracic_ratio
from heartviz.records import CardiothoracicRatio, Radiograph, Segmentation
from tests.chest import HEART, LEFT_LUNG, RIGHT_LUNG, picture
from tests.limits import LIMITS

LOWER_HALF = np.arange(301)[:, None] > 150


def segmentation(certainty: float = 0.97, **masks) -> Segmentation:
    masks = {"heart": HEART, "left_lung": LEFT_LUNG, "right_lung": RIGHT_LUNG} | masks
    probs = {f"{name}_prob": mask.astype(np.float32) * np.float32(certainty) for name, mask in masks.items()}
    found = {f"{name}_mask": mask for name, mask in masks.items()}
    return Segmentation(**probs, **found, lateral_prob=0.1, chest_distance=0.6)


def judge(found: Segmentation, gray=None, film: Radiograph | None = None):
    gray = picture() if gray is None else gray
    whole = all(mask.any() for mask in (found.heart_mask, found.left_lung_mask, found.right_lung_mask))
    ratio = measure_cardiothoracic_ratio(found.heart_mask, found.lungs_mask) if whole else None
    return judge_film(film or Radiograph(gray), gray, found, ratio, LIMITS)


def verdicts(checks) -> dict[str, str]:
    return {check.name: check.verdict for check in checks}


def refused_by(found: Segmentation, gray=None, film: Radiograph | None = None) -> tuple[str, str]:
    refusal = refusal_of(judge(found, gray, film))
    assert refusal is not None
    return refusal.name, refusal.sentence


def test_a_chest_passes_every_check_in_order():
    checks = judge(segmentation(), film=Radiograph(picture(), adult=True))
    assert [check.name for check in checks] == list(CHECKS)
    # The drawn chest is smaller than what the models look at, and has some 26 gray levels.
    assert verdicts(checks) == dict.fromkeys(CHECKS, "passed") | {"exposure": "warned"}


def test_checks_after_a_refusal_are_not_reached():
    checks = judge(replace(segmentation(), chest_distance=1.01))
    assert verdicts(checks) == {
        "readable": "passed",
        "chest": "refused",
        **dict.fromkeys(("frontal", "upright", "exposure", "anatomy", "age"), "not reached"),
    }
    assert "does not look like a chest film: it is 1.0 times as unlike" in refusal_of(checks).sentence
    assert verdicts(judge_unreadable("The file is empty."))["readable"] == "refused"
    assert verdicts(judge_unreadable("The file is empty."))["age"] == "not reached"


def test_a_film_taken_from_the_side_is_refused_as_one():
    name, words = refused_by(replace(segmentation(), lateral_prob=0.51))
    assert (name, "frontal chest film: it looks like one taken from the side" in words) == ("frontal", True)
    # It lies further from the training films, and is still told as what it is.
    assert refused_by(replace(segmentation(), lateral_prob=0.9, chest_distance=1.5))[0] == "frontal"
    assert refused_by(replace(segmentation(), lateral_prob=0.9, chest_distance=1.7))[0] == "chest"
    assert refusal_of(judge(replace(segmentation(), lateral_prob=0.49))) is None


def test_missing_parts_are_named():
    empty = np.zeros_like(HEART)
    checks = judge(segmentation(heart=empty, right_lung=empty))
    assert verdicts(checks)["upright"] == "unknown"
    assert "no heart and no patient's right lung was found" in refusal_of(checks).sentence


@pytest.mark.parametrize(
    ("masks", "reason"),
    [
        ({"heart": np.ones_like(HEART)}, "too large"),
        ({"heart": HEART & (np.arange(257) == 150)}, "too small"),
        ({"right_lung": RIGHT_LUNG & (np.arange(301)[:, None] > 205)}, "one lung is far larger"),
    ],
)
def test_implausible_sizes_are_refused(masks, reason):
    found = segmentation(**masks)
    ratio = measure_cardiothoracic_ratio(found.heart_mask, found.lungs_mask)
    from heartviz.gate.anatomy import check_anatomy

    check = check_anatomy(found, ratio, LIMITS)
    assert (check.verdict, reason in check.sentence) == ("refused", True)


def test_uncertain_outlines_are_refused():
    assert "taken for the heart is too unlike one, or is hidden" in refused_by(segmentation(certainty=0.6))[1]


def test_a_heart_in_several_parts_is_refused():
    found = segmentation()
    stray = found.heart_prob.copy()
    stray[:60, 60:200] = 0.9  # 8400 px beside the heart's 7500
    assert "heart lies in several parts" in refused_by(replace(found, heart_prob=stray))[1]


def shifted(mask, rows, cols=0):
    return np.roll(mask, (rows, cols), axis=(0, 1))


@pytest.mark.parametrize(
    ("masks", "reason"),
    [
        ({"left_lung": RIGHT_LUNG, "right_lung": LEFT_LUNG}, "left lung was found on the left of the picture"),
        ({"left_lung": LEFT_LUNG & LOWER_HALF, "right_lung": RIGHT_LUNG & ~LOWER_HALF}, "do not lie side by side"),
        ({"heart": shifted(HEART, -110)}, "not found low between the two lungs"),
        ({"heart": shifted(HEART, 0, 70)}, "not found low between the two lungs"),
    ],
)
def test_parts_out_of_place_are_refused(masks, reason):
    name, words = refused_by(segmentation(**masks))
    assert (name, reason in words) == ("upright", True)


def test_an_inverted_film_is_refused():
    assert "looks inverted" in refused_by(segmentation(), 1 - picture())[1]


def test_a_heart_on_the_right_is_warned_of():
    mirrored = {"heart": HEART[:, ::-1], "left_lung": RIGHT_LUNG[:, ::-1], "right_lung": LEFT_LUNG[:, ::-1]}
    checks = judge(segmentation(**mirrored), np.ascontiguousarray(picture()[:, ::-1]))
    assert verdicts(checks)["upright"] == "warned"
    assert any("situs inversus" in check.sentence for check in checks)


def test_ratio_is_passed_warned_of_or_refused():
    usual = CardiothoracicRatio(0.48, (10, 57), 5, (0, 99), 3)
    assert check_ratio(usual, LIMITS).verdict == "passed"
    assert "unusual" in check_ratio(replace(usual, ratio=0.82), LIMITS).sentence
    assert check_ratio(replace(usual, ratio=0.95), LIMITS).verdict == "refused"
    assert "came out as 0.95" in check_ratio(replace(usual, ratio=0.95), LIMITS).sentence


@pytest.mark.parametrize(
    ("change", "verdict", "reason"),
    [
        (lambda gray: np.where(gray > 0.3, 1.0, gray), "warned", "plain white"),  # heart: a third of both
        (lambda gray: np.where(gray > 0.15, 1.0, gray), "refused", "plain white: the exposure cut them off"),
        (lambda gray: 0.5 + 0.01 * gray, "refused", "far too bright"),
        (lambda gray: 0.3 + 0.01 * gray, "refused", "far too dark"),
        (lambda gray: np.round(gray * 6) / 6, "refused", "gray levels: too few"),
    ],
)
def test_exposure_that_hides_heart_and_lungs(change, verdict, reason):
    film = Radiograph(change(picture()).astype(np.float32))
    check = next(check for check in judge(segmentation(), film=film) if check.name == "exposure")
    assert (check.verdict, reason in check.sentence) == (verdict, True), check


def test_a_childs_film_is_warned_of_and_an_age_not_given_is_said():
    told = {adult: judge(segmentation(), film=Radiograph(picture(), adult=adult))[-1] for adult in (True, False, None)}
    assert {adult: check.verdict for adult, check in told.items()} == {True: "passed", False: "warned", None: "unknown"}
    assert all("learnt from films of adults" in check.sentence for check in told.values())


@pytest.mark.parametrize(
    ("asked", "offered", "instead"),
    [
        ("turn_half", "turn_half", ""),
        ("turn_left", "turn_right", ""),
        ("turn_left", "turn_left", "turn_half"),
        ("invert", "invert_turn_left", "turn_left"),
        ("turn_half", "invert_turn_left", "invert_turn_right"),
        ("mirror", "turn_half", None),
    ],
)
def test_a_correction_that_needs_another_is_answered_with_what_does_both(asked, offered, instead):
    film = Radiograph(np.random.default_rng(0).random((7, 5), np.float32))
    seen = []

    def ask(given: Radiograph) -> str:
        seen.append(given)
        if len(seen) == 1:
            raise GateError("It lies.", offer=offered)
        return "asked twice"

    with pytest.raises(
        GateError, match="It lies" if instead is None else f"After the correction '{asked}' it "
    ) as told:
        ask_corrected(film, asked, ask)
    both = apply_correction(apply_correction(film, asked), offered)
    if instead is not None:
        once = apply_correction(film, instead) if instead else film
        np.testing.assert_allclose(once.pixels, both.pixels, atol=1e-7)
        assert told.value.offer == instead
        assert str(told.value).endswith(f"ask for '{instead}' instead." if instead else "ask without a correction.")
    # As offered, the film is put right at once.
    seen.clear()
    assert ask_corrected(film, "offered", ask) == "asked twice"
    np.testing.assert_array_equal(seen[1].pixels, apply_correction(film, offered).pixels)


def test_corrections_undo_what_was_done_to_a_film():
    film = Radiograph(picture(), spacing_mm=(0.2, 0.1))
    done = {
        "turn_half": film.pixels[::-1, ::-1],
        "turn_left": np.rot90(film.pixels, 3),
        "turn_right": np.rot90(film.pixels, 1),
        "mirror": film.pixels[:, ::-1],
    }
    for name, pixels in done.items():
        corrected = apply_correction(replace(film, pixels=np.ascontiguousarray(pixels)), name)
        np.testing.assert_array_equal(corrected.pixels, film.pixels)
        if not name.startswith("mirror"):
            inverted = apply_correction(replace(film, pixels=np.ascontiguousarray(1 - pixels)), f"invert_{name}")
            # 1 - (1 - x) in float32
            np.testing.assert_allclose(inverted.pixels, film.pixels, atol=1e-7)
        assert corrected.spacing_mm == ((0.1, 0.2) if CORRECTIONS[name].quarter_turns % 2 else (0.2, 0.1))
        assert "corrected before it was analysed" in corrected.messages[-1]
        assert corrected.description.startswith("array, before it was corrected (")
    with pytest.raises(ValueError, match="Unknown correction 'upright'"):
        apply_correction(film, "upright")
