"""Bayes' rule, and the paper's slip in it."""

import math

import pytest

from heartviz.bayes import predict_values


def test_papers_example_and_its_slip():
    # Paper equation 1: sensitivity and specificity 0.8, prevalence 0.0074.
    right = 0.00592 / (0.00592 + 0.2 * 0.9926)
    assert predict_values(0.8, 0.8, 0.0074).positive == pytest.approx(right, rel=1e-12)
    assert f"{100 * right:.2f}" == "2.90"
    # The paper's digits, 0.02874903, come out when the healthy's share 0.9926 is left out.
    slip = 0.00592 / (0.00592 + 0.2)
    assert slip == pytest.approx(0.02874903, abs=1e-8)


def test_counts_of_a_thousand_films():
    # 100 of 1000 ill: 90 found, 10 missed; of 900 healthy 810 cleared, 90 false alarms.
    values = predict_values(0.9, 0.9, 0.1)
    assert values.positive == pytest.approx(90 / 180)
    assert values.negative == pytest.approx(810 / 820)


def test_edges():
    assert predict_values(0.7, 0.7, 0.0).positive == 0.0
    assert predict_values(0.7, 0.7, 1.0).positive == 1.0
    never_positive = predict_values(0.0, 1.0, 0.3)
    assert math.isnan(never_positive.positive)
    assert never_positive.negative == pytest.approx(0.7)


@pytest.mark.parametrize("name", ["sensitivity", "specificity", "prevalence"])
@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_values_outside_0_to_1_are_refused(name, value):
    given = {"sensitivity": 0.8, "specificity": 0.8, "prevalence": 0.1} | {name: value}
    with pytest.raises(ValueError, match=f"{name} is {value}; it must lie between 0 and 1"):
        predict_values(**given)
