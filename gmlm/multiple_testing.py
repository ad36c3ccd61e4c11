"""Holm's correction for several comparisons."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, in the order given; compare them with the level of the whole family.

    Holm, S. (1979), A simple sequentially rejective multiple test procedure: the i-th smallest of m values is
    multiplied by m - i + 1, is never below the one before it and never above 1. It controls the family-wise error
    rate whatever the dependence between the tests, which matters here: models share baseline and test documents.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = highest
    return adjusted
