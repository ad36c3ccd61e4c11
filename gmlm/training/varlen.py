"""Attention within documents by one kernel for the whole stream, where a GPU and what is installed offer one.

- flash-attn, where it is installed: bf16 and fp16, with dropout and with a window.
- PyTorch's `varlen_attn`: bf16 and fp16, without dropout.
- PyTorch's attention of nested tensors: any precision, with dropout, without a window.

Where none of them serves, attention goes bucket by bucket.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch.nn import functional

from gmlm.training.stream import Documents

HALF = (torch.bfloat16, torch.float16)
LARGEST_HEAD = 256
"""Kernels take heads up to this size, in multiples of 8; nested tensors are padded to it by themselves."""


@dataclass(frozen=True)
class Streams:
    """What is to be attended to, as `attention.attend` defines it.

    Attributes:
        query: Queries (queries, heads, head size).
        key: Keys (tokens, heads, head size), which may have fewer heads.
        value: Values, likewise.
        documents: The documents of the tokens.
        wanted: Those of the queries.
        scale: Of the scores.
        share: Of the weights that is dropped.
        window: One more than the places seen to each side; None for all of the document.
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    documents: Documents
    wanted: Documents
    scale: float
    share: float
    window: int | None

    @property
    def lengths(self) -> tuple[torch.Tensor, torch.Tensor, int, int]:
        """Offsets of queries and of tokens, and bounds of how many of each a document has."""
        longest = self.documents.longest
        return self.wanted.offsets, self.documents.offsets, longest, longest

    @property
    def sides(self) -> tuple[int, int]:
        """How many places to the left and to the right are seen; -1 is all."""
        return (-1, -1) if self.window is None else (self.window - 1, self.window - 1)

    @property
    def sharing(self) -> int:
        """How many heads of the queries share one of the keys."""
        return self.query.shape[1] // self.key.shape[1]

    @property
    def whole(self) -> tuple[torch.Tensor, ...]:
        """Queries, keys and values, each with all heads, for what cannot share them."""
        if self.sharing == 1:
            return self.query, self.key, self.value
        return self.query, *(part.repeat_interleave(self.sharing, 1) for part in (self.key, self.value))


Kernel = Callable[[Streams], torch.Tensor]


def stream_attention(streams: Streams) -> torch.Tensor | None:
    """Attention (queries, heads, head size); None where no kernel serves."""
    if not _has_kernels(streams.query.device):
        return None
    if torch.is_autocast_enabled("cuda"):  # Kernels do not heed it, and rotary positions make queries fp32.
        dtype = torch.get_autocast_dtype("cuda")
        parts = {name: getattr(streams, name).to(dtype) for name in ("query", "key", "value")}
        streams = replace(streams, **parts)
    kernel = kernel_for(streams)
    return None if kernel is None else kernel(streams)


def kernel_for(streams: Streams) -> Kernel | None:
    """What serves these; None if nothing does."""
    size = streams.query.shape[-1]
    fits = streams.query.dtype in HALF and size % 8 == 0 and size <= LARGEST_HEAD
    if fits and _function("flash_attn", "flash_attn_varlen_func") is not None:
        return flash
    if fits and streams.share == 0 and _function("torch.nn.attention.varlen", "varlen_attn") is not None:
        return varlen
    # A document of which nothing is wanted keeps nested tensors from their fast kernels.
    return nested if streams.window is None and streams.wanted is streams.documents else None


def flash(streams: Streams) -> torch.Tensor:
    """By flash-attn (Dao 2023, arXiv 2307.08691)."""
    attention: Any = _function("flash_attn", "flash_attn_varlen_func")
    how = {"dropout_p": streams.share, "softmax_scale": streams.scale, "window_size": streams.sides}
    found: torch.Tensor = attention(streams.query, streams.key, streams.value, *streams.lengths, **how)
    return found


def varlen(streams: Streams) -> torch.Tensor:
    """By PyTorch's attention for documents of various lengths; nothing is dropped."""
    attention: Any = _function("torch.nn.attention.varlen", "varlen_attn")
    how = {"scale": streams.scale, "window_size": streams.sides, "enable_gqa": streams.sharing > 1}
    found: torch.Tensor = attention(streams.query, streams.key, streams.value, *streams.lengths, **how)
    return found


def nested(streams: Streams) -> torch.Tensor:
    """By PyTorch's attention of nested tensors; every token of a document sees all of it."""
    q, k, v = (_nested(part, streams.documents) for part in streams.whole)
    found = functional.scaled_dot_product_attention(q, k, v, dropout_p=streams.share, scale=streams.scale)
    states: torch.Tensor = found.transpose(1, 2).values()
    return states


def _nested(stream: torch.Tensor, documents: Documents) -> torch.Tensor:
    """A stream (tokens, heads, head size) as a nested tensor (documents, heads, tokens of each, head size)."""
    shortest, longest, offsets = min(documents.sizes), documents.longest, documents.offsets.long()
    stream = stream.contiguous()
    jagged = torch.nested.nested_tensor_from_jagged(stream, offsets=offsets, min_seqlen=shortest, max_seqlen=longest)
    return jagged.transpose(1, 2)


def _has_kernels(device: torch.device) -> bool:
    return device.type == "cuda"


@cache
def _function(module: str, name: str) -> Any:
    """A function of a module that may not be installed; None then."""
    try:
        return getattr(import_module(module), name, None)
    except ImportError:
        return None
