"""The paired bootstrap against a slow one written from its definition, and against what theory says."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from gmlm.evaluation import significance
from gmlm.evaluation.significance import SystemParts, bootstrap_scores, compare, interval


def _system(generator: np.random.Generator, seeds: int, documents: int, quality: float) -> SystemParts:
    gold = generator.integers(0, 6, (1, documents)).repeat(seeds, axis=0)
    right = generator.binomial(gold, quality)
    found = right + generator.integers(0, 3, (seeds, documents))
    return SystemParts(2.0 * right, (gold + found).astype(float))


def _naive(system: SystemParts, documents: list[int]) -> float:
    scores = []
    for numerators, denominators in zip(system.numerators, system.denominators, strict=True):
        denominator = sum(denominators[document] for document in documents)
        scores.append(sum(numerators[document] for document in documents) / denominator if denominator else 0.0)
    return sum(scores) / len(scores)


def test_resampled_scores_are_those_of_a_plain_loop():
    generator = np.random.default_rng(1)
    systems = {"a": _system(generator, 3, 17, 0.5), "b": _system(generator, 2, 17, 0.7)}
    fast = bootstrap_scores(systems, 50, seed=4)
    picked = np.random.default_rng(4).integers(17, size=(50, 17))
    for name, system in systems.items():
        slow = [_naive(system, list(documents)) for documents in picked]
        assert fast[name] == pytest.approx(slow)


def test_the_size_of_chunks_does_not_change_the_draws(monkeypatch):
    system = {"a": _system(np.random.default_rng(2), 2, 13, 0.5)}
    whole = bootstrap_scores(system, 100, seed=3)["a"]
    monkeypatch.setattr(significance, "CHUNK_CELLS", 13 * 7)
    assert np.array_equal(bootstrap_scores(system, 100, seed=3)["a"], whole)
    assert not np.array_equal(bootstrap_scores(system, 100, seed=5)["a"], whole)


def test_identical_systems_do_not_differ():
    system = _system(np.random.default_rng(3), 3, 40, 0.5)
    resampled = bootstrap_scores({"a": system, "b": system}, 200, seed=1)
    found = compare(resampled["a"], resampled["b"], 0.0, 0.95)
    assert (found.p, found.low, found.high) == (1.0, 0.0, 0.0)


def test_a_model_that_is_better_on_every_document_has_the_smallest_p():
    worse = SystemParts(np.zeros((1, 30)), np.ones((1, 30)))
    better = SystemParts(np.ones((1, 30)), np.ones((1, 30)))
    resampled = bootstrap_scores({"a": better, "b": worse}, 999, seed=1)
    found = compare(resampled["a"], resampled["b"], 1.0, 0.95)
    assert found.p == pytest.approx(2 / 1000)
    assert (found.low, found.high) == (1.0, 1.0)


def test_the_p_value_does_not_depend_on_which_model_is_the_baseline():
    generator = np.random.default_rng(5)
    resampled = bootstrap_scores(
        {"a": _system(generator, 2, 60, 0.5), "b": _system(generator, 2, 60, 0.55)}, 500, seed=1
    )
    forth = compare(resampled["a"], resampled["b"], 0.0, 0.9)
    back = compare(resampled["b"], resampled["a"], 0.0, 0.9)
    assert forth.p == back.p
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low))


def test_intervals_of_a_mean_are_those_of_the_normal_distribution():
    values = np.random.default_rng(6).normal(0.6, 0.2, 400)
    system = SystemParts(values[None, :], np.ones((1, 400)))
    low, high = interval(bootstrap_scores({"a": system}, 4000, seed=1)["a"], 0.95)
    error = 1.96 * values.std() / sqrt(400)
    assert low == pytest.approx(values.mean() - error, abs=error / 10)
    assert high == pytest.approx(values.mean() + error, abs=error / 10)


def test_95_percent_intervals_hold_the_true_difference_about_95_times_in_a_hundred():
    generator = np.random.default_rng(7)
    held = 0
    for trial in range(200):
        shared = generator.normal(0, 0.2, 80)  # a hard document is hard for both: this is what pairing is for
        a = (shared + generator.normal(0.65, 0.1, 80))[None, :]
        b = (shared + generator.normal(0.60, 0.1, 80))[None, :]
        ones = np.ones((1, 80))
        resampled = bootstrap_scores({"a": SystemParts(a, ones), "b": SystemParts(b, ones)}, 400, seed=trial)
        found = compare(resampled["a"], resampled["b"], 0.0, 0.95)
        held += found.low <= 0.05 <= found.high
    assert 0.90 <= held / 200 <= 0.985


def test_models_must_be_scored_on_the_same_documents():
    systems = {"a": SystemParts(np.ones((1, 3)), np.ones((1, 3))), "b": SystemParts(np.ones((1, 4)), np.ones((1, 4)))}
    with pytest.raises(ValueError, match=r"\[3, 4\]"):
        bootstrap_scores(systems, 100, seed=1)
