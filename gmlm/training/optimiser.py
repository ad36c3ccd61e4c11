"""AdamW or StableAdamW, with decoupled weight decay (Loshchilov & Hutter 2019) on weight matrices only."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from gmlm.config.optimisation import OptimisationConfig
from gmlm.training.stable_adamw import StableAdamW


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Trainable parameters in two groups: matrices and embeddings decay; biases and norms (one dimension) do not."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trainable if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trainable if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def optimiser_of(model: nn.Module, optimisation: OptimisationConfig) -> torch.optim.Optimizer:
    """The optimiser of a run; the loop sets its learning rate before every step."""
    groups = parameter_groups(model, optimisation.weight_decay)
    rate, betas, epsilon = optimisation.learning_rate, optimisation.betas, optimisation.epsilon
    if optimisation.optimiser == "stable_adamw":
        return StableAdamW(groups, lr=rate, betas=betas, eps=epsilon)
    return torch.optim.AdamW(groups, lr=rate, betas=betas, eps=epsilon, fused=True)
