"""Hashes of words and word n-grams for whole batches of texts at once.

A word is what `gmlm.corpus.normalisation.words` takes for one: a run of letters and digits, case folded. Hashes are
polynomials over code points modulo 2^64 (Karp and Rabin 1987), finalised by SplitMix64's mixer (Steele et al. 2014):
the same in every process and on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from gmlm.deduplication.characters import Offsets, character_values

Hashes = npt.NDArray[np.uint64]

CHARACTERS_AT_ONCE = 1 << 17
"""Characters whose words are hashed at once: their values fit in a processor's second cache."""
_BASE = 0x9E3779B97F4A7C15 | 1
_BASE_INVERSE = pow(_BASE, -1, 1 << 64)
_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Hashed:
    """Hashes of several texts in one array: those of text i are `values[offsets[i]:offsets[i + 1]]`."""

    values: Hashes
    offsets: Offsets


def groups_of(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in groups of a bounded number of characters, so that memory is, too; a longer text stands alone."""
    start = size = 0
    for end, text in enumerate(texts):
        if end > start and size + len(text) > CHARACTERS_AT_ONCE:
            yield texts[start:end]
            start, size = end, 0
        size += len(text)
    if start < len(texts):
        yield texts[start:]


def word_hashes(texts: Sequence[str]) -> Hashed:
    """One hash for each word of each text, in order."""
    values, ends = character_values(texts)
    if not values.size:
        return Hashed(np.empty(0, np.uint64), np.zeros(len(texts) + 1, np.int64))
    first = _starts(values != 0)
    powers, inverses = _powers(_room(values.size))
    # What lies between words is 0 and adds nothing to the sum of the word before it.
    values *= powers[: values.size]
    sums = np.add.reduceat(values, first) if first.size else values[:0]
    return Hashed(mixed(sums * inverses[first]), np.concatenate([[0], np.searchsorted(first, ends)]).astype(np.int64))


def ngram_hashes(words: Hashed, n: int) -> Hashed:
    """One hash for each n-gram of words; a text with fewer than n words, but one, has one of its own length."""
    lengths = np.diff(words.offsets)
    counts = np.where(lengths >= n, lengths - n + 1, np.minimum(lengths, 1))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    starts = np.arange(offsets[-1]) + np.repeat(words.offsets[:-1] - offsets[:-1], counts)
    sizes = np.repeat(np.minimum(lengths, n), counts)
    padded = np.concatenate([words.values, np.zeros(n, np.uint64)])
    total = sizes.astype(np.uint64) * _coefficient(n)
    short = bool((sizes < n).any())
    for position in range(n):
        term = padded[starts + position] * _coefficient(position)
        total += np.where(sizes > position, term, np.uint64(0)) if short else term
    return Hashed(mixed(total), offsets)


def mixed(values: Hashes) -> Hashes:
    """SplitMix64's finaliser: every bit of the result depends on every bit of the value."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _coefficient(position: int) -> np.uint64:
    return np.uint64(pow(_BASE_INVERSE, 2 * position + 3, 1 << 64) | 1)


def _starts(inside: npt.NDArray[np.bool_]) -> Offsets:
    """First position of each run of true values."""
    begins = inside.copy()
    np.greater(inside[1:], inside[:-1], out=begins[1:])
    return np.flatnonzero(begins)


def _room(size: int) -> int:
    return max(1 << 16, 1 << (size - 1).bit_length())


@cache
def _powers(size: int) -> tuple[Hashes, Hashes]:
    """Powers of the base and of its inverse, both modulo 2^64."""
    both = []
    for base in (_BASE, _BASE_INVERSE):
        factors = np.full(size, base & _MASK, np.uint64)
        factors[0] = 1
        both.append(np.multiply.accumulate(factors))
    return both[0], both[1]
