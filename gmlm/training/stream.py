"""A micro-batch as one stream of documents without padding, and attention within documents of similar length.

All that works token by token (embedding, linear layers, head) runs on the stream as it is. Attention alone looks at
documents: they are grouped into buckets of similar length, each an ordinary padded batch. So padding costs nothing but
a little attention, and no document sees another one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate, pairwise

import torch
from torch.nn import functional

MIN_FILL = 0.8
"""Documents of a bucket are at least this share as long as its longest one."""


@dataclass(frozen=True)
class Bucket:
    """Neighbouring documents of a stream as a padded batch.

    Attributes:
        first: Place in the stream where the first of them begins.
        stop: Place behind the last of them.
        shape: Documents, and tokens of the longest.
        real: Which are no padding (documents, width); None where all are.
    """

    first: int
    stop: int
    shape: tuple[int, int]
    real: torch.Tensor | None

    def seen(self, device: torch.device) -> torch.Tensor:
        """True at the bucket's tokens, false at its padding (documents, width)."""
        return torch.ones(self.shape, dtype=torch.bool, device=device) if self.real is None else self.real

    def gather(self, stream: torch.Tensor) -> torch.Tensor:
        """The bucket's tokens of a stream (tokens, ...) as (documents, width, ...), padded with zeros."""
        return self.pad(stream[self.first : self.stop])

    def pad(self, part: torch.Tensor) -> torch.Tensor:
        """The bucket's tokens (tokens, ...) as (documents, width, ...), padded with zeros."""
        if self.real is not None:
            rows = part.new_zeros(self.real.numel(), *part.shape[1:])
            part = rows.index_copy(0, self._places, part)
        return part.view(*self.shape, *part.shape[1:])

    def flatten(self, padded: torch.Tensor) -> torch.Tensor:
        """Back from (documents, width, ...) to this part of the stream (tokens, ...)."""
        rows = padded.flatten(0, 1)
        return rows if self.real is None else rows.index_select(0, self._places)

    @cached_property
    def _places(self) -> torch.Tensor:
        """Where the tokens of the stream lie in the flattened padded batch."""
        assert self.real is not None
        return self.real.flatten().nonzero()[:, 0]


@dataclass(frozen=True)
class Documents:
    """The documents of a stream.

    Attributes:
        lengths: Tokens of each (documents).
        groups: How many neighbours share a bucket, for each bucket; None where documents of similar length do, which
            must lie longest first.
    """

    lengths: torch.Tensor
    groups: tuple[int, ...] | None = None

    @cached_property
    def sizes(self) -> list[int]:
        """The lengths as numbers of Python; on a GPU asking for them waits for it."""
        sizes: list[int] = self.lengths.tolist()
        return sizes

    @cached_property
    def buckets(self) -> list[Bucket]:
        """The documents as padded batches."""
        return buckets_of(self, self.grouping)

    @cached_property
    def grouping(self) -> tuple[int, ...]:
        """How many neighbours share a bucket, for each bucket."""
        return self.groups or similar(self.sizes)

    @cached_property
    def spans(self) -> list[int]:
        """The tokens of each bucket."""
        return [bucket.stop - bucket.first for bucket in self.buckets]

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest document."""
        return max(self.sizes)

    @cached_property
    def ends(self) -> torch.Tensor:
        """The place behind each document (documents)."""
        return torch.cumsum(self.lengths, 0)

    @cached_property
    def offsets(self) -> torch.Tensor:
        """The place where each document begins, and behind the last one (documents + 1), as kernels take it: int32."""
        return functional.pad(self.ends, (1, 0)).int()

    def at(self, places: torch.Tensor) -> Documents:
        """The stream of some of the places only, in ascending order: the documents' shares of it, bucket by bucket."""
        before = torch.searchsorted(places, self.ends)  # Unlike counting, this does not wait for a GPU.
        counts = torch.diff(before, prepend=before.new_zeros(1))
        return Documents(counts, self.grouping)


def similar(sizes: Sequence[int]) -> tuple[int, ...]:
    """How many neighbours, longest first, are of similar length."""
    starts = [0]
    for index, size in enumerate(sizes):
        if size < MIN_FILL * sizes[starts[-1]]:
            starts.append(index)
    return tuple(stop - start for start, stop in pairwise([*starts, len(sizes)]))


def buckets_of(documents: Documents, groups: Sequence[int]) -> list[Bucket]:
    """Buckets of so many documents each."""
    return list(map(partial(_bucket, documents), accumulate(groups, initial=0), groups))


def _bucket(documents: Documents, start: int, count: int) -> Bucket:
    lengths, sizes = documents.lengths[start : start + count], documents.sizes[start : start + count]
    first, width = sum(documents.sizes[:start]), max(sizes)
    real = None
    if min(sizes) < width:
        real = torch.arange(width, device=lengths.device) < lengths[:, None]
    return Bucket(first, first + sum(sizes), (count, width), real)


def in_one_bucket(lengths: torch.Tensor) -> Bucket:
    """All documents as one padded batch."""
    (bucket,) = buckets_of(Documents(lengths), [len(lengths)])
    return bucket


def by_bucket(
    attend: Callable[..., torch.Tensor], documents: Documents, *streams: torch.Tensor, wanted: Documents | None = None
) -> torch.Tensor:
    """Call `attend(bucket, *padded)` for each bucket with its part of each stream, and join what comes out.

    Where results are `wanted` for some of the tokens only, the first stream is theirs.
    """
    cuts = [wanted or documents] + [documents] * (len(streams) - 1)
    # Going back, `split` joins the gradients of its parts once; slices would fill and add a whole stream each.
    pieces = [
        [bucket.pad(piece) for bucket, piece in zip(cut.buckets, torch.split(stream, cut.spans), strict=True)]
        for cut, stream in zip(cuts, streams, strict=True)
    ]
    parts = [
        result.flatten(attend(bucket, *padded))
        for result, bucket, *padded in zip(cuts[0].buckets, documents.buckets, *pieces, strict=True)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts)
