"""Hidden states of a stream of documents, each of which sees itself alone, for any encoder of transformers.

Position ids that restart do not isolate: in transformers 5, eager and SDPA attention of encoders ignore them. Here

- architectures with transformers' attention interface get an attention of ours, bucket by bucket;
- DeBERTa-v2, which has no such interface, runs layer by layer with its own attention on each bucket;
- all others run on documents padded to the longest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel

from gmlm.training.disentangled import run_deberta_v2
from gmlm.training.dropout import dropout as drop
from gmlm.training.interface import Batch
from gmlm.training.stream import Bucket, buckets_of, by_bucket

ATTENTION = "gmlm_documents"
"""Name of our attention among those of transformers."""

PACKABLE = frozenset({"bert", "roberta", "xlm-roberta", "camembert", "electra", "modernbert", "eurobert", "deberta-v2"})
"""Architectures whose documents share a stream; tested against single documents."""


def hidden_states(model: Any, batch: Batch) -> torch.Tensor:
    """The last hidden states (tokens, hidden size) of a stream.

    Args:
        model: Encoder with a head.
        batch: `input_ids` (tokens), `lengths` (documents) and, if wanted, `token_type_ids` (tokens) of a stream,
            longest documents first.
    """
    if not packable(model):
        bucket, inputs = padded(batch)
        return bucket.flatten(model.base_model(**inputs).last_hidden_state)
    positions = _positions(batch["lengths"]) + position_offset(model)
    inputs = {name: batch[name][None] for name in ("input_ids", "token_type_ids") if name in batch}
    inputs["position_ids"] = positions[None]
    buckets = buckets_of(batch["lengths"])
    if model.config.model_type == "deberta-v2":
        return run_deberta_v2(model.base_model, inputs, buckets)
    with _document_attention(model):
        states: torch.Tensor = model.base_model(**inputs, buckets=buckets).last_hidden_state[0]
    return states


def packable(model: PreTrainedModel) -> bool:
    """Whether the model can keep documents of one stream apart; a convolution over tokens cannot."""
    return model.config.model_type in PACKABLE and not getattr(model.config, "conv_kernel_size", 0)


def padded(batch: Batch) -> tuple[Bucket, dict[str, torch.Tensor]]:
    """A stream as one batch of rows padded to the longest document, as any encoder takes it."""
    (bucket,) = buckets_of(batch["lengths"], min_fill=0)
    return bucket, {
        "input_ids": bucket.gather(batch["input_ids"]),
        "attention_mask": bucket.seen(batch["input_ids"].device).long(),
    }


def position_offset(model: PreTrainedModel) -> int:
    """Number of the first position: RoBERTa and its kin count from behind the padding id, others from zero."""
    table = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return 0 if padding is None else int(padding) + 1


def _positions(lengths: torch.Tensor) -> torch.Tensor:
    """The place of each token within its document."""
    begins = torch.cumsum(lengths, 0) - lengths
    return torch.arange(int(lengths.sum()), device=lengths.device) - torch.repeat_interleave(begins, lengths)


@contextmanager
def _document_attention(model: Any) -> Iterator[None]:
    """Our attention for the time of a call; whoever calls the model otherwise finds it as it was."""
    before = model.config._attn_implementation
    model.config._attn_implementation = ATTENTION
    try:
        yield
    finally:
        model.config._attn_implementation = before


def _attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    buckets: list[Bucket],
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention within documents; arguments (1, heads, tokens, head size), result (1, tokens, heads, head size).

    Where heads share keys and values, as in large EuroBERT models, these have fewer heads. `sliding_window` is what
    transformers hands to flash attention: one more than the places seen to each side.
    """

    def attend(bucket: Bucket, *padded: torch.Tensor) -> torch.Tensor:
        q, k, v = (part.transpose(1, 2) for part in padded)
        if (sharing := q.shape[1] // k.shape[1]) > 1:
            k, v = k.repeat_interleave(sharing, 1), v.repeat_interleave(sharing, 1)
        scale = scaling or q.shape[-1] ** -0.5
        return _attend(q, k, v, _mask(bucket, sliding_window, q.device), scale, dropout).transpose(1, 2)

    streams = (part[0].transpose(0, 1) for part in (query, key, value))
    return by_bucket(attend, buckets, *streams)[None], None


def _attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None, scale: float, share: float
) -> torch.Tensor:
    """Scaled dot-product attention (documents, heads, width, head size) with dropout of a share of the weights."""
    if share == 0 or q.device.type != "cpu":
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=share, scale=scale)
    # With dropout PyTorch leaves its fused kernel on a CPU, and its plain one costs more than this.
    scores = torch.matmul(q * scale, k.transpose(2, 3))
    if mask is not None:
        scores = scores + torch.zeros(mask.shape, dtype=scores.dtype).masked_fill_(~mask, torch.finfo(scores.dtype).min)
    return torch.matmul(drop(torch.softmax(scores, dim=-1), share), v)


def _mask(bucket: Bucket, sliding_window: int | None, device: torch.device) -> torch.Tensor | None:
    """True where a token (documents, 1, queries, keys) may be seen; None where all may."""
    width = bucket.shape[1]
    mask = None if bucket.real is None else bucket.real[:, None, None, :]
    if sliding_window is None or width <= sliding_window:
        return mask
    column = torch.arange(width, device=device)
    near = ((column[:, None] - column).abs() < sliding_window)[None, None]
    # Padding behind a short document sees itself, so that no row is all masked.
    return near if mask is None else (near & mask) | torch.eye(width, dtype=torch.bool, device=device)


AttentionInterface.register(ATTENTION, _attention)
