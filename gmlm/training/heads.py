"""Models with a head of any kind on padded rows, while their encoder runs on the stream of the rows' tokens.

Heads of fine-tuning are a layer or two; what padding costs, it costs in the encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutputWithPooling

from gmlm.training.encoders import hidden_states, packable
from gmlm.training.stand_ins import forward_of
from gmlm.training.stream import in_one_bucket

INPUTS = ("input_ids", "token_type_ids")
"""What an encoder reads of each token."""


def run_with_head(model: Any, batch: Mapping[str, torch.Tensor]) -> Any:
    """What `model(**batch)` returns, without computing the encoder's padding.

    Args:
        model: An encoder with a head.
        batch: `input_ids` and `attention_mask` (rows, longest), padded at the right, and what else the model takes.
    """
    if not packable(model):
        return model(**batch)
    with _encoded(model.base_model, _encode(model, batch)):
        return model(**batch)


def _encode(model: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Hidden states (rows, longest, hidden size) in the order of the rows; padding is zero."""
    mask = batch["attention_mask"].bool()
    lengths, order = mask.sum(1).sort(descending=True, stable=True)
    stream = {name: batch[name][order][mask[order]] for name in INPUTS if name in batch}
    rows = in_one_bucket(lengths)
    return rows.gather(hidden_states(model, {**stream, "lengths": lengths}))[order.argsort()]


def _encoded(encoder: Any, states: torch.Tensor) -> AbstractContextManager[None]:
    """For the time of a call the encoder returns these states, and what its own pooler makes of them."""
    pooler = getattr(encoder, "pooler", None)
    pooled = None if pooler is None else pooler(states)
    output = BaseModelOutputWithPooling(last_hidden_state=states, pooler_output=pooled)
    return forward_of(encoder, lambda *_, **__: output)
