"""A micro-batch as one stream of documents without padding, and attention within documents of similar length.

All that works token by token (embedding, linear layers, head) runs on the stream as it is. Attention alone looks at
documents: they are grouped into buckets of similar length, each an ordinary padded batch. So padding costs nothing but
a little attention, and no document sees another one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

MIN_FILL = 0.8
"""Documents of a bucket are at least this share as long as its longest one."""


@dataclass(frozen=True)
class Bucket:
    """Neighbouring documents of a stream as a padded batch.

    Attributes:
        first: Place in the stream where the first of them begins.
        stop: Place behind the last of them.
        places: Place in the stream of each token (documents, width); padding repeats the document's first place.
        real: Which are no padding (documents, width); None where all are.
    """

    first: int
    stop: int
    places: torch.Tensor
    real: torch.Tensor | None

    def gather(self, stream: torch.Tensor) -> torch.Tensor:
        """The bucket's tokens of a stream (tokens, ...) as (documents, width, ...)."""
        if self.real is None:
            return stream[self.first : self.stop].view(*self.places.shape, *stream.shape[1:])
        return stream[self.places]

    def flatten(self, padded: torch.Tensor) -> torch.Tensor:
        """Back from (documents, width, ...) to this part of the stream (tokens, ...)."""
        return padded.flatten(0, 1) if self.real is None else padded[self.real]


def buckets_of(lengths: torch.Tensor, min_fill: float = MIN_FILL) -> list[Bucket]:
    """The buckets of a stream whose documents have these lengths and lie longest first."""
    sizes = lengths.tolist()
    device, begins = lengths.device, torch.cumsum(lengths, 0) - lengths
    buckets, start, place = [], 0, 0
    while start < len(sizes):
        stop = start + 1
        while stop < len(sizes) and sizes[stop] >= min_fill * sizes[start]:
            stop += 1
        buckets.append(_bucket(begins[start:stop], lengths[start:stop], sizes[start:stop], place, device))
        start, place = stop, buckets[-1].stop
    return buckets


def _bucket(
    begins: torch.Tensor, lengths: torch.Tensor, sizes: Sequence[int], first: int, device: torch.device
) -> Bucket:
    column = torch.arange(sizes[0], device=device)
    real = column < lengths[:, None]
    places = begins[:, None] + torch.where(real, column, 0)
    return Bucket(first, first + sum(sizes), places, real if sizes[-1] < sizes[0] else None)


def by_bucket(attend: Callable[..., torch.Tensor], buckets: Sequence[Bucket], *streams: torch.Tensor) -> torch.Tensor:
    """Call `attend(bucket, *padded)` for each bucket with its part of each stream, and join what comes out."""
    parts = [bucket.flatten(attend(bucket, *(bucket.gather(stream) for stream in streams))) for bucket in buckets]
    return parts[0] if len(parts) == 1 else torch.cat(parts)
