"""What a study can show: the smallest difference that it finds with a given chance (Cohen 1988; Card et al. 2020).

The standard error of a difference has two parts: that of the test documents, taken from the bootstrap with all runs
kept, and that of the seeds, which shrinks with their number. Card et al. (arXiv 2010.06595) show why this is asked
before a study, not after: most comparisons in the field have too little power for the differences that they report.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from gmlm.evaluation.significance import Array, SystemParts

POWER = 0.8
"""Chance of finding a difference of the given size."""
SEEDS = (1, 3, 5, 10, 20)
"""Numbers of seeds that the effect is given for."""


@dataclass(frozen=True)
class Detectable:
    """The smallest difference between two models that is found with a chance of `power` at `level`.

    Attributes:
        power: Chance of finding it.
        level: Level of one test, after the correction for all comparisons of the study.
        here: With the seeds and test documents of the study.
        by_seeds: With other numbers of seeds for both models and the same test documents; empty where a model has a
            single run, so that the spread between runs is not known.
        documents_alone: With any number of seeds; only more test documents bring it down, by the root of their number.
    """

    power: float
    level: float
    here: float
    by_seeds: dict[str, float]
    documents_alone: float


def detectable(model: SystemParts, baseline: SystemParts, differences: Array, level: float) -> Detectable:
    """The minimum detectable effect of a comparison.

    Args:
        model: One model.
        baseline: The other.
        differences: Bootstrap differences with all runs kept.
        level: Level of one two-sided test.
    """
    factor = NormalDist().inv_cdf(1 - level / 2) + NormalDist().inv_cdf(POWER)
    documents = float(np.var(differences))
    pair = (model, baseline)
    spreads = [float(system.scores().var(ddof=1)) if system.seeds > 1 else 0.0 for system in pair]
    here = documents + sum(spread / system.seeds for spread, system in zip(spreads, pair, strict=True))
    known = all(system.seeds > 1 for system in pair)
    by_seeds = {str(n): factor * sqrt(documents + sum(spreads) / n) for n in SEEDS} if known else {}
    return Detectable(POWER, level, factor * sqrt(here), by_seeds, factor * sqrt(documents))
