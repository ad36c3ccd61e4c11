"""StableAdamW (Wortsman et al. 2023, arXiv 2304.13013, algorithm 2): AdamW whose step shrinks where it would leap.

When gradients grow faster than the second moment follows, AdamW takes steps far larger than its learning rate, which
shows as loss spikes. Here each tensor's learning rate is divided by the root mean square of its gradient over its
second moment, where that exceeds 1 (update clipping of AdaFactor); gradients need no clipping of their norm then.
ModernBERT and BioClinical ModernBERT were trained with it.
"""

from __future__ import annotations

from typing import Any

import torch

from gmlm.training.adam_moments import AdamMoments


class StableAdamW(AdamMoments):
    """Decoupled weight decay scales with the shrunken learning rate, as in the paper's algorithm."""

    def apply(
        self,
        parameter: torch.Tensor,
        gradient: torch.Tensor,
        first: torch.Tensor,
        second: torch.Tensor,
        group: dict[str, Any],
    ) -> None:
        """Step at a rate that shrinks where the gradient leaps."""
        eps = group["eps"]
        leap = (gradient.square() / second.clamp(min=eps * eps)).mean().sqrt().clamp(min=1.0)
        rate = group["lr"] / leap
        parameter.mul_(1 - rate * group["weight_decay"])
        parameter.sub_(first / second.sqrt().add_(eps) * rate)
