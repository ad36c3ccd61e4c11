"""Counts what the collectives of torch.distributed move, DeepSpeed's among them, as ring algorithms move it.

A ring sends, from each of n ranks on average, for a tensor of S bytes: 2 (n-1)/n S to all-reduce it, (n-1)/n S to
reduce-scatter, all-gather, broadcast or reduce it (Patarasu and Yuan 2009; NCCL does the same).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
import torch.distributed as dist

PASSES = {
    "all_reduce": 2,
    "all_reduce_coalesced": 2,
    "reduce": 1,
    "broadcast": 1,
    "reduce_scatter_tensor": 1,
    "_reduce_scatter_base": 1,
    "reduce_scatter": 1,
    "all_gather_into_tensor": 1,
    "_all_gather_base": 1,
    "all_gather": 1,
    "all_to_all_single": 1,
}
"""How often a collective sends (n-1)/n of its whole tensor."""
PARTS = ("reduce_scatter_tensor", "_reduce_scatter_base", "all_to_all_single")
"""Collectives whose whole tensor is their second argument; of all others it is the first."""


class CollectiveBytes:
    """Counts from `install` on; only the outermost collective of nested ones counts."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._inside = False

    def install(self) -> None:
        """Wrap the collectives. Call it before DeepSpeed is initialised, which keeps references to some."""
        for name, passes in PASSES.items():
            if hasattr(dist, name):
                setattr(dist, name, self._wrapped(name, passes, getattr(dist, name)))

    def clear(self) -> None:
        """Count from nothing."""
        self.sent.clear()
        self.calls.clear()

    def _wrapped(self, name: str, passes: int, collective: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(collective)
        def counted(*args: Any, **kwargs: Any) -> Any:
            if self._inside:
                return collective(*args, **kwargs)
            ranks = dist.get_world_size(kwargs.get("group"))
            place = 1 if name in PARTS else 0
            whole = args[place] if len(args) > place else next(iter(kwargs.values()))
            self.sent[name] += passes * (ranks - 1) * _bytes(whole) // ranks
            self.calls[name] += 1
            self._inside = True
            try:
                return collective(*args, **kwargs)
            finally:
                self._inside = False

        return counted


def _bytes(value: torch.Tensor | list[torch.Tensor]) -> int:
    tensors = value if isinstance(value, list) else [value]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
