"""Paired bootstrap over test documents and seeds together (Sellam et al. 2022, arXiv 2106.16163, Multi-Bootstrap).

Every resample draws documents with replacement, the same ones for all models (Koehn 2004), and for each model by itself
runs (seeds), as two models' runs of equal seed share nothing but a number. A model's score on a resample is the mean
over the drawn runs of the F1 recomputed from what the drawn documents add to it. So intervals and p values speak of
other test sets of this kind and of other runs of this training.

Of n runs n - 1 are drawn: with few runs, n draws would show too little spread by a factor of (n - 1) / n (McCarthy and
Snowden 1985). A single run is always drawn; its intervals then speak of this run only.
"""

from __future__ import annotations

import hashlib
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
        return ratios(self.numerators.sum(axis=1), self.denominators.sum(axis=1))

    @property
    def seeds(self) -> int:
        """Number of runs."""
        return len(self.numerators)


@dataclass(frozen=True)
class Resampled:
    """A model's score on each resample.

    Attributes:
        scores: With documents and seeds drawn.
        of_these_runs: With documents drawn and all runs kept, which tells the spread that documents alone bring.
    """

    scores: Array
    of_these_runs: Array


@dataclass(frozen=True)
class Difference:
    """A model's mean score minus the baseline's, the interval of that, and the two-sided p value."""

    difference: float
    low: float
    high: float
    p: float


def bootstrap_scores(systems: Mapping[str, SystemParts], resamples: int, seed: int) -> dict[str, Resampled]:
    """Each model's score on each resample; all models see the same documents.

    Raises:
        ValueError: The models were scored on different numbers of documents.
    """
    sizes = {system.numerators.shape[1] for system in systems.values()}
    if len(sizes) != 1:
        raise ValueError(f"models scored on different numbers of documents: {sorted(sizes)}")
    by_seed: dict[str, list[Array]] = {name: [] for name in systems}
    for draws in _draws(sizes.pop(), resamples, seed):
        for name, system in systems.items():
            by_seed[name].append(ratios(draws @ system.numerators.T, draws @ system.denominators.T))
    made = {name: np.concatenate(parts) for name, parts in by_seed.items()}
    return {
        name: Resampled((scores * _seed_weights(name, scores.shape, seed)).sum(axis=1), scores.mean(axis=1))
        for name, scores in made.items()
    }


def _draws(documents: int, resamples: int, seed: int) -> Iterator[Array]:
    """How often each document is drawn in each resample, (resamples, documents), chunk by chunk.

    Every resample has a row of random numbers of its own, so chunks of any size give the same draws.
    """
    generator = np.random.default_rng(seed)
    chunk = max(1, CHUNK_CELLS // documents)
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        yield _counts(generator.integers(documents, size=(rows, documents)), documents)


def _seed_weights(name: str, shape: tuple[int, ...], seed: int) -> Array:
    """The share of each run in each resample, (resamples, runs); drawn for each model by itself."""
    resamples, runs = shape
    drawn = max(1, runs - 1)
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    picked = np.random.default_rng([seed, key]).integers(runs, size=(resamples, drawn))
    return _counts(picked, runs) / drawn


def _counts(picked: NDArray[np.int64], size: int) -> Array:
    """How often each of `size` things was picked in each row."""
    rows = len(picked)
    flat = (picked + np.arange(rows)[:, None] * size).ravel()
    return np.bincount(flat, minlength=rows * size).reshape(rows, size).astype(np.float64)


def ratios(numerators: Array, denominators: Array) -> Array:
    """Numerators by denominators; 0 where a denominator is 0."""
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
    smallest is 2 / (resamples + 1), and two models with the same single prediction have p = 1.

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
