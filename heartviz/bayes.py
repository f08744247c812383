"""What a test's answer means at a prevalence: Bayes' rule (paper equation 1)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PredictiveValues:
    """Chance of disease after a positive answer (`positive`), and of no disease after a negative one (`negative`).

    Each is NaN where the test never gives that answer.
    """

    positive: float
    negative: float


def predict_values(sensitivity: float, specificity: float, prevalence: float) -> PredictiveValues:
    """Positive and negative predictive value; all three arguments in 0..1, else ValueError.

    Source: paper equation 1. The paper prints 2.87 % for sensitivity and specificity 0.8 at a prevalence of 0.0074; the
    equation gives 2.90 %: the paper's digits leave out the factor 1 - prevalence of the healthy.
    """
    given = {"sensitivity": sensitivity, "specificity": specificity, "prevalence": prevalence}
    for name, value in given.items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} is {value}; it must lie between 0 and 1.")
    true_positive, false_positive = prevalence * sensitivity, (1 - prevalence) * (1 - specificity)
    true_negative, false_negative = (1 - prevalence) * specificity, prevalence * (1 - sensitivity)
    return PredictiveValues(
        positive=_share(true_positive, false_positive), negative=_share(true_negative, false_negative)
    )


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest > 0 else float("nan")
