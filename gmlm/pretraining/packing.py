"""Documents into rows: long ones are cut into segments, and segments are packed best-fit-decreasing.

Each segment becomes [CLS] tokens [SEP], so a segment of n tokens takes n + 2 places of a row. Best-fit-decreasing is
the classic bin-packing heuristic (Johnson et al. 1974); on clinical lengths it fills rows of 512 to more than 99 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmlm.pretraining.tokens import Offsets

Indices = npt.NDArray[np.int64]

SPECIAL_TOKENS = 2
"""[CLS] and [SEP] around each segment."""


@dataclass(frozen=True)
class Segments:
    """Pieces of documents: segment i is `ids[starts[i]:starts[i] + lengths[i]]` of the corpus."""

    starts: Indices
    lengths: Indices


def cut_segments(offsets: Offsets, sequence_length: int) -> Segments:
    """Cut each document into as few pieces as fit into a row, nearly equally long; empty documents give none."""
    capacity = sequence_length - SPECIAL_TOKENS
    lengths = np.diff(offsets)
    pieces = -(-lengths // capacity)
    document = np.repeat(np.arange(len(lengths)), pieces)
    piece = np.arange(len(document)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    # Piece k of m covers the tokens from k * n // m to (k + 1) * n // m.
    begins = piece * lengths[document] // pieces[document]
    ends = (piece + 1) * lengths[document] // pieces[document]
    return Segments(offsets[:-1][document] + begins, ends - begins)


@dataclass(frozen=True)
class Rows:
    """Rows in training order: row i holds the segments `segments[offsets[i]:offsets[i + 1]]`."""

    segments: Indices
    offsets: Indices

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.offsets) - 1


def pack_rows(lengths: Indices, sequence_length: int, *, seed: int, epoch: int) -> Rows:
    """Pack segments into rows for one epoch; a pure function of its arguments.

    The number of rows is the same in every epoch, since best-fit-decreasing depends on the multiset of lengths alone;
    which segments share a row and the order of the rows differ.
    """
    generator = np.random.default_rng([seed, epoch])
    shuffled = generator.permutation(len(lengths))
    order = shuffled[np.argsort(-lengths[shuffled], kind="stable")]
    row_of = _best_fit(lengths[order] + SPECIAL_TOKENS, sequence_length)
    rows = int(row_of.max(initial=-1)) + 1
    row_of = generator.permutation(rows)[row_of] if rows else row_of
    return _grouped(order, row_of, rows)


def one_segment_per_row(lengths: Indices, *, seed: int, epoch: int) -> Rows:
    """The rows of an epoch where each segment has a row of its own, in random order."""
    order = np.random.default_rng([seed, epoch]).permutation(len(lengths))
    return Rows(order, np.arange(len(lengths) + 1))


def _best_fit(sizes: Indices, capacity: int) -> Indices:
    """The row of each item: the fullest row that still takes it. A bit set finds that row in constant time."""
    rows_by_space: list[list[int]] = [[] for _ in range(capacity + 1)]
    spaces, rows = 0, 0
    result = np.empty(len(sizes), np.int64)
    for index, size in enumerate(sizes.tolist()):
        fitting = spaces >> size
        if fitting:
            space = size + (fitting & -fitting).bit_length() - 1
            row = rows_by_space[space].pop()
            if not rows_by_space[space]:
                spaces &= ~(1 << space)
        else:
            space, row, rows = capacity, rows, rows + 1
        result[index] = row
        rows_by_space[space - size].append(row)
        spaces |= 1 << (space - size)
    return result


def _grouped(items: Indices, row_of: Indices, rows: int) -> Rows:
    by_row = np.argsort(row_of, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(row_of, minlength=rows))])
    return Rows(items[by_row], offsets.astype(np.int64))
