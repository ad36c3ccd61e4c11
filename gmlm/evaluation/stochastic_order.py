"""Almost stochastic order between the runs of two models (del Barrio et al. 2018; Dror et al. 2019, P19-1266).

A model dominates another if each quantile of its scores is at least that of the other's. The violation ratio says how
far that is from true; its upper confidence bound below 0.5 means that the model is better more often than not, and 0
that it always is.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np

from gmlm.evaluation.significance import Array

GRID = 1000
"""Quantiles at which the scores are compared."""


def violation_ratio(model: Array, baseline: Array) -> float:
    """Share of the squared distance between the quantile functions where the baseline is above; 0.5 for equal ones."""
    at = (np.arange(GRID) + 0.5) / GRID
    gaps = _quantiles(model, at) - _quantiles(baseline, at)
    distance = float((gaps**2).sum())
    return float((gaps[gaps < 0] ** 2).sum() / distance) if distance else 0.5


def _quantiles(scores: Array, at: Array) -> Array:
    """The empirical quantile function: the smallest score that a share `at` of the scores does not exceed."""
    return np.asarray(np.sort(scores)[np.ceil(at * len(scores)).astype(int) - 1], np.float64)


def epsilon_min(model: Array, baseline: Array, resamples: int, confidence: float, seed: int) -> float:
    """Upper confidence bound of the violation ratio, from 0 to 1; its variance is bootstrapped over the runs."""
    observed = violation_ratio(model, baseline)
    scale = sqrt(len(model) * len(baseline) / (len(model) + len(baseline)))
    generator = np.random.default_rng(seed)
    drawn = [
        violation_ratio(generator.choice(model, len(model)), generator.choice(baseline, len(baseline)))
        for _ in range(resamples)
    ]
    spread = float(np.std(scale * (np.array(drawn) - observed)))
    return float(np.clip(observed + spread / scale * NormalDist().inv_cdf(confidence), 0, 1))
