"""Compile what works token by token, by torch.compile: the parts of a layer around attention, and the head's transform.

Biases, activations, dropout, residuals and norms are many small kernels that a GPU's memory limits; compiled they are
few. Attention is one kernel already, and what it is told of documents changes with every batch, so it stays outside.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

PARTS = ("Intermediate", "Output", "MLP", "PredictionHeadTransform")
"""Ends of the names of transformers' classes that work token by token."""


def compile_parts(model: nn.Module) -> int:
    """Let the parts of a model that work token by token be compiled when they are first called; how many there are.

    The model keeps its modules, names and weights. The number of tokens may change without compiling again.
    """
    parts = list(_parts(model))
    for part in parts:
        part.compile(dynamic=True)
    return len(parts)


def release_parts(model: nn.Module) -> None:
    """Let them run as they were written."""
    for part in _parts(model):
        part._compiled_call_impl = None


def _parts(model: nn.Module) -> Iterator[nn.Module]:
    return (module for module in model.modules() if type(module).__name__.endswith(PARTS))
