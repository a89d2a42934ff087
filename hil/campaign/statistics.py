"""Confidence bounds on a rate that was observed as counts."""

from __future__ import annotations

import math

CONFIDENCE = 0.95
_HALVINGS = 60


def upper_bound(count: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """One-sided upper bound of Clopper and Pearson (Biometrika 26, 1934) on a probability.

    For no event in n trials that is 1 - (1 - confidence)^(1/n). Raises ValueError unless
    0 <= count <= trials and 0 < confidence < 1.
    """
    if not 0 <= count <= trials:
        raise ValueError(f"{count} events in {trials} trials")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence = {confidence}: between 0 and 1 is allowed")
    if count == trials:
        return 1.0
    low, high = count / trials, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _at_most(count, trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(count: int, trials: int, probability: float) -> float:
    """Probability of ``count`` events or fewer."""
    if probability in (0.0, 1.0):
        return float(probability == 0.0)
    yes, no, whole = math.log(probability), math.log1p(-probability), math.lgamma(trials + 1)
    return math.fsum(
        math.exp(
            whole - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * yes + (trials - k) * no
        )
        for k in range(count + 1)
    )
