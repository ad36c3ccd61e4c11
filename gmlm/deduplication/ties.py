"""Groups of things that may not be parted: whatever shares a tie, directly or over others."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from gmlm.deduplication.minhash import band_hashes, signatures
from gmlm.deduplication.word_hashes import word_hashes


def near_duplicate_ties(texts: Sequence[str]) -> list[list[tuple[int, int]]]:
    """The MinHash bands of each text, as number and hash: near-duplicates share one; a text without a word has none."""
    bands = band_hashes(signatures(texts)).T.tolist()
    words = word_hashes(texts).offsets
    return [list(enumerate(row)) if words[i + 1] > words[i] else [] for i, row in enumerate(bands)]


def tied_groups(ties: Sequence[Iterable[Hashable]]) -> list[list[int]]:
    """Numbers of the things in each group, rising, the groups in the order of their first things (Tarjan 1975)."""
    parent = list(range(len(ties)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = index = parent[parent[index]]
        return index

    first: dict[Hashable, int] = {}
    for index, own in enumerate(ties):
        for tie in own:
            parent[root(index)] = root(first.setdefault(tie, index))
    groups: dict[int, list[int]] = {}
    for index in range(len(ties)):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())
