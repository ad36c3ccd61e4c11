"""Hidden states of a stream of documents, each of which sees itself alone, for any encoder of transformers.

Position ids that restart do not isolate: in transformers 5, eager and SDPA attention of encoders ignore them. Here

- architectures with transformers' attention interface get an attention of ours, bucket by bucket;
- DeBERTa-v2, which has no such interface, runs layer by layer with its own attention on each bucket;
- all others run on documents padded to the longest.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import PreTrainedModel

from gmlm.training.attention import ATTENTION
from gmlm.training.disentangled import run_deberta_v2
from gmlm.training.interface import Batch
from gmlm.training.last_layer import last_layer_at
from gmlm.training.stand_ins import attention_of
from gmlm.training.stream import Bucket, Documents, in_one_bucket

PACKABLE = frozenset({"bert", "roberta", "xlm-roberta", "camembert", "electra", "modernbert", "eurobert", "deberta-v2"})
"""Architectures whose documents share a stream; tested against single documents."""


def hidden_states(model: Any, batch: Batch, places: torch.Tensor | None = None) -> torch.Tensor:
    """The last hidden states (tokens, hidden size) of a stream, or those at some of its places alone.

    Args:
        model: Encoder with a head.
        batch: `input_ids` (tokens), `lengths` (documents) and, if wanted, `token_type_ids` (tokens) of a stream,
            longest documents first.
        places: Where states are wanted, ascending; everywhere if None.
    """
    if not packable(model):
        bucket, inputs = padded(batch)
        states = bucket.flatten(model.base_model(**inputs).last_hidden_state)
        return states if places is None else states[places]
    positions = _positions(batch["lengths"]) + position_offset(model)
    inputs = {name: batch[name][None] for name in ("input_ids", "token_type_ids") if name in batch}
    inputs["position_ids"] = positions[None]
    documents = Documents(batch["lengths"])
    if model.config.model_type == "deberta-v2":
        return run_deberta_v2(model.base_model, inputs, documents, places)
    with attention_of(model.config, ATTENTION), last_layer_at(model, places):
        found: torch.Tensor = model.base_model(**inputs, documents=documents).last_hidden_state[0]
    return found


def packable(model: PreTrainedModel) -> bool:
    """Whether the model can keep documents of one stream apart; a convolution over tokens cannot."""
    return model.config.model_type in PACKABLE and not getattr(model.config, "conv_kernel_size", 0)


def padded(batch: Batch) -> tuple[Bucket, dict[str, torch.Tensor]]:
    """A stream as one batch of rows padded to the longest document, as any encoder takes it."""
    bucket = in_one_bucket(batch["lengths"])
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
