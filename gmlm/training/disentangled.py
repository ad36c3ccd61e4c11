"""DeBERTa-v2/v3 (He et al. 2021) on a stream: disentangled attention, bucket by bucket, without a gather.

transformers scores every query against the embeddings of all distances, 512 in published models, and looks the scores
of its keys up in what comes out; going back, that look-up is the slowest part of the model. Here only the distances
that occur are scored, and in such an order that each query's row is the one before moved by one place: the scores of
the keys are then a view (the relative shift of Transformer-XL, Dai et al. 2019, appendix B).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

from gmlm.training.recomputation import call_layer
from gmlm.training.stream import Bucket, Documents, by_bucket


@dataclass(frozen=True)
class Distances:
    """What a layer makes of the distances from `1 - widest` to `widest - 1`, in this order.

    Attributes:
        keys: For "content to position" (heads, distances, size of a head); None where the model has none.
        queries: For "position to content" likewise.
    """

    keys: torch.Tensor | None
    queries: torch.Tensor | None
    widest: int

    def within(self, table: torch.Tensor, width: int) -> torch.Tensor:
        """The rows of the distances that occur in documents of a width (heads, 2 width - 1, size of a head)."""
        return table[:, self.widest - width : self.widest + width - 1]


def run_deberta_v2(
    encoder: Any, inputs: dict[str, torch.Tensor], documents: Documents, places: torch.Tensor | None = None
) -> torch.Tensor:
    """The last hidden states (tokens, hidden size) of a stream, or at some places; `inputs` are for the embeddings."""
    hidden = encoder.embeddings(**inputs)[0]
    near, rows = _near(encoder, max(documents.sizes))
    *lower, last = encoder.encoder.layer
    for layer in lower:
        hidden = call_layer(layer, _run_layer, layer, hidden, documents, near, rows)
    result: torch.Tensor = call_layer(last, _run_layer, last, hidden, documents, near, rows, places)
    return result


def _run_layer(
    layer: Any,
    hidden: torch.Tensor,
    documents: Documents,
    near: torch.Tensor | None,
    rows: torch.Tensor,
    places: torch.Tensor | None = None,
) -> torch.Tensor:
    """The states (tokens, hidden size) that a layer makes of those below; `near` and `rows` are of the distances."""
    attention = layer.attention.self
    context = _attend(attention, hidden, documents, _distances(attention, near, rows))
    if places is not None:
        context, hidden = context[places], hidden[places]
    attended = layer.attention.output(context, hidden)
    states: torch.Tensor = layer.output(layer.intermediate(attended), attended)
    return states


def _near(encoder: Any, widest: int) -> tuple[torch.Tensor | None, torch.Tensor]:
    """Embeddings of the distances that occur, and which of them each distance has (distances); far ones share one."""
    attention = encoder.encoder.layer[0].attention.self
    relative = torch.arange(1 - widest, widest)
    if not attention.relative_attention:
        return None, relative
    if attention.position_buckets > 0 and attention.max_relative_positions > 0:
        relative = make_log_bucket_position(relative, attention.position_buckets, attention.max_relative_positions)
    middle = attention.pos_ebd_size
    rows = torch.clamp(relative.long() + middle, 0, 2 * middle - 1)
    first, last = int(rows[0]), int(rows[-1])
    near: torch.Tensor = encoder.encoder.get_rel_embedding()[first : last + 1]
    return near, (rows - first).to(near.device)


def _distances(attention: Any, near: torch.Tensor | None, rows: torch.Tensor) -> Distances | None:
    if near is None:
        return None
    dropped = attention.pos_dropout(near)

    def projected(kind: str, own: str, content: str) -> torch.Tensor | None:
        if kind not in attention.pos_att_type:
            return None
        projection = getattr(attention, content if attention.share_att_key else own)
        table: torch.Tensor = projection(dropped).index_select(0, rows)
        return table.view(len(rows), attention.num_attention_heads, -1).transpose(0, 1)

    keys, queries = projected("c2p", "pos_key_proj", "key_proj"), projected("p2c", "pos_query_proj", "query_proj")
    return Distances(keys, queries, (len(rows) + 1) // 2)


def _attend(attention: Any, hidden: torch.Tensor, documents: Documents, distances: Distances | None) -> torch.Tensor:
    """The layer's attention within documents (tokens, hidden size)."""
    kinds = 1 + ("c2p" in attention.pos_att_type) + ("p2c" in attention.pos_att_type)
    scale = (kinds * attention.attention_head_size) ** -0.5

    def attend(bucket: Bucket, *content: torch.Tensor) -> torch.Tensor:
        query, key, value = (_by_head(states, attention.num_attention_heads) for states in content)
        scores = _scores(query * scale, key, key * scale, distances)
        if bucket.real is not None:
            scores = scores.masked_fill(~bucket.real[:, None], torch.finfo(scores.dtype).min)
        found: torch.Tensor = attention.dropout(scores.softmax(-1)) @ value
        return found.permute(1, 2, 0, 3).flatten(2)

    return by_bucket(
        attend, documents, attention.query_proj(hidden), attention.key_proj(hidden), attention.value_proj(hidden)
    )


def _by_head(states: torch.Tensor, heads: int) -> torch.Tensor:
    """(documents, width, hidden size) as (heads, documents, width, size of a head)."""
    return states.view(*states.shape[:2], heads, -1).permute(2, 0, 1, 3).contiguous()


def _scores(
    query: torch.Tensor, key: torch.Tensor, scaled_key: torch.Tensor, distances: Distances | None
) -> torch.Tensor:
    """Scores (heads, documents, width, width) of each query for each key: by content, and by how far away it is."""
    scores = query @ key.transpose(-1, -2)
    if distances is None:
        return scores
    width = query.shape[2]
    if distances.keys is not None:
        # Descending: the place of a key in the row of query i is width - 1 - (i - j).
        scores = scores + _shifted(query, distances.within(distances.keys, width).flip(1))
    if distances.queries is not None:
        scores = scores + _shifted(scaled_key, distances.within(distances.queries, width)).transpose(-1, -2)
    return scores


def _shifted(content: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Row i of the product with the table (heads, 2 width - 1, size of a head), from its place width - 1 - i on."""
    heads, documents, width, _ = content.shape
    scores = content.flatten(1, 2) @ table.transpose(-1, -2)
    rows = scores.view(heads, documents, width * (2 * width - 1))
    moved = rows[..., width - 1 : width - 1 + width * (2 * width - 2)]
    if width == 1:
        return rows[..., None]
    return moved.view(heads, documents, width, 2 * width - 2)[..., :width]
