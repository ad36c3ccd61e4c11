"""Almost stochastic order: what dominates, what does not, and how sure one can be."""

from __future__ import annotations

import numpy as np
import pytest

from gmlm.evaluation.stochastic_order import epsilon_min, violation_ratio


def test_a_model_above_at_every_quantile_violates_nothing():
    better, worse = np.array([0.7, 0.8, 0.9]), np.array([0.6, 0.7, 0.8])
    assert violation_ratio(better, worse) == 0.0
    assert violation_ratio(worse, better) == 1.0


def test_equal_scores_order_neither():
    scores = np.array([0.5, 0.6])
    assert violation_ratio(scores, scores) == 0.5


@pytest.mark.parametrize("seed", range(10))
def test_the_ratios_of_both_directions_add_up_to_one(seed):
    generator = np.random.default_rng(seed)
    a, b = generator.normal(0.6, 0.1, 7), generator.normal(0.6, 0.05, 5)
    assert violation_ratio(a, b) + violation_ratio(b, a) == pytest.approx(1)


def test_a_crossing_is_weighed_by_its_squared_size():
    a, b = np.array([0.5, 0.9]), np.array([0.6, 0.7])  # below by 0.1 in the lower half, above by 0.2 in the upper
    assert violation_ratio(a, b) == pytest.approx(0.01 / (0.01 + 0.04))


def test_the_bound_lies_above_the_ratio_and_falls_with_more_runs():
    generator = np.random.default_rng(1)
    few = [generator.normal(mean, 0.1, 5) for mean in (0.65, 0.6)]
    many = [generator.normal(mean, 0.1, 300) for mean in (0.65, 0.6)]
    assert epsilon_min(*few, 300, 0.95, seed=1) >= violation_ratio(*few)
    assert epsilon_min(*many, 300, 0.95, seed=1) < 0.2
    assert epsilon_min(*few, 300, 0.95, seed=1) == epsilon_min(*few, 300, 0.95, seed=1)


def test_clear_dominance_is_certain():
    assert epsilon_min(np.array([0.9, 0.91, 0.92]), np.array([0.1, 0.2, 0.3]), 200, 0.95, seed=1) == 0.0
