"""Equal keys among any number of rows: which row was first, and which rows hang together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from gmlm.deduplication.word_hashes import Hashes

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

ROWS_AT_ONCE = 1 << 22
"""Keys that are sorted at once; more are sorted in parts by their leading bits, so memory does not grow with them."""


def later_occurrences(keys: Sequence[Hashes]) -> Mask:
    """Which rows have a key that occurred before. Keys have 128 bits: parts of shape (rows, 2)."""
    later = np.zeros(sum(map(len, keys)), bool)
    for rows, part in partitions(keys):
        order = np.lexsort((rows, part[:, 1], part[:, 0]))
        ordered = part[order]
        later[rows[order[1:][(ordered[1:] == ordered[:-1]).all(axis=1)]]] = True
    return later


def partitions(keys: Sequence[Hashes]) -> Iterator[tuple[Rows, Hashes]]:
    """All rows with their keys, in parts that each hold every row of the keys in them, rows rising."""
    number = np.uint64(1 + sum(map(len, keys)) // ROWS_AT_ONCE)
    starts = np.cumsum([0, *map(len, keys)])
    for wanted in range(int(number)):
        chosen = [np.flatnonzero(part[:, 0] % number == wanted) for part in keys]
        rows = [start + index for start, index in zip(starts, chosen, strict=False)]
        parts = [np.asarray(part[index]) for part, index in zip(keys, chosen, strict=True)]
        if rows:
            yield np.concatenate(rows), np.concatenate(parts)


def connected_to_earlier(bands: Iterable[Hashes], rows: int) -> Mask:
    """Which rows are linked, over any chain of shared band hashes, to an earlier row. Holds one band at a time."""
    root = np.arange(rows)
    for band in bands:
        order = np.argsort(band)
        ordered = band[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if rows else order
        sizes = np.diff(np.append(starts, rows))
        shared = sizes > 1
        members = order[np.repeat(shared, sizes)]
        firsts = np.repeat(np.minimum.reduceat(order, starts)[shared] if rows else order, sizes[shared])
        _link(root, members, firsts)
    linked: Mask = root != np.arange(rows)
    return linked


def _link(root: Rows, left: Rows, right: Rows) -> None:
    """Join the trees of each pair; the earliest row of a tree is its root (Shiloach and Vishkin 1982)."""
    while left.size:
        ours, theirs = root[left], root[right]
        apart = ours != theirs
        left, right, ours, theirs = left[apart], right[apart], ours[apart], theirs[apart]
        np.minimum.at(root, np.maximum(ours, theirs), np.minimum(ours, theirs))
        while not np.array_equal(above := root[root], root):
            root[:] = above
