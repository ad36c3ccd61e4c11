"""Which target tokens translate a source token: IBM model 1 (Brown et al. 1993), learnt from tokenised pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
TokenPairs = Sequence[tuple[Sequence[int], Sequence[int]]]
"""Token numbers of source and target of each pair."""

ITERATIONS = 5
"""Rounds of expectation maximisation; more of them change little (Och and Ney 2003)."""
DECIMALS = 6
"""Decimals of the probabilities that are compared: the last bits may depend on the processor."""


@dataclass(frozen=True)
class WordTranslations:
    """Pairs of tokens that occur together, sorted by source; `probabilities` are of the target, given the source."""

    sources: Numbers
    targets: Numbers
    probabilities: npt.NDArray[np.float64]

    def best(self, count: int, least: float = 0.0) -> Iterator[tuple[int, list[int]]]:
        """Each source token with its `count` likeliest targets of at least a probability, likeliest first."""
        rounded = self.probabilities.round(DECIMALS)
        order = np.lexsort((self.targets, -rounded, self.sources))
        order = order[rounded[order] >= least]
        sources, targets = self.sources[order], self.targets[order]
        starts = np.flatnonzero(np.diff(sources, prepend=-1))
        for start, end in zip(starts, np.append(starts, len(sources))[1:], strict=True):
            yield int(sources[start]), targets[start : min(end, start + count)].tolist()


def learn_translations(pairs: TokenPairs) -> WordTranslations:
    """Estimate the probabilities from pairs; memory grows with the sum over pairs of the product of both lengths.

    Each target token comes from one token of its source, or from none: what follows from no word, as articles and
    inflection do, is not laid to the source's rarest token.
    """
    pairs = [(source, target) for source, target in pairs if source and target]
    if not pairs:
        return WordTranslations(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    size = 2 + max(max(*source, *target) for source, target in pairs)
    keys = np.concatenate([_links(source, target, size) for source, target in pairs])
    choices = np.concatenate([np.full(len(target), len(source) + 1) for source, target in pairs])
    links, places = np.unique(keys, return_inverse=True)
    sources, targets = np.divmod(links, size)
    probabilities = _maximise(places, choices, sources)
    real = sources < size - 1
    return WordTranslations(sources[real], targets[real], probabilities[real])


def _links(source: Sequence[int], target: Sequence[int], size: int) -> Numbers:
    """One number for each target token and each source token, and none (the largest number), that it may come from."""
    origins = np.array([*source, size - 1], np.int64) * size
    links: Numbers = np.add.outer(np.array(target, np.int64), origins).ravel()
    return links


def _maximise(places: Numbers, choices: Numbers, sources: Numbers) -> npt.NDArray[np.float64]:
    """Probabilities of the links, from which the i-th target token chooses among `choices[i]` of `places`."""
    starts = np.cumsum(choices) - choices
    probabilities: npt.NDArray[Any] = np.ones(len(sources))
    for _ in range(ITERATIONS):
        expected = probabilities[places]
        expected /= np.repeat(np.add.reduceat(expected, starts), choices)
        counts = np.bincount(places, expected, len(sources))
        probabilities = counts / np.bincount(sources, counts)[sources]
    return probabilities
