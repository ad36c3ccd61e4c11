"""Activation checkpointing (Chen et al. 2016, arXiv 1604.06174): a layer's activations are computed again going back.

What a layer keeps is then its input alone, for a third more operations. transformers' own switch has another name in
each version, and would compute again with whatever attention the model is set to by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from gmlm.errors import TrainingError
from gmlm.training.stand_ins import attention_of

_MARK = "_gmlm_recomputed"


def recompute_layers(model: nn.Module) -> None:
    """Let all layers of the transformers in a model compute their activations again, until they are released.

    Raises:
        TrainingError: There are none.
    """
    layers = list(_layers(model))
    if not layers:
        raise TrainingError(
            "the model has no layers of transformers whose activations could be computed again",
            where="activation_checkpointing",
            fix="turn it off",
        )
    for config, layer in layers:
        layer.forward = partial(_forward, layer)
        setattr(layer, _MARK, config)


def release_layers(model: nn.Module) -> None:
    """Let the layers be as they were."""
    for _, layer in _layers(model):
        layer.__dict__.pop("forward", None)
        layer.__dict__.pop(_MARK, None)


def call_layer(layer: nn.Module, function: Callable[..., Any], *given: Any, **more: Any) -> Any:
    """Call what stands for a layer's forward pass, keeping activations or not as the layer is meant to."""
    config = getattr(layer, _MARK, None)
    if config is None or not torch.is_grad_enabled():
        return function(*given, **more)
    return checkpoint(function, *given, use_reentrant=False, context_fn=partial(_contexts, config), **more)


def _forward(layer: nn.Module, *given: Any, **more: Any) -> Any:
    return call_layer(layer, partial(type(layer).forward, layer), *given, **more)


def _layers(model: nn.Module, config: Any = None) -> Iterator[tuple[Any, nn.Module]]:
    """The layers within a model, each with the configuration that names its attention."""
    config = model.config if isinstance(model, PreTrainedModel) else config
    if isinstance(model, GradientCheckpointingLayer):
        yield config, model
        return
    for child in model.children():
        yield from _layers(child, config)


def _contexts(config: Any) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Around a layer's first pass, and around its second: the attention is that of the first."""
    return nullcontext(), attention_of(config, config._attn_implementation)
