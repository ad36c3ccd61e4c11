"""Which records of a source become documents where several have the same id, or are versions of the same citation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from gmlm.corpus.parts import Part
from gmlm.deduplication.groups import partitions

Fates = npt.NDArray[np.uint8]
KEPT, OCCURRED, DELETED = range(3)
REASONS = {OCCURRED: "id occurred before", DELETED: "deleted by a later file"}
"""Why rows are rejected, by their fate."""


def fates(parts: Sequence[Part]) -> list[Fates]:
    """The fate of every row of every part.

    Of rows with the same key those of the earliest part are kept, there those of the lowest rank. A deletion is earlier
    than the rows of its own part, and later than those of the parts before it. Memory is a byte a row, and what
    some four million keys need.
    """
    keys = [part.array(name) for part in parts for name in ("deleted", "keys")]
    starts = np.cumsum([0, *map(len, keys)])
    found = np.zeros(starts[-1], np.uint8)
    ranks = [_ranks(part, name) for part in parts for name in ("deleted", "ranks")]
    for rows, part_keys in partitions(keys):
        block = np.searchsorted(starts, rows, side="right") - 1
        rank = np.concatenate(list(_chosen(ranks, starts, rows)))
        found[rows] = _fates_of(part_keys, block, rank)
    return [found[starts[2 * index + 1] : starts[2 * index + 2]] for index in range(len(parts))]


def _ranks(part: Part, name: str) -> npt.NDArray[np.int64]:
    return np.zeros(len(part.array("deleted")), np.int64) if name == "deleted" else part.array("ranks")


def _chosen(
    ranks: Sequence[npt.NDArray[np.int64]], starts: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> Iterator[npt.NDArray[np.int64]]:
    """The ranks of the rows, which rise."""
    bounds = np.searchsorted(rows, starts)
    for index, values in enumerate(ranks):
        yield values[rows[bounds[index] : bounds[index + 1]] - starts[index]]


def _fates_of(keys: npt.NDArray[np.uint64], block: npt.NDArray[np.int64], rank: npt.NDArray[np.int64]) -> Fates:
    """Fates of rows that hold all rows of their keys; even blocks are deletions, and blocks come in order of parts."""
    order = np.lexsort((rank, block, keys[:, 1], keys[:, 0]))
    ordered = keys[order]
    new = np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)]) if len(order) else np.empty(0, bool)
    winner = order[np.flatnonzero(new)][np.cumsum(new) - 1]
    same = (block[order] == block[winner]) & (rank[order] == rank[winner])
    fate = np.where(same, KEPT, np.where(block[winner] % 2 == 0, DELETED, OCCURRED))
    result = np.empty(len(order), np.uint8)
    result[order] = fate
    return result
