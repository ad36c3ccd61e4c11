"""Replaced-token detection (Clark et al. 2020, arXiv 2003.10555): the losses of generator and discriminator.

The generator fills in the masked places; the discriminator tells of every token, special ones included, whether it was
replaced. Sampling inverts the distribution function at a number that the batch brings for each place, a hash of (seed,
step, place): it needs no generator state, and ranks and micro-batches change nothing about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from gmlm.pretraining.batches import DRAWS
from gmlm.pretraining.electra import ElectraPair
from gmlm.pretraining.objective import target_logits
from gmlm.training import Batch
from gmlm.training.encoders import hidden_states

GENERATOR_LOSS, DISCRIMINATOR_LOSS = "generator_loss", "discriminator_loss"
ACCURACY, REPLACED = "discriminator_accuracy", "replaced_share"


@dataclass(frozen=True)
class Detection:
    """What both models make of a batch.

    Attributes:
        generator_loss: Mean cross entropy in nats over the targets; scalar.
        logits: Of being replaced (tokens).
        replaced: 1 where the token is another than it was, else 0 (tokens).
    """

    generator_loss: torch.Tensor
    logits: torch.Tensor
    replaced: torch.Tensor


def terms_of(model: ElectraPair) -> Mapping[str, float]:
    """The terms of the loss with their coefficients, in their order, and two figures that are only watched."""
    return {GENERATOR_LOSS: 1.0, DISCRIMINATOR_LOSS: model.discriminator_weight, ACCURACY: 0.0, REPLACED: 0.0}


def replaced_token_loss(model: nn.Module, batch: Batch) -> torch.Tensor:
    """The means (4) that `terms_of` names: the first over the targets, the others over all tokens; in nats, and shares.

    Answering "original" always is right for all but the replaced share.
    """
    assert isinstance(model, ElectraPair)
    found = detect(model, batch)
    loss = functional.binary_cross_entropy_with_logits(found.logits, found.replaced)
    accuracy = ((found.logits > 0) == (found.replaced > 0)).float().mean()
    return torch.stack([found.generator_loss, loss, accuracy, found.replaced.mean()])


def detect(model: ElectraPair, batch: Batch) -> Detection:
    """Let the generator fill in the masked places of a stream, and the discriminator look for what it replaced."""
    targets, labels = batch["targets"], batch["labels"]
    logits = target_logits(model.generator, batch).float()
    loss = functional.cross_entropy(logits, labels, reduction="sum") / max(1, len(labels))
    fillings = sampled(logits.detach(), batch[DRAWS])
    ids = batch["input_ids"]
    # All masked places are targets, so elsewhere the stream is as it was.
    filled = {**batch, "input_ids": ids.index_copy(0, targets, fillings)}
    replaced = torch.zeros(len(ids), device=ids.device).index_copy(0, targets, (fillings != labels).float())
    scores = model.discriminator.discriminator_predictions(hidden_states(model.discriminator, filled))
    return Detection(loss, scores.float(), replaced)


def sampled(logits: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """A token (places) from the distribution of each place, by numbers in [0, 1).

    Args:
        logits: Logits (places, vocabulary).
        draws: The numbers (places).
    """
    cumulated = torch.softmax(logits, dim=-1).cumsum(dim=-1)
    wanted = (draws.double() * cumulated[:, -1].double()).to(cumulated)
    # A draw close to 1 may round up to the sum, behind which there is no token.
    return torch.searchsorted(cumulated, wanted[:, None], right=True)[:, 0].clamp(max=logits.shape[1] - 1)
