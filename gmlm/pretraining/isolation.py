"""Keeps documents that share a row from seeing each other.

Position ids that restart do not isolate: in transformers 5, eager and SDPA attention of encoders ignore them. What
holds under both is an additive mask of four dimensions. Architectures that cannot take one get one document per row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers import PreTrainedModel

PACKABLE = frozenset({"bert", "roberta", "xlm-roberta", "camembert", "electra", "modernbert"})
"""Architectures whose attention takes an additive mask (rows, 1, columns, columns); tested against single documents."""


def encoder_inputs(model: PreTrainedModel, batch: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """The encoder's arguments for a batch of `input_ids`, `documents` (0 is padding) and `positions`."""
    documents = batch["documents"]
    if model.config.model_type not in PACKABLE:
        return {"input_ids": batch["input_ids"], "attention_mask": (documents > 0).long()}
    return {
        "input_ids": batch["input_ids"],
        "position_ids": batch["positions"] + position_offset(model),
        "attention_mask": _attention_mask(model, documents),
    }


def position_offset(model: PreTrainedModel) -> int:
    """Number of the first position: RoBERTa and its kin count from behind the padding id, others from zero."""
    table = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return 0 if padding is None else int(padding) + 1


def _attention_mask(model: PreTrainedModel, documents: torch.Tensor) -> torch.Tensor | dict[str, torch.Tensor]:
    same = documents[:, None, :, None] == documents[:, None, None, :]
    if model.config.model_type != "modernbert":
        return _additive(same)
    # ModernBERT's local layers take a mask of their own, and would attend to everything under the global one.
    column = torch.arange(documents.shape[1], device=documents.device)
    near = (column[:, None] - column[None, :]).abs() <= model.config.sliding_window
    return {"full_attention": _additive(same), "sliding_attention": _additive(same & near)}


def _additive(allowed: torch.Tensor) -> torch.Tensor:
    """Zero where attention is allowed, else the lowest number; padding sees padding, so that no row is all masked."""
    zeros = torch.zeros(allowed.shape, dtype=torch.float32, device=allowed.device)
    return zeros.masked_fill_(~allowed, torch.finfo(torch.float32).min)
