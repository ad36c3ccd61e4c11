"""Masked language modelling with a sparse head: logits at the places to predict only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from gmlm.training import Batch
from gmlm.training.encoders import hidden_states, padded

Head = Callable[[Any, torch.Tensor], Any]


def masked_lm_loss(model: nn.Module, batch: Batch) -> torch.Tensor:
    """The mean cross entropy in nats over the batch's targets; fp32 whatever the precision of the model.

    A batch of unknown tokens only has no targets, and then a loss of zero.
    """
    logits, labels = target_logits(model, batch), batch["labels"]
    return functional.cross_entropy(logits.float(), labels, reduction="sum") / max(1, len(labels))


def target_losses(model: nn.Module, batch: Batch) -> torch.Tensor:
    """The cross entropy in nats of each target (targets)."""
    return functional.cross_entropy(target_logits(model, batch).float(), batch["labels"], reduction="none")


def target_logits(model: Any, batch: Batch) -> Any:
    """Logits (targets, vocabulary) at the batch's targets, which are places in its stream.

    With 15 % of the tokens masked the head costs about a seventh of what it costs at every token, and the last layer a
    third; an architecture whose head is not known pays the full price.
    """
    head = _HEADS.get(model.config.model_type)
    if head is None:
        bucket, inputs = padded(batch)
        return bucket.flatten(model(**inputs).logits)[batch["targets"]]
    return head(model, hidden_states(model, batch, batch["targets"]))


def _bert(model: Any, hidden: torch.Tensor) -> Any:
    return model.cls(hidden)


def _roberta(model: Any, hidden: torch.Tensor) -> Any:
    return model.lm_head(hidden)


def _electra(model: Any, hidden: torch.Tensor) -> Any:
    return model.generator_lm_head(model.generator_predictions(hidden))


def _modernbert(model: Any, hidden: torch.Tensor) -> Any:
    return model.decoder(model.head(hidden))


def _deberta_v2(model: Any, hidden: torch.Tensor) -> Any:
    if model.legacy:
        return model.cls(hidden)
    return model.lm_predictions(hidden, model.base_model.embeddings.word_embeddings)


_HEADS: Mapping[str, Head] = {
    "bert": _bert,
    "roberta": _roberta,
    "xlm-roberta": _roberta,
    "camembert": _roberta,
    "electra": _electra,
    "modernbert": _modernbert,
    "eurobert": _roberta,
    "deberta-v2": _deberta_v2,
}
"""From hidden states at the targets to logits, by model type in transformers."""
