"""How well a score tells members from others: AUC, and true positives at a low rate of false ones, with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

Array = NDArray[np.float64]
FALSE_POSITIVE_RATE = 0.01
"""Rate of false positives that the attack may make (Carlini et al. 2022, arXiv 2112.03570, on why it is low)."""


@dataclass(frozen=True)
class Estimate:
    """A value with its bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Separation:
    """How well members are told from others; 0.5 is the AUC of guessing, 0.01 the rate of true positives."""

    members: int
    others: int
    auc: Estimate
    true_positive_rate: Estimate
    p_value: float
    """Of the one-sided test that the members score no higher than the others (Mann and Whitney 1947)."""


def separate(members: Array, others: Array, resamples: int, confidence: float, seed: int) -> Separation | None:
    """Compare the scores of members with those of others; None where one of them has no text.

    Both groups are resampled with replacement, each within itself. The test does not rest on these resamples: with
    eight canaries against forty controls their 95 % interval lies above 0.5 for 4.5 % of the models that never saw the
    text, not for 2.5 %, and an audit makes several comparisons.
    """
    if not len(members) or not len(others):
        return None
    generator = np.random.default_rng(seed)
    drawn = [(generator.choice(members, len(members)), generator.choice(others, len(others))) for _ in range(resamples)]

    def estimate(statistic: Callable[[Array, Array], float]) -> Estimate:
        tail = (1 - confidence) / 2
        low, high = np.quantile([statistic(*pair) for pair in drawn], [tail, 1 - tail])
        return Estimate(statistic(members, others), float(low), float(high))

    rank_test = mannwhitneyu(members, others, alternative="greater")
    return Separation(len(members), len(others), estimate(auc), estimate(true_positive_rate), float(rank_test.pvalue))


def auc(members: Array, others: Array) -> float:
    """The chance that a member scores above another text, ties counting half (Mann and Whitney 1947)."""
    ordered = np.sort(others)
    below, up_to = np.searchsorted(ordered, members, "left"), np.searchsorted(ordered, members, "right")
    return float((below + up_to).mean() / (2 * len(others)))


def true_positive_rate(members: Array, others: Array) -> float:
    """Share of the members that score above all but 1 % of the others; above all, where those are under a hundred."""
    allowed = int(FALSE_POSITIVE_RATE * len(others))
    return float((members > np.sort(others)[::-1][allowed]).mean())
