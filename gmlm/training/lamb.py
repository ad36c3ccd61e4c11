"""LAMB (You et al. 2020, arXiv 1904.00962, algorithm 2): AdamW whose step on each tensor is a share of its norm.

With batches of thousands of rows one learning rate for all layers is too large for some and too small for others. Here
each tensor's update, Adam's direction plus weight decay, is scaled to the tensor's own norm. medBERT.de was trained
with it. Tensors of one dimension, biases and norms, are not scaled, as in the authors' code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer


class Lamb(Optimizer):
    """Adam's moments are debiased; the trust ratio is 1 where a norm is zero."""

    def __init__(
        self, params: Any, *, lr: float, betas: tuple[float, float], eps: float, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update all parameters that have a gradient."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)
        return loss

    def _update(self, parameter: torch.Tensor, gradient: torch.Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        (beta1, beta2), count = group["betas"], int(state["step"])
        first, second = state["exp_avg"], state["exp_avg_sq"]
        first.lerp_(gradient, 1 - beta1)
        second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        update = first / (1 - beta1**count) / (second / (1 - beta2**count)).sqrt().add_(group["eps"])
        update.add_(parameter, alpha=group["weight_decay"])
        parameter.sub_(update * (group["lr"] * _trust_ratio(parameter, update)))


def _trust_ratio(parameter: torch.Tensor, update: torch.Tensor) -> torch.Tensor:
    """The tensor's norm over its update's."""
    size, change = parameter.norm(), update.norm()
    usable = (size > 0) & (change > 0) & (parameter.ndim > 1)
    return torch.where(usable, size / change, torch.ones_like(size))
