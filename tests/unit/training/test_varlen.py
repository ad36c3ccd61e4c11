"""Kernels for documents of various lengths give what documents alone give; those for GPUs by stand-ins of theirs."""

from __future__ import annotations

import inspect
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.attention.varlen as pytorch
from torch.nn import functional

from gmlm.training import varlen
from gmlm.training.encoders import hidden_states
from tests.unit.training.test_encoders import PLACES, SETTINGS, alone, gradients, stream, tiny

TYPES = sorted(set(SETTINGS) - {"deberta-v2", "distilbert"})
WINDOWED = "modernbert"
SIGNATURE = inspect.signature(pytorch.varlen_attn)


def documents_alone(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    offsets: tuple[torch.Tensor, torch.Tensor],
    scale: float,
    sides: tuple[int, int],
) -> torch.Tensor:
    """What the kernels compute, document by document."""
    found = []
    of_queries, of_tokens = (torch.diff(each).tolist() for each in offsets)
    sharing = query.shape[1] // key.shape[1]
    for q, k, v in zip(query.split(of_queries), key.split(of_tokens), value.split(of_tokens), strict=True):
        q, k, v = (part.transpose(0, 1) for part in (q, k, v))
        k, v = k.repeat_interleave(sharing, 0), v.repeat_interleave(sharing, 0)
        away = torch.arange(k.shape[1]) - torch.arange(q.shape[1])[:, None]
        near = ((away >= -sides[0]) & (away <= sides[1])) if sides != (-1, -1) else torch.ones_like(away).bool()
        found.append(functional.scaled_dot_product_attention(q, k, v, near, scale=scale).transpose(0, 1))
    return torch.cat(found)


def flash_attn_varlen_func(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    cu_seqlens_q: torch.Tensor,
    cu_seqlens_k: torch.Tensor,
    max_seqlen_q: int,
    max_seqlen_k: int,
    dropout_p: float = 0.0,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_size: tuple[int, int] = (-1, -1),
) -> torch.Tensor:
    """With the signature of flash-attn 2."""
    assert cu_seqlens_q.dtype == cu_seqlens_k.dtype == torch.int32
    assert max_seqlen_q >= int(torch.diff(cu_seqlens_q).max())
    assert max_seqlen_k == int(torch.diff(cu_seqlens_k).max())
    assert dropout_p == 0
    assert softmax_scale is not None
    return documents_alone(q, k, v, (cu_seqlens_q, cu_seqlens_k), softmax_scale, window_size)


def varlen_attn(*given: Any, **named: Any) -> torch.Tensor:
    """With the signature of PyTorch's own."""
    bound = SIGNATURE.bind(*given, **named).arguments
    assert bound["enable_gqa"] == (bound["query"].shape[1] != bound["key"].shape[1])
    offsets = bound["cu_seq_q"], bound["cu_seq_k"]
    return documents_alone(bound["query"], bound["key"], bound["value"], offsets, bound["scale"], bound["window_size"])


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lets a CPU count as what has kernels, and collects which are used."""
    names: list[str] = []

    def chosen(streams: varlen.Streams) -> varlen.Kernel | None:
        kernel = kernel_for(streams)
        names.append("buckets" if kernel is None else kernel.__name__)
        return kernel

    kernel_for = varlen.kernel_for
    monkeypatch.setattr(varlen, "kernel_for", chosen)
    monkeypatch.setattr(varlen, "_has_kernels", lambda device: True)
    varlen._function.cache_clear()
    return names


def install(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for a kernel that takes fp32 too."""
    monkeypatch.setitem(sys.modules, "flash_attn", None)
    if kernel != "nested":
        monkeypatch.setattr(varlen, "HALF", (torch.float32,))
    if kernel == "flash":
        module = SimpleNamespace(flash_attn_varlen_func=flash_attn_varlen_func)
        monkeypatch.setitem(sys.modules, "flash_attn", module)
    monkeypatch.setattr(pytorch, "varlen_attn", varlen_attn)


@pytest.mark.parametrize("places", [None, PLACES], ids=["everywhere", "some"])
@pytest.mark.parametrize("kernel", ["flash", "varlen", "nested"])
@pytest.mark.parametrize("model_type", TYPES)
def test_every_kernel_keeps_documents_apart(
    model_type: str, kernel: str, places: torch.Tensor | None, used: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, batch = tiny(model_type), stream()
    expected = alone(model, batch)
    expected = expected if places is None else expected[places]
    wanted_gradients = gradients(model, expected)
    install(kernel, monkeypatch)
    found = hidden_states(model, batch, places)
    assert torch.allclose(found, expected, atol=1e-5)
    for name, gradient in gradients(model, found).items():
        near = 1e-5 * max(1.0, float(wanted_gradients[name].abs().max()))
        assert torch.allclose(gradient, wanted_gradients[name], atol=near), name
    # Nested tensors have neither windows nor documents of which nothing is wanted.
    others = {"buckets"} if kernel == "nested" and (model_type == WINDOWED or places is not None) else set()
    assert kernel in used
    assert set(used) - {kernel} <= others


def test_dropout_needs_a_kernel_that_has_it(used: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(varlen, "HALF", (torch.float32,))
    monkeypatch.setitem(sys.modules, "flash_attn", None)
    model = tiny("bert", attention_probs_dropout_prob=0.5).train()
    hidden_states(model, stream())
    assert set(used) == {"nested"}


def test_heads_that_kernels_do_not_take_go_another_way(used: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    install("flash", monkeypatch)
    for heads, expected in ((2, "flash"), (8, "nested")):  # of 16 and of 4
        used.clear()
        hidden_states(tiny("bert", num_attention_heads=heads), stream())
        assert set(used) == {expected}


def test_a_cpu_goes_bucket_by_bucket() -> None:
    batch = stream()
    states = torch.ones(len(batch["input_ids"]), 1, 8)
    documents = varlen.Documents(batch["lengths"])
    assert varlen.stream_attention(varlen.Streams(states, states, states, documents, documents, 1, 0, None)) is None
