"""LAMB (You et al. 2020, arXiv 1904.00962, algorithm 2): AdamW whose step on each tensor is a share of its norm.

With batches of thousands of rows one learning rate for all layers is too large for some and too small for others. Here
each tensor's update, Adam's direction plus weight decay, is scaled to the tensor's own norm. medBERT.de was trained
with it. Tensors of one dimension, biases and norms, are not scaled, as in the authors' code.
"""

from __future__ import annotations

from typing import Any

import torch

from gmlm.training.adam_moments import AdamMoments


class Lamb(AdamMoments):
    """Adam's moments are debiased; the trust ratio is 1 where a norm is zero."""

    def apply(
        self,
        parameter: torch.Tensor,
        gradient: torch.Tensor,
        first: torch.Tensor,
        second: torch.Tensor,
        group: dict[str, Any],
    ) -> None:
        """Step by a share of the tensor's norm."""
        update = first / second.sqrt().add_(group["eps"])
        update.add_(parameter, alpha=group["weight_decay"])
        parameter.sub_(update * (group["lr"] * _trust_ratio(parameter, update)))


def _trust_ratio(parameter: torch.Tensor, update: torch.Tensor) -> torch.Tensor:
    """The tensor's norm over its update's."""
    size, change = parameter.norm(), update.norm()
    usable = (size > 0) & (change > 0) & (parameter.ndim > 1)
    return torch.where(usable, size / change, torch.ones_like(size))
