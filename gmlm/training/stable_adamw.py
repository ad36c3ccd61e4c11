"""StableAdamW (Wortsman et al. 2023, arXiv 2304.13013, algorithm 2): AdamW whose step shrinks where it would leap.

When gradients grow faster than the second moment follows, AdamW takes steps far larger than its learning rate, which
shows as loss spikes. Here each tensor's learning rate is divided by the root mean square of its gradient over its
second moment, where that exceeds 1 (update clipping of AdaFactor); gradients need no clipping of their norm then.
ModernBERT and BioClinical ModernBERT were trained with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer


class StableAdamW(Optimizer):
    """Decoupled weight decay scales with the shrunken learning rate, as in the paper's algorithm."""

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
        (beta1, beta2), count, eps = group["betas"], int(state["step"]), group["eps"]
        first, second = state["exp_avg"], state["exp_avg_sq"]
        first.lerp_(gradient, 1 - beta1)
        second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        debiased = second / (1 - beta2**count)
        leap = (gradient.square() / debiased.clamp(min=eps * eps)).mean().sqrt().clamp(min=1.0)
        rate = group["lr"] / leap
        parameter.mul_(1 - rate * group["weight_decay"])
        parameter.sub_(first / (1 - beta1**count) / debiased.sqrt().add_(eps) * rate)
