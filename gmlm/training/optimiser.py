"""AdamW, StableAdamW or LAMB, with weight decay on matrices only and, if wanted, learning rates by layer.

Decoupled weight decay: Loshchilov & Hutter 2019. Layer-wise learning rates: Howard & Ruder 2018 (ULMFiT), as used for
encoders by Clark et al. 2020 (ELECTRA, arXiv 2003.10555).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from gmlm.config.optimisation import OptimisationConfig
from gmlm.training.lamb import Lamb
from gmlm.training.stable_adamw import StableAdamW

SCALE = "scale"
"""Key of a parameter group: factor on the learning rate that the loop sets."""
LAYER = re.compile(r"(?:^|\.)layers?\.(\d+)\.")
"""Number of the layer within a parameter's name, in the encoders of transformers."""
KINDS: Mapping[str, type[torch.optim.Optimizer]] = {"stable_adamw": StableAdamW, "lamb": Lamb}


def parameter_groups(model: nn.Module, weight_decay: float, layer_decay: float = 1.0) -> list[dict[str, Any]]:
    """Trainable parameters in groups: matrices and embeddings decay; biases and norms (one dimension) do not.

    With a layer decay below 1 there are two groups for each layer, and the scale of a layer's learning rate is
    `layer_decay` to the power of its distance from the top. Heads lie on top, embeddings below the first layer.
    """
    if layer_decay == 1:
        return _by_dimension([parameter for parameter in model.parameters() if parameter.requires_grad], weight_decay)
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    numbers = {name: int(found[1]) for name in named if (found := LAYER.search(name))}
    top = max(numbers.values(), default=-1) + 1
    groups = []
    for depth in range(top + 2):
        level = [parameter for name, parameter in named.items() if _distance(name, numbers, top) == depth]
        groups += [group | {SCALE: layer_decay**depth} for group in _by_dimension(level, weight_decay)]
    return groups


def _distance(name: str, numbers: Mapping[str, int], top: int) -> int:
    """Layers above a parameter's own: 0 for the head, top + 1 for the embeddings."""
    if name in numbers:
        return top - numbers[name]
    return top + 1 if "embeddings" in name or "embed_tokens" in name else 0


def _by_dimension(parameters: list[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    groups = [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def optimiser_of(model: nn.Module, optimisation: OptimisationConfig) -> torch.optim.Optimizer:
    """The optimiser of a run; the loop sets its learning rate before every step."""
    groups = parameter_groups(model, optimisation.weight_decay, optimisation.layer_decay)
    settings: dict[str, Any] = {
        "lr": optimisation.learning_rate,
        "betas": optimisation.betas,
        "eps": optimisation.epsilon,
    }
    if (kind := KINDS.get(optimisation.optimiser)) is not None:
        return kind(groups, **settings)
    return torch.optim.AdamW(groups, **settings, fused=True)


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of the next step, scaled for each group."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get(SCALE, 1.0)
