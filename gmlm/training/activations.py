"""How many bytes a forward pass keeps for the way back: what a micro-batch needs of memory beside the model's state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Kept:
    """Bytes that were kept."""

    bytes: int = 0


@contextmanager
def activations_of(model: nn.Module, device: torch.device) -> Iterator[Kept]:
    """Measure the forward pass in this block: on a GPU by what it allocates, else by what autograd saves of it."""
    kept = Kept()
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        yield kept
        kept.bytes = max(0, torch.cuda.memory_allocated(device) - before)
        return
    known = {_storage(parameter) for parameter in model.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if (storage := _storage(tensor)) not in known:  # Views of one storage count once.
            known.add(storage)
            kept.bytes += tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield kept


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
