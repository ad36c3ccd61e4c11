"""The bootstrap against a slow one written from its definition, and against what theory says."""

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


def _naive(system: SystemParts, documents: list[int]) -> list[float]:
    scores = []
    for numerators, denominators in zip(system.numerators, system.denominators, strict=True):
        denominator = sum(denominators[document] for document in documents)
        scores.append(sum(numerators[document] for document in documents) / denominator if denominator else 0.0)
    return scores


def _means(values: np.ndarray) -> SystemParts:
    """A system whose score is the mean of the documents' values."""
    return SystemParts(values, np.ones_like(values))


def test_scores_of_these_runs_are_those_of_a_plain_loop_over_documents():
    generator = np.random.default_rng(1)
    systems = {"a": _system(generator, 3, 17, 0.5), "b": _system(generator, 2, 17, 0.7)}
    fast = bootstrap_scores(systems, 50, seed=4)
    picked = np.random.default_rng(4).integers(17, size=(50, 17))
    for name, system in systems.items():
        slow = [float(np.mean(_naive(system, list(documents)))) for documents in picked]
        assert fast[name].of_these_runs == pytest.approx(slow)


def test_each_resample_is_the_mean_of_some_runs_of_the_model():
    system = _system(np.random.default_rng(1), 3, 17, 0.5)
    fast = bootstrap_scores({"a": system}, 60, seed=4)["a"]
    picked = np.random.default_rng(4).integers(17, size=(60, 17))
    pairs = set()
    for documents, score in zip(picked, fast.scores, strict=True):
        runs = _naive(system, list(documents))
        means = {(i, j): (runs[i] + runs[j]) / 2 for i in range(3) for j in range(i, 3)}
        near = [pair for pair, mean in means.items() if mean == pytest.approx(score)]
        assert near
        pairs.update(near)
    assert len(pairs) == 6  # two of three runs, with replacement


def test_a_single_run_is_always_drawn():
    system = _system(np.random.default_rng(2), 1, 13, 0.5)
    found = bootstrap_scores({"a": system}, 50, seed=3)["a"]
    assert np.array_equal(found.scores, found.of_these_runs)


def test_the_size_of_chunks_does_not_change_the_draws(monkeypatch):
    system = {"a": _system(np.random.default_rng(2), 2, 13, 0.5)}
    whole = bootstrap_scores(system, 100, seed=3)["a"].scores
    monkeypatch.setattr(significance, "CHUNK_CELLS", 13 * 7)
    assert np.array_equal(bootstrap_scores(system, 100, seed=3)["a"].scores, whole)
    assert not np.array_equal(bootstrap_scores(system, 100, seed=5)["a"].scores, whole)


def test_other_systems_in_the_table_do_not_change_a_systems_draws():
    generator = np.random.default_rng(2)
    a, b = (_system(generator, 3, 20, 0.5) for _ in range(2))
    alone = bootstrap_scores({"a": a}, 50, seed=3)["a"].scores
    assert np.array_equal(bootstrap_scores({"b": b, "a": a}, 50, seed=3)["a"].scores, alone)


def test_identical_single_runs_do_not_differ():
    system = _system(np.random.default_rng(3), 1, 40, 0.5)
    resampled = bootstrap_scores({"a": system, "b": system}, 200, seed=1)
    found = compare(resampled["a"].scores, resampled["b"].scores, 0.0, 0.95)
    assert (found.p, found.low, found.high) == (1.0, 0.0, 0.0)


def test_a_model_that_is_better_on_every_document_has_the_smallest_p():
    worse, better = _means(np.zeros((1, 30))), _means(np.ones((1, 30)))
    resampled = bootstrap_scores({"a": better, "b": worse}, 999, seed=1)
    found = compare(resampled["a"].scores, resampled["b"].scores, 1.0, 0.95)
    assert found.p == pytest.approx(2 / 1000)
    assert (found.low, found.high) == (1.0, 1.0)


def test_the_p_value_does_not_depend_on_which_model_is_the_baseline():
    generator = np.random.default_rng(5)
    systems = {"a": _system(generator, 2, 60, 0.5), "b": _system(generator, 2, 60, 0.55)}
    a, b = (found.scores for found in bootstrap_scores(systems, 500, seed=1).values())
    forth, back = compare(a, b, 0.0, 0.9), compare(b, a, 0.0, 0.9)
    assert forth.p == back.p
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low))


def test_intervals_of_a_mean_are_those_of_the_normal_distribution():
    values = np.random.default_rng(6).normal(0.6, 0.2, 400)
    found = bootstrap_scores({"a": _means(values[None, :])}, 4000, seed=1)["a"]
    low, high = interval(found.scores, 0.95)
    error = 1.96 * values.std() / sqrt(400)
    assert low == pytest.approx(values.mean() - error, abs=error / 10)
    assert high == pytest.approx(values.mean() + error, abs=error / 10)


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_the_spread_over_seeds_is_that_of_the_mean_of_runs(seeds):
    runs = np.random.default_rng(seeds).normal(0.6, 0.1, seeds)
    found = bootstrap_scores({"a": _means(np.repeat(runs[:, None], 50, axis=1))}, 20_000, seed=1)["a"]
    assert found.scores.std() == pytest.approx(runs.std(ddof=1) / sqrt(seeds), rel=0.03)
    assert found.of_these_runs.std() == pytest.approx(0, abs=1e-12)


def test_95_percent_intervals_hold_the_true_difference_about_95_times_in_a_hundred():
    generator = np.random.default_rng(7)
    held = 0
    for trial in range(200):
        shared = generator.normal(0, 0.2, 80)  # a hard document is hard for both: this is what pairing is for
        a = (shared + generator.normal(0.65, 0.1, 80))[None, :]
        b = (shared + generator.normal(0.60, 0.1, 80))[None, :]
        found = bootstrap_scores({"a": _means(a), "b": _means(b)}, 400, seed=trial)
        found = compare(found["a"].scores, found["b"].scores, 0.0, 0.95)
        held += found.low <= 0.05 <= found.high
    assert 0.90 <= held / 200 <= 0.985


@pytest.mark.parametrize("seeds", [5, 10])
def test_intervals_hold_the_true_difference_where_seeds_differ_more_than_documents(seeds):
    generator = np.random.default_rng(8)
    joint = documents_only = 0
    for trial in range(200):
        shared = generator.normal(0, 0.05, (1, 60))
        a, b = (
            mean + shared + generator.normal(0, 0.03, (seeds, 1)) + generator.normal(0, 0.02, (seeds, 60))
            for mean in (0.65, 0.60)
        )
        found = bootstrap_scores({"a": _means(a), "b": _means(b)}, 300, seed=trial)
        for kind in ("scores", "of_these_runs"):
            low, high = interval(getattr(found["a"], kind) - getattr(found["b"], kind), 0.95)
            joint += (kind == "scores") * (low <= 0.05 <= high)
            documents_only += (kind == "of_these_runs") * (low <= 0.05 <= high)
    assert 0.88 <= joint / 200 <= 0.985
    assert documents_only / 200 < 0.5  # what an interval over documents alone would claim


def test_models_must_be_scored_on_the_same_documents():
    systems = {"a": _means(np.ones((1, 3))), "b": _means(np.ones((1, 4)))}
    with pytest.raises(ValueError, match=r"\[3, 4\]"):
        bootstrap_scores(systems, 100, seed=1)
