"""Paired bootstrap over test documents (Efron & Tibshirani, 1993; Koehn, 2004), with seeds as a second level.

Every resample draws documents with replacement, the same ones for all models and seeds. A model's score on a resample
is the mean over its seeds of the F1 recomputed from what the drawn documents add to it. So the intervals speak of
other test sets of this kind; how much the seeds differ is reported beside them as a spread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CHUNK_CELLS = 4_000_000
"""Resamples times documents that are counted at once; bounds the memory at some 64 MB."""


@dataclass(frozen=True)
class SystemParts:
    """What each test document adds to the numerator and denominator of a model's score.

    Attributes:
        numerators: (seeds, documents).
        denominators: (seeds, documents).
    """

    numerators: Array
    denominators: Array

    def scores(self) -> Array:
        """The score of each seed on all documents."""
        return _ratio(self.numerators.sum(axis=1), self.denominators.sum(axis=1))


@dataclass(frozen=True)
class Difference:
    """A model's mean score minus the baseline's, the interval of that, and the two-sided p value."""

    difference: float
    low: float
    high: float
    p: float


def bootstrap_scores(systems: Mapping[str, SystemParts], resamples: int, seed: int) -> dict[str, Array]:
    """Each model's score, mean over its seeds, on each resample; all models see the same resamples.

    Raises:
        ValueError: The models were scored on different numbers of documents.
    """
    sizes = {system.numerators.shape[1] for system in systems.values()}
    if len(sizes) != 1:
        raise ValueError(f"models scored on different numbers of documents: {sorted(sizes)}")
    drawn: dict[str, list[Array]] = {name: [] for name in systems}
    for draws in _draws(sizes.pop(), resamples, seed):
        for name, system in systems.items():
            by_seed = _ratio(draws @ system.numerators.T, draws @ system.denominators.T)
            drawn[name].append(by_seed.mean(axis=1))
    return {name: np.concatenate(parts) for name, parts in drawn.items()}


def _draws(documents: int, resamples: int, seed: int) -> Iterator[Array]:
    """How often each document is drawn in each resample, (resamples, documents), chunk by chunk.

    Every resample has a row of random numbers of its own, so chunks of any size give the same draws.
    """
    generator = np.random.default_rng(seed)
    chunk = max(1, CHUNK_CELLS // documents)
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        picked = generator.integers(documents, size=(rows, documents))
        flat = (picked + np.arange(rows)[:, None] * documents).ravel()
        yield np.bincount(flat, minlength=rows * documents).reshape(rows, documents).astype(np.float64)


def _ratio(numerators: Array, denominators: Array) -> Array:
    return np.divide(numerators, denominators, out=np.zeros_like(numerators), where=denominators > 0)


def interval(values: Array, confidence: float) -> tuple[float, float]:
    """The percentile interval of bootstrap values."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def compare(model: Array, baseline: Array, observed: float, confidence: float) -> Difference:
    """Test whether a model differs from the baseline.

    The p value is twice the smaller share of resamples in which the difference has the one sign or the other, no
    difference counting for both, with one added to both counts so that it is never 0 (Davison & Hinkley, 1997): the
    smallest is 2 / (resamples + 1), and two models with the same predictions have p = 1.

    Args:
        model: The model's scores on the resamples.
        baseline: The baseline's scores on the same resamples.
        observed: The difference on the test set itself.
        confidence: Level of the interval.
    """
    differences = model - baseline
    smaller = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    p = min(1.0, 2 * (smaller + 1) / (len(differences) + 1))
    return Difference(observed, *interval(differences, confidence), p)
