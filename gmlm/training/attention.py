"""Attention within the documents of a stream, as an attention function of transformers and by itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import AttentionInterface

from gmlm.training.dropout import dropout as drop
from gmlm.training.stream import Bucket, Documents, by_bucket
from gmlm.training.varlen import Streams, stream_attention

ATTENTION = "gmlm_documents"
"""Name of our attention among those of transformers."""


def _attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    documents: Documents,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers calls it: from (1, heads, tokens, head size) to (1, tokens, heads, head size).

    `sliding_window` is what transformers hands to flash attention: one more than the places seen to each side.
    """
    q, k, v = (part[0].transpose(0, 1) for part in (query, key, value))
    return attend(q, k, v, documents, scale=scaling, share=dropout, window=sliding_window)[None], None


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    documents: Documents,
    *,
    wanted: Documents | None = None,
    scale: float | None = None,
    share: float = 0.0,
    window: int | None = None,
) -> torch.Tensor:
    """Attention (queries, heads, head size) of each token's document to itself.

    Where heads share keys and values, as in large EuroBERT models, these have fewer heads.

    Args:
        query: Queries (queries, heads, head size): of all tokens, or of those that are `wanted`.
        key: Keys (tokens, heads, head size).
        value: Values (tokens, heads, head size).
        documents: The documents of the tokens.
        wanted: Those of the queries; those of the tokens if None.
        scale: Of the scores; one over the root of the head size if None.
        share: Of the weights that is dropped.
        window: One more than the places seen to each side; all of the document if None. Not where some are wanted only.
    """
    scale = scale or query.shape[-1] ** -0.5
    streams = Streams(query, key, value, documents, wanted or documents, scale, share, window)
    if (found := stream_attention(streams)) is not None:
        return found

    def of_bucket(bucket: Bucket, *padded: torch.Tensor) -> torch.Tensor:
        q, k, v = (part.transpose(1, 2) for part in padded)
        return _padded(q, k, v, _mask(bucket, window, q.device), scale, share).transpose(1, 2)

    return by_bucket(of_bucket, documents, *streams.whole, wanted=wanted)


def _padded(
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


def _mask(bucket: Bucket, window: int | None, device: torch.device) -> torch.Tensor | None:
    """True where a token (documents, 1, queries, keys) may be seen; None where all may."""
    width = bucket.shape[1]
    mask = None if bucket.real is None else bucket.real[:, None, None, :]
    if window is None or width <= window:
        return mask
    column = torch.arange(width, device=device)
    near = ((column[:, None] - column).abs() < window)[None, None]
    # Padding behind a short document sees itself, so that no row is all masked.
    return near if mask is None else (near & mask) | torch.eye(width, dtype=torch.bool, device=device)


AttentionInterface.register(ATTENTION, _attention)
