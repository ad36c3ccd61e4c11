"""A micro-batch as one stream of documents without padding, and attention within documents of similar length.

All that works token by token (embedding, linear layers, head) runs on the stream as it is. Attention alone looks at
documents: they are grouped into buckets of similar length, each an ordinary padded batch. So padding costs nothing but
a little attention, and no document sees another one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

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
        part = stream[self.first : self.stop]
        if self.real is not None:
            rows = part.new_zeros(self.real.numel(), *part.shape[1:])
            part = rows.index_copy(0, self._places, part)
        return part.view(*self.shape, *stream.shape[1:])

    def flatten(self, padded: torch.Tensor) -> torch.Tensor:
        """Back from (documents, width, ...) to this part of the stream (tokens, ...)."""
        rows = padded.flatten(0, 1)
        return rows if self.real is None else rows.index_select(0, self._places)

    @cached_property
    def _places(self) -> torch.Tensor:
        """Where the tokens of the stream lie in the flattened padded batch."""
        assert self.real is not None
        return self.real.flatten().nonzero()[:, 0]


def buckets_of(lengths: torch.Tensor, min_fill: float = MIN_FILL) -> list[Bucket]:
    """The buckets of a stream whose documents have these lengths and lie longest first."""
    sizes = lengths.tolist()
    buckets: list[Bucket] = []
    start = place = 0
    while start < len(sizes):
        stop = start + 1
        while stop < len(sizes) and sizes[stop] >= min_fill * sizes[start]:
            stop += 1
        real = None
        if sizes[stop - 1] < sizes[start]:
            real = torch.arange(sizes[start], device=lengths.device) < lengths[start:stop, None]
        buckets.append(Bucket(place, place + sum(sizes[start:stop]), (stop - start, sizes[start]), real))
        start, place = stop, buckets[-1].stop
    return buckets


def by_bucket(attend: Callable[..., torch.Tensor], buckets: Sequence[Bucket], *streams: torch.Tensor) -> torch.Tensor:
    """Call `attend(bucket, *padded)` for each bucket with its part of each stream, and join what comes out."""
    parts = [bucket.flatten(attend(bucket, *(bucket.gather(stream) for stream in streams))) for bucket in buckets]
    return parts[0] if len(parts) == 1 else torch.cat(parts)
