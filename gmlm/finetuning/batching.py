"""Batches of windows of like length, planned before training: the batch is a pure function of the step."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gmlm.finetuning.windows import Window
from gmlm.telemetry import progress
from gmlm.training.heads import run_with_head

BUCKET_BATCHES = 16
"""Batches that are drawn at random together and then sorted by length: less padding, and order is still random."""
PREDICTION_TOKENS = 8192
"""Input ids of one batch in prediction, padding included."""


@dataclass(frozen=True)
class TrainingItem:
    """What is learnt from as one: the windows that are read, and the target of the kind of task."""

    windows: tuple[Window, ...]
    target: Any

    @property
    def length(self) -> int:
        """Input ids of the longest window."""
        return max(len(window.ids) for window in self.windows)


def plan_batches(items: Sequence[TrainingItem], batch_size: int, epochs: int, seed: int) -> list[list[int]]:
    """Indices of the items of each step, over all epochs: each item once an epoch, in an order of its own.

    A batch holds up to `batch_size` windows of like length; an item with more windows is a batch of its own.
    """
    plan: list[list[int]] = []
    for epoch in range(epochs):
        order = random.Random(f"{seed}:{epoch}")
        indices = list(range(len(items)))
        order.shuffle(indices)
        batches = _batches(items, indices, batch_size)
        order.shuffle(batches)
        plan += batches
    return plan


def epoch_ends(items: Sequence[TrainingItem], plan: Sequence[Sequence[int]]) -> list[int]:
    """Steps done at the end of each epoch of a plan."""
    seen = accumulate(map(len, plan))
    return [step for step, count in enumerate(seen, start=1) if count % len(items) == 0]


def _batches(items: Sequence[TrainingItem], indices: Sequence[int], batch_size: int) -> list[list[int]]:
    batches: list[list[int]] = []
    for start in range(0, len(indices), batch_size * BUCKET_BATCHES):
        bucket = sorted(indices[start : start + batch_size * BUCKET_BATCHES], key=lambda index: items[index].length)
        batch: list[int] = []
        for index in bucket:
            if batch and sum(len(items[i].windows) for i in [*batch, index]) > batch_size:
                batches.append(batch)
                batch = []
            batch.append(index)
        batches.append(batch)
    return batches


class Padding:
    """Pads windows to tensors that a model takes.

    Args:
        pad: Input id of padding.
        typed: Whether the model takes token types.
    """

    def __init__(self, pad: int, *, typed: bool) -> None:
        self._pad, self._typed = pad, typed

    def tensors(self, windows: Sequence[Window]) -> dict[str, torch.Tensor]:
        """`input_ids`, `attention_mask` and, where the model knows them, `token_type_ids`: (windows, longest)."""
        longest = max(len(window.ids) for window in windows)
        batch = {
            "input_ids": padded([window.ids for window in windows], longest, self._pad),
            "attention_mask": padded([[1] * len(window.ids) for window in windows], longest, 0),
        }
        if self._typed:
            batch["token_type_ids"] = padded([window.types for window in windows], longest, 0)
        return batch


def padded(rows: Sequence[Sequence[int]], length: int, value: int) -> torch.Tensor:
    """Rows of ids as one tensor of (rows, length), filled up with a value."""
    tensor = torch.full((len(rows), length), value, dtype=torch.long)
    for index, row in enumerate(rows):
        tensor[index, : len(row)] = torch.tensor(row)
    return tensor


@torch.inference_mode()
def run_windows(
    model: nn.Module,
    windows: Sequence[Window],
    padding: Padding,
    output: Callable[[Any], torch.Tensor],
    description: str,
) -> list[NDArray[np.float32]]:
    """The model's output for each window, in the order given.

    Args:
        model: A trained model; it is put into evaluation mode.
        windows: What it reads.
        padding: Makes the model's input.
        output: Takes one tensor with a row a window from what the model returns.
        description: Names the progress bar.
    """
    model.eval()
    device = next(model.parameters()).device
    rows: dict[int, NDArray[np.float32]] = {}
    with progress(description, total=len(windows), unit="windows") as bar:
        for batch in _prediction_batches(windows):
            tensors = padding.tensors([windows[index] for index in batch])
            result = output(run_with_head(model, {name: tensor.to(device) for name, tensor in tensors.items()}))
            rows.update(zip(batch, result.float().cpu().numpy(), strict=True))
            bar.advance(len(batch))
    return [rows[index] for index in range(len(windows))]


def _prediction_batches(windows: Sequence[Window]) -> list[list[int]]:
    batches: list[list[int]] = []
    for index in sorted(range(len(windows)), key=lambda index: (-len(windows[index].ids), index)):
        full = not batches or (len(batches[-1]) + 1) * len(windows[batches[-1][0]].ids) > PREDICTION_TOKENS
        if full:
            batches.append([])
        batches[-1].append(index)
    return batches


Batch = Mapping[str, torch.Tensor]
