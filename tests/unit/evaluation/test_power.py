"""The minimum detectable effect is found as often as it says."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np
import pytest

from gmlm.evaluation.power import POWER, detectable
from gmlm.evaluation.significance import SystemParts, bootstrap_scores, compare

FACTOR = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(POWER)


def _means(values: np.ndarray) -> SystemParts:
    return SystemParts(values, np.ones_like(values))


def _runs(generator: np.random.Generator, mean: float, seeds: int, shared: np.ndarray) -> SystemParts:
    return _means(
        mean + shared + generator.normal(0, 0.02, (seeds, 1)) + generator.normal(0, 0.1, (seeds, shared.size))
    )


def _detectable(a: SystemParts, b: SystemParts):
    found = bootstrap_scores({"a": a, "b": b}, 400, seed=1)
    return detectable(a, b, found["a"].of_these_runs - found["b"].of_these_runs, 0.05)


def test_seeds_and_documents_add_up():
    seeds = np.repeat(np.array([[0.5], [0.6], [0.7]]), 20, axis=1)  # standard deviation 0.1, no spread over documents
    found = _detectable(_means(seeds), _means(seeds - 0.1))
    assert found.here == pytest.approx(FACTOR * sqrt(2 * 0.01 / 3))
    assert found.by_seeds["10"] == pytest.approx(FACTOR * sqrt(2 * 0.01 / 10))
    assert found.documents_alone == pytest.approx(0, abs=1e-9)


def test_more_seeds_never_hurt_and_documents_set_the_limit():
    generator = np.random.default_rng(2)
    shared = generator.normal(0, 0.2, (1, 100))
    found = _detectable(_runs(generator, 0.6, 3, shared), _runs(generator, 0.6, 3, shared))
    effects = list(found.by_seeds.values())
    assert effects == sorted(effects, reverse=True)
    assert found.documents_alone < effects[-1]
    assert found.here == pytest.approx(found.by_seeds["3"])


def test_a_single_run_says_nothing_of_seeds():
    generator = np.random.default_rng(3)
    found = _detectable(_means(generator.random((1, 50))), _means(generator.random((3, 50))))
    assert found.by_seeds == {}


def test_a_difference_of_that_size_is_found_in_about_four_of_five_studies():
    generator = np.random.default_rng(4)
    shared = generator.normal(0, 0.2, (1, 150))
    effects = [_detectable(*(_runs(generator, 0.6, 10, shared) for _ in range(2))).here for _ in range(20)]
    effect, found = float(np.mean(effects)), 0
    for trial in range(150):
        shared = generator.normal(0, 0.2, (1, 150))
        systems = {"a": _runs(generator, 0.6 + effect, 10, shared), "b": _runs(generator, 0.6, 10, shared)}
        resampled = bootstrap_scores(systems, 400, seed=trial)
        found += compare(resampled["a"].scores, resampled["b"].scores, 0.0, 0.95).p < 0.05
    assert 0.70 <= found / 150 <= 0.92
