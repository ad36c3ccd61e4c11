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
    # What lies between words is 0 and adds nothing; sums wrap around, so the difference of two is that of their words.
    values *= powers[: values.size]
    before = np.zeros(values.size + 1, np.uint64)
    np.cumsum(values, out=before[1:])
    sums = np.diff(before[first], append=before[-1:])
    return Hashed(mixed(sums * inverses[first]), np.concatenate([[0], np.searchsorted(first, ends)]).astype(np.int64))


def ngram_hashes(words: Hashed, n: int) -> Hashed:
    """One hash for each n-gram of words; a text with fewer than n words, but one, has one of its own length."""
    lengths = np.diff(words.offsets)
    counts = np.where(lengths >= n, lengths - n + 1, np.minimum(lengths, 1))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    # From every word on, in whole rows; n-grams that would reach into the next text are then left out.
    padded = np.concatenate([words.values, np.zeros(n, np.uint64)])
    everywhere = np.full(words.values.size, _coefficient(n)) * np.uint64(n)
    for position in range(n):
        everywhere += padded[position : position + everywhere.size] * _coefficient(position)
    total = everywhere[_begins(words.offsets, lengths, n)]
    for text in np.flatnonzero((lengths > 0) & (lengths < n)):
        total[offsets[text]] = _short(words.values[words.offsets[text] : words.offsets[text + 1]], n)
    return Hashed(mixed(total), offsets)


def _begins(offsets: Offsets, lengths: Offsets, n: int) -> npt.NDArray[np.bool_]:
    """At which words an n-gram begins: all but the last n - 1 of each text, and the first of a text that is shorter."""
    begins = np.ones(offsets[-1], bool)
    for back in range(1, n):
        begins[offsets[1:][lengths > back] - back] = False
    return begins


def _short(words: Hashes, n: int) -> np.uint64:
    """The unfinished hash of a text with fewer than n words."""
    factors = np.array([_coefficient(position) for position in range(words.size)], np.uint64)
    length: Hashes = np.full(1, _coefficient(n)) * np.uint64(words.size)
    return np.uint64((np.append(words * factors, length)).sum())


def mixed(values: Hashes) -> Hashes:
    """SplitMix64's finaliser: every bit of the result depends on every bit of the value."""
    room = values >> np.uint64(30)
    mixing = values ^ room
    mixing *= np.uint64(0xBF58476D1CE4E5B9)
    mixing ^= np.right_shift(mixing, np.uint64(27), out=room)
    mixing *= np.uint64(0x94D049BB133111EB)
    mixing ^= np.right_shift(mixing, np.uint64(31), out=room)
    return mixing


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
