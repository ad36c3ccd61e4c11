"""DeBERTa-v2/v3 (He et al. 2021) on a stream: its own attention, bucket by bucket, with the distances that occur.

transformers projects and scores all distances, 512 in published models, for every batch it attends to. Documents of a
bucket know distances up to their length only; the scores of all others are never looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers.models.deberta_v2.modeling_deberta_v2 import build_relative_position

from gmlm.training.stream import Bucket, by_bucket


@dataclass(frozen=True)
class Distances:
    """The distances within documents of one bucket, as DeBERTa numbers them.

    Attributes:
        relative: From each query to each key (1, width, width); far ones share a number.
        span: Half the number of embeddings that they need; at most that of the model.
    """

    relative: torch.Tensor
    span: int


def run_deberta_v2(encoder: Any, inputs: dict[str, torch.Tensor], buckets: Sequence[Bucket]) -> torch.Tensor:
    """The last hidden states (1, tokens, hidden size) of a stream; `inputs` are those of the embedding layer."""
    hidden = encoder.embeddings(**inputs)[0]
    embeddings = encoder.encoder.get_rel_embedding()
    distances = {bucket.first: _distances(encoder, bucket, hidden.device) for bucket in buckets}
    for layer in encoder.encoder.layer:
        attention = layer.attention.self

        def attend(bucket: Bucket, states: torch.Tensor, attention: Any = attention) -> torch.Tensor:
            return _attend(attention, states, bucket, distances[bucket.first], embeddings)

        attended = layer.attention.output(by_bucket(attend, buckets, hidden), hidden)
        hidden = layer.output(layer.intermediate(attended), attended)
    result: torch.Tensor = hidden
    return result


def _distances(encoder: Any, bucket: Bucket, device: torch.device) -> Distances | None:
    attention = encoder.encoder.layer[0].attention.self
    if not attention.relative_attention:
        return None
    width = torch.empty(bucket.shape[1], 0, device=device)
    relative = build_relative_position(width, width, attention.position_buckets, attention.max_relative_positions)
    return Distances(relative, min(attention.pos_ebd_size, int(relative.max()) + 1))


def _attend(
    attention: Any, states: torch.Tensor, bucket: Bucket, distances: Distances | None, embeddings: torch.Tensor | None
) -> torch.Tensor:
    """The layer's own attention (documents, width, hidden size) over one bucket."""
    seen = bucket.seen(states.device)[:, None, None, :]
    if distances is None or embeddings is None:
        plain: torch.Tensor = attention(states, seen)[0]
        return plain
    with _spanning(attention, distances.span) as middle:
        near = embeddings[middle - distances.span : middle + distances.span]
        found: torch.Tensor = attention(states, seen, relative_pos=distances.relative, rel_embeddings=near)[0]
    return found


@contextmanager
def _spanning(attention: Any, span: int) -> Iterator[int]:
    """Let the attention count distances from `span` for the time of a call; yields where it counts from otherwise."""
    middle = attention.pos_ebd_size
    attention.pos_ebd_size = span
    try:
        yield middle
    finally:
        attention.pos_ebd_size = middle
