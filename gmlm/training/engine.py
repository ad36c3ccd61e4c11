"""The engine protocol: what steps a model. The loop knows no other way to touch it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from gmlm.config.optimisation import OptimisationConfig
from gmlm.training.compilation import compile_parts
from gmlm.training.distributed import World
from gmlm.training.host_memory import keep_few_kernels
from gmlm.training.interface import Batch, LossFunction
from gmlm.training.precision import arithmetic
from gmlm.training.recomputation import recompute_layers


class Objective(nn.Module):
    """A model and its loss as one module, since engines need all of the forward pass inside one call.

    With precision bf16 matrix products are computed in it, if the device does so faster than in fp32; weights,
    gradients and optimiser state stay fp32.
    """

    def __init__(self, model: nn.Module, loss: LossFunction, optimisation: OptimisationConfig) -> None:
        super().__init__()
        self.model = model
        self._loss, self._precision = loss, optimisation.precision
        if optimisation.activation_checkpointing:
            recompute_layers(model)
        if optimisation.compile and next(model.parameters()).device.type == "cuda":
            compile_parts(model)

    def forward(self, batch: Batch) -> Any:
        """The mean loss of one micro-batch: a scalar, or a vector (terms)."""
        device = next(self.model.parameters()).device
        with arithmetic(device, self._precision):
            return self._loss(self.model, batch)


class Engine(Protocol):
    """Runs forward, backward and optimiser for a model, on one rank or many. Gradients are averaged over the ranks."""

    @property
    def layout(self) -> str:
        """How a checkpoint of this engine is laid out, such as by ZeRO stage and world size."""
        ...

    @property
    def model(self) -> nn.Module:
        """The model being trained."""
        ...

    def __call__(self, batch: Batch) -> torch.Tensor:
        """Forward pass in the configured precision: the loss of a micro-batch, a scalar or a vector (terms)."""
        ...

    def backward(self, loss: torch.Tensor, *, last: bool) -> None:
        """Add the loss's gradient; `last` marks the last micro-batch of the step."""
        ...

    def step(self, learning_rate: float) -> float | None:
        """Average over ranks, clip, update the weights, clear the gradients; the gradient's norm where it is clipped.

        The norm is the one before clipping.
        """
        ...

    def discard_gradients(self) -> None:
        """Forget what `backward` has added since the last step.

        Raises:
            TrainingError: The engine cannot.
        """
        ...

    def snapshot(self) -> Mapping[str, Callable[[Path], object]]:
        """A copy of weights and optimiser state in memory: for each file of this rank what writes it.

        Called on every rank; training may go on while the files are written.
        """
        ...

    def load_checkpoint(self, folder: Path, layout: str) -> None:
        """Read what an engine with this layout has written, converting it where it can.

        Raises:
            CheckpointMismatchError: It cannot.
        """
        ...

    def finish(self, model: nn.Module) -> None:
        """Leave the trained weights in the model that the engine was opened with."""
        ...

    def discard(self) -> None:
        """Let the engine go without keeping what it has trained."""
        ...


def open_engine(model: nn.Module, loss: LossFunction, optimisation: OptimisationConfig, world: World) -> Engine:
    """The configured engine, with the model on this rank's device."""
    keep_few_kernels()
    if optimisation.engine == "deepspeed":
        from gmlm.training.deepspeed_engine import DeepSpeedEngine

        return DeepSpeedEngine(model, loss, optimisation, world)
    from gmlm.training.torch_engine import TorchEngine

    return TorchEngine(model, loss, optimisation, world)
