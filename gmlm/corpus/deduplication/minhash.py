"""MinHash signatures (Broder 1997) of word 5-grams, and the hashes of their bands for LSH (Indyk and Motwani 1998).

With 16 bands of 8 values two documents share a band with probability 1 - (1 - J^8)^16 for a Jaccard similarity J of
their 5-grams: 0.43 at 0.65, 0.61 at 0.7, 0.95 at 0.8, above 0.9999 at 0.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from gmlm.corpus.deduplication.word_hashes import Hashed, Hashes, mixed, ngram_hashes, word_hashes

BANDS, ROWS = 16, 8
PERMUTATIONS = BANDS * ROWS
SHINGLE = 5
"""Words of one shingle."""
BLOCK_VALUES = 1 << 14
"""Shingles whose permuted values are held at once: small enough for a processor's second cache."""
SEED = 0x6D6C6D

Signatures = npt.NDArray[np.uint32]


def signatures(texts: Sequence[str]) -> Signatures:
    """The MinHash signature of each text: shape (texts, 128); the largest value throughout for one without a word."""
    shingles = ngram_hashes(word_hashes(texts), SHINGLE)
    return _signatures(Hashed(shingles.values, shingles.offsets))


def band_hashes(found: Signatures) -> Hashes:
    """One 64-bit hash a band: shape (16, documents)."""
    values = found.astype(np.uint64).reshape(len(found), BANDS, ROWS)
    total = np.zeros((len(found), BANDS), np.uint64)
    for row in range(ROWS):
        total = mixed(total + values[:, :, row] + np.uint64(0x9E3779B97F4A7C15))
    return np.ascontiguousarray(total.T)


def _signatures(shingles: Hashed) -> Signatures:
    """Documents of similar length are laid side by side, so that each minimum is taken over whole rows at once."""
    values = (shingles.values >> np.uint64(32)).astype(np.uint32)
    counts = np.diff(shingles.offsets)
    found = np.full((PERMUTATIONS, len(counts)), np.uint32(0xFFFFFFFF))
    order = np.argsort(counts, kind="stable")
    order = order[np.searchsorted(counts[order], 1) :]
    while order.size:
        # The longest come last; a block is as wide as its longest document allows.
        longest = int(counts[order[-1]])
        block, order = _split(order, max(1, BLOCK_VALUES // longest))
        steps = np.minimum(np.arange(longest)[:, None], counts[block] - 1)
        found[:, block] = _minima(values[shingles.offsets[block] + steps])
    return np.ascontiguousarray(found.T)


def _split(order: npt.NDArray[np.int64], size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return order[-size:], order[:-size]


def _minima(block: npt.NDArray[np.uint32]) -> Signatures:
    """Minimum down each column under every permutation x -> (x xor b) * a modulo 2^32, a odd: shape (128, columns)."""
    found = np.empty((PERMUTATIONS, block.shape[1]), np.uint32)
    room = np.empty_like(block)
    for number, (factor, offset) in enumerate(zip(*_permutations(), strict=True)):
        np.bitwise_xor(block, offset, out=room)
        np.multiply(room, factor, out=room)
        np.minimum.reduce(room, axis=0, out=found[number])
    return found


@cache
def _permutations() -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    drawn = mixed(np.arange(1, 2 * PERMUTATIONS + 1, dtype=np.uint64) * np.uint64(SEED * 2 + 1))
    values = (drawn >> np.uint64(32)).astype(np.uint32)
    return values[:PERMUTATIONS] | np.uint32(1), values[PERMUTATIONS:]
