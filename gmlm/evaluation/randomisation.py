"""Approximate randomisation between two models (Noreen 1989; Yeh 2000, on F1; Riezler and Maxwell 2005).

Under the null hypothesis it does not matter which model a document's predictions came from. So they are exchanged
document by document at random, and the difference in score is computed again. The test makes no assumption on how
scores are distributed; it speaks of the runs at hand, not of other runs.
"""

from __future__ import annotations

from math import lcm

import numpy as np

from gmlm.evaluation.significance import CHUNK_CELLS, Array, SystemParts, ratios


def randomisation_test(model: SystemParts, baseline: SystemParts, rounds: int, seed: int) -> float:
    """Two-sided p value: the share of exchanges whose difference is at least the observed one, in absolute value.

    One is added to both counts, so that it is never 0. All runs of a model exchange a document together; where the
    models have different numbers of runs, each run counts as often as makes the numbers equal.
    """
    runs = lcm(model.seeds, baseline.seeds)
    first, second = (_repeated(system, runs // system.seeds) for system in (model, baseline))
    observed = abs(first.scores().mean() - second.scores().mean())
    generator, documents = np.random.default_rng(seed), first.numerators.shape[1]
    reached, chunk = 0, max(1, CHUNK_CELLS // documents)
    for start in range(0, rounds, chunk):
        size = (min(chunk, rounds - start), documents)
        exchanged = (generator.random(size) < 0.5).astype(np.float64)
        differences = _score(first, second, exchanged) - _score(second, first, exchanged)
        reached += int((np.abs(differences) >= observed - 1e-12).sum())  # rounding must not part equal differences
    return (reached + 1) / (rounds + 1)


def _repeated(system: SystemParts, times: int) -> SystemParts:
    return SystemParts(np.tile(system.numerators, (times, 1)), np.tile(system.denominators, (times, 1)))


def _score(own: SystemParts, other: SystemParts, exchanged: Array) -> Array:
    """Mean score over the runs with the exchanged documents, (rounds, documents), taken from the other model."""
    parts = (
        mine.sum(axis=1) + exchanged @ (theirs - mine).T
        for mine, theirs in ((own.numerators, other.numerators), (own.denominators, other.denominators))
    )
    return np.asarray(ratios(*parts).mean(axis=1), np.float64)
