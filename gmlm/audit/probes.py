"""Probes: texts with tokens masked, and what a model makes of the masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from transformers import PreTrainedModel

from gmlm.telemetry import progress

BATCH_TOKENS = 2048
"""Tokens of one forward pass, padding included."""


@dataclass(frozen=True)
class Probe:
    """A row of ids with its special tokens, and the places that are masked together."""

    ids: tuple[int, ...]
    places: tuple[int, ...]


@dataclass(frozen=True)
class Answers:
    """What a model makes of probes.

    Attributes:
        losses: Mean cross entropy in nats over the masked tokens of each probe.
        recovered: Whether the most likely token at every mask of a probe is the true one.
    """

    losses: NDArray[np.float64]
    recovered: NDArray[np.bool_]


@torch.inference_mode()
def answer(model: PreTrainedModel, probes: Sequence[Probe], mask: int, description: str) -> Answers:
    """Let a model fill in the masks of the probes; `mask` is the id of the mask token."""
    model.eval()
    losses, recovered = np.zeros(len(probes)), np.zeros(len(probes), np.bool_)
    with progress(description, total=len(probes), unit="probes") as bar:
        for batch in _batches(probes):
            chosen = [probes[index] for index in batch]
            loss, right = _answer_batch(model, chosen, mask)
            row = np.repeat(np.arange(len(batch)), [len(probe.places) for probe in chosen])
            losses[batch] = np.bincount(row, loss) / np.bincount(row)
            recovered[batch] = np.bincount(row, right) == np.bincount(row)
            bar.advance(len(batch))
    return Answers(losses, recovered)


def _batches(probes: Sequence[Probe]) -> list[list[int]]:
    """Indices of the probes, longest first, in batches of at most `BATCH_TOKENS` (one probe at least)."""
    batches: list[list[int]] = []
    for index in sorted(range(len(probes)), key=lambda index: (-len(probes[index].ids), index)):
        if not batches or (len(batches[-1]) + 1) * len(probes[batches[-1][0]].ids) > BATCH_TOKENS:
            batches.append([])
        batches[-1].append(index)
    return batches


def _answer_batch(
    model: PreTrainedModel, probes: Sequence[Probe], mask: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Loss, and whether the best guess is right, at each masked place in the order of the probes."""
    lengths = torch.tensor([len(probe.ids) for probe in probes])
    ids = torch.full((len(probes), int(lengths.max())), mask)  # what stands behind a row's end is not attended to
    for row, probe in enumerate(probes):
        ids[row, : len(probe.ids)] = torch.tensor(probe.ids)
    rows = torch.tensor([row for row, probe in enumerate(probes) for _ in probe.places])
    places = torch.tensor([place for probe in probes for place in probe.places])
    true = ids[rows, places].to(model.device)
    ids[rows, places] = mask
    attention = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    output = model(input_ids=ids.to(model.device), attention_mask=attention.to(model.device))
    logits = output.logits[rows, places].float()
    losses = functional.cross_entropy(logits, true, reduction="none")
    return losses.double().cpu().numpy(), (logits.argmax(dim=-1) == true).cpu().numpy()
