import pytest

from heartviz.attribution import perturbation
from heartviz.attribution.methods import METHODS
from heartviz.masks import OUTSIDE_GRAY_RATIO
from heartviz.preprocess import CLASSIFIER_SIZE_PX
from heartviz.records import RelevanceShare
from heartviz.words import METHOD_WORDS, compare_with_limit, describe_shares


def share(heart: float) -> RelevanceShare:
    rest = (1 - heart) / 2
    return RelevanceShare(
        {"heart": heart, "lungs": rest, "elsewhere": rest}, {"heart": 0.2, "lungs": 0.4, "elsewhere": 0.4}
    )


@pytest.mark.parametrize(
    ("plain", "mask", "says"),
    [
        (0.2, 0.5, "lies more in the heart than"),
        (0.5, 0.2, "lies less in the heart than"),
        (0.3, 0.31, "lies in the heart about alike"),
    ],
)
def test_sentence_follows_the_shares(plain, mask, says):
    sentence = describe_shares({"plain": share(plain), "mask": share(mask)})
    assert says in sentence
    assert f"{100 * plain:.0f} % of its sensitivity in the heart" in sentence
    assert "does not yet prove" in sentence


def test_chance_is_called_chance():
    assert "about as much as its area (1.0 times chance)" in describe_shares({"plain": share(0.2), "mask": share(0.6)})


def test_a_zero_map_is_said():
    nothing = RelevanceShare({"heart": float("nan")}, {"heart": 0.2})
    assert "map of plain VGG16 is zero everywhere" in describe_shares({"plain": nothing, "mask": share(0.4)})


def test_film_gradients_are_not_compared():
    sentence = describe_shares({"plain": share(0.2), "mask": share(0.6)}, "film")
    # Gray outside the heart is multiplied by 0.2, and so is the gradient: a fifth.
    assert round(1 / OUTSIDE_GRAY_RATIO, 6) == 5
    assert "five times smaller outside the heart by construction" in sentence
    assert "lies more" not in sentence


def test_every_method_has_words_that_name_its_own_numbers():
    assert set(METHOD_WORDS) == set(METHODS)
    assert f"{perturbation.SMOOTHGRAD_SAMPLES} noisy copies" in METHOD_WORDS["smoothgrad"].says
    patch = f"{perturbation.PATCH_PX} x {perturbation.PATCH_PX} px of the network's"
    assert f"{patch} {CLASSIFIER_SIZE_PX} x {CLASSIFIER_SIZE_PX}" in METHOD_WORDS["occlusion_patch"].says
    assert f"{CLASSIFIER_SIZE_PX // 16} x {CLASSIFIER_SIZE_PX // 16} fields" in METHOD_WORDS["grad_cam"].says


def test_a_heart_share_that_speaks_against_the_class_is_not_told_as_if_for_it():
    shares = {"plain": share(0.56), "mask": share(0.4)}
    sentence = describe_shares(shares, method="grad_cam", positive={"plain": share(0.01), "mask": share(0.4)})
    assert "56 % of its activation in the heart" in sentence
    assert sentence.count("of what speaks for the class") == 1
    assert "(of what speaks for the class 1 %)" in sentence


@pytest.mark.parametrize(
    ("ratio", "digits", "said"),
    [
        (0.5049, 2, "0.50 is not above 0.50"),
        (0.5051, 2, "0.51 is above 0.50"),
        (0.5004, 3, "0.500 is not above 0.50"),
        (0.501, 3, "0.501 is above 0.50"),
        (0.4, 2, "0.40 is not above 0.50"),
    ],
)
def test_a_ratio_is_compared_as_it_is_shown(ratio, digits, said):
    assert compare_with_limit(ratio, digits) == said
