"""MinHash signatures (Broder 1997) of word 5-grams, and the hashes of their bands for LSH (Indyk and Motwani 1998).

With 16 bands of 8 values two documents share a band with probability 1 - (1 - J^8)^16 for a Jaccard similarity J of
their 5-grams: 0.43 at 0.65, 0.61 at 0.7, 0.95 at 0.8, above 0.9999 at 0.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from gmlm.deduplication.word_hashes import Hashes, groups_of, mixed, ngram_hashes, word_hashes

BANDS, ROWS = 16, 8
PERMUTATIONS = BANDS * ROWS
SHINGLE = 5
"""Words of one shingle."""
BLOCK_VALUES = 1 << 16
"""Shingles whose permuted values are held at once: small enough for a processor's second cache."""
SEED = 0x6D6C6D

Signatures = npt.NDArray[np.uint32]


def signatures(texts: Sequence[str]) -> Signatures:
    """The MinHash signature of each text: shape (128, texts); the largest value throughout for one without a word."""
    hashed = [ngram_hashes(word_hashes(group), SHINGLE) for group in groups_of(texts)]
    counts = np.concatenate([np.empty(0, np.int64), *(np.diff(each.offsets) for each in hashed)])
    values = [(each.values >> np.uint64(32)).astype(np.uint32) for each in hashed]
    return _signatures(np.concatenate([np.empty(0, np.uint32), *values]), counts)


def band_hashes(found: Signatures) -> Hashes:
    """One 64-bit hash a band of signatures of shape (128, documents): shape (16, documents)."""
    total = np.zeros((BANDS, found.shape[1]), np.uint64)
    for row in range(ROWS):
        total = mixed(total + found[row::ROWS] + np.uint64(0x9E3779B97F4A7C15))
    return total


def _signatures(values: npt.NDArray[np.uint32], counts: npt.NDArray[np.int64]) -> Signatures:
    """Signatures of documents that have so many of the shingles each.

    Documents of similar length are laid side by side, so that each minimum is taken over whole rows at once.
    """
    order = np.argsort(counts, kind="stable")
    starts, counts = (np.cumsum(counts) - counts)[order], counts[order]
    found = np.full((PERMUTATIONS, len(counts)), np.uint32(0xFFFFFFFF))
    empty, end = int(np.searchsorted(counts, 1)), len(counts)
    while end > empty:
        # The longest come last; a block is as wide as its longest allows, and shorter ones repeat their last value.
        longest = int(counts[end - 1])
        block = slice(max(empty, end - max(1, BLOCK_VALUES // longest)), end)
        steps = np.minimum(np.arange(longest)[:, None], counts[block] - 1)
        _minima(values.take(starts[block] + steps), found[:, block])
        end = block.start
    return found.take(np.argsort(order, kind="stable"), axis=1)


def _minima(block: npt.NDArray[np.uint32], found: Signatures) -> None:
    """Fill in the minimum down each column under every permutation x -> a * x modulo 2^32 with odd a."""
    room = np.empty_like(block)
    for factor, minima in zip(_factors(), found, strict=True):
        np.multiply(block, factor, out=room)
        np.minimum.reduce(room, axis=0, out=minima)


@cache
def _factors() -> npt.NDArray[np.uint32]:
    drawn = mixed(np.arange(1, PERMUTATIONS + 1, dtype=np.uint64) * np.uint64(2 * SEED + 1))
    return (drawn >> np.uint64(32)).astype(np.uint32) | np.uint32(1)
