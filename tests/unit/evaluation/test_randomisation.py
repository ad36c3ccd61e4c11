"""Approximate randomisation against all exchanges, a permutation test of scipy, and what it promises."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import permutation_test

from gmlm.evaluation.randomisation import randomisation_test
from gmlm.evaluation.significance import SystemParts


def _system(generator: np.random.Generator, runs: int, documents: int, quality: float) -> SystemParts:
    right = generator.binomial(4, quality, (runs, documents)).astype(float)
    return SystemParts(2 * right, 4 + right + generator.integers(0, 3, (runs, documents)))


def _exact(a: SystemParts, b: SystemParts) -> float:
    observed = abs(a.scores().mean() - b.scores().mean())
    reached = total = 0
    for swaps in product([False, True], repeat=a.numerators.shape[1]):
        sides = [
            [np.where(swaps, getattr(y, part), getattr(x, part)).sum(axis=1) for part in ("numerators", "denominators")]
            for x, y in ((a, b), (b, a))
        ]
        first, second = ((n / d).mean() for n, d in sides)
        reached += abs(first - second) >= observed - 1e-12
        total += 1
    return reached / total


@pytest.mark.parametrize("seed", range(4))
def test_many_rounds_come_near_to_all_exchanges(seed):
    generator = np.random.default_rng(seed)
    a, b = _system(generator, 2, 9, 0.7), _system(generator, 2, 9, 0.5)
    assert randomisation_test(a, b, 20_000, seed=1) == pytest.approx(_exact(a, b), abs=0.015)


def test_it_is_the_paired_permutation_test_of_scipy_where_scores_are_means():
    generator = np.random.default_rng(3)
    x, y = generator.normal(0.6, 0.2, 40), generator.normal(0.52, 0.2, 40)
    ones = np.ones((1, 40))
    expected = permutation_test(
        (x, y), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=20_000, rng=1
    ).pvalue
    found = randomisation_test(SystemParts(x[None], ones), SystemParts(y[None], ones), 20_000, seed=1)
    assert found == pytest.approx(expected, abs=0.012)


def test_the_smallest_p_is_one_in_all_rounds_and_one():
    worse, better = (SystemParts(np.full((1, 60), v), np.ones((1, 60))) for v in (0.0, 1.0))
    assert randomisation_test(better, worse, 999, seed=1) == pytest.approx(1 / 1000)
    assert randomisation_test(better, better, 999, seed=1) == 1.0


def test_runs_count_alike_whatever_their_number():
    generator = np.random.default_rng(5)
    three, one = _system(generator, 3, 30, 0.6), _system(generator, 1, 30, 0.5)
    thrice = SystemParts(np.tile(one.numerators, (3, 1)), np.tile(one.denominators, (3, 1)))
    assert randomisation_test(three, one, 500, seed=2) == randomisation_test(three, thrice, 500, seed=2)


def test_equal_models_are_called_different_in_about_five_percent_of_the_trials():
    found = 0
    for trial in range(200):
        generator = np.random.default_rng(trial)
        pair = [_system(generator, 1, 40, 0.6) for _ in range(2)]
        found += randomisation_test(*pair, 200, seed=trial) < 0.05
    assert found / 200 <= 0.09
