"""Plain PyTorch: the whole model on every rank, gradients averaged before the optimiser step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load_model, save_file
from torch import nn

from gmlm.config.optimisation import OptimisationConfig
from gmlm.errors import CheckpointMismatchError
from gmlm.training.compilation import release_parts
from gmlm.training.distributed import World
from gmlm.training.engine import Objective
from gmlm.training.interface import Batch, LossFunction
from gmlm.training.optimiser import optimiser_of, set_learning_rate
from gmlm.training.recomputation import release_layers

WEIGHTS = "model.safetensors"
OPTIMISER = "optimiser.pt"


class TorchEngine:
    """Trains the given model in place."""

    def __init__(self, model: nn.Module, loss: LossFunction, optimisation: OptimisationConfig, world: World) -> None:
        self._objective = Objective(model.to(world.device), loss, optimisation)
        self._optimiser = optimiser_of(self._objective, optimisation)
        self._optimisation, self._world = optimisation, world

    @property
    def layout(self) -> str:
        """Every rank holds everything, so any world size may go on."""
        return "torch"

    @property
    def model(self) -> nn.Module:
        """The model being trained."""
        return self._objective.model

    def __call__(self, batch: Batch) -> torch.Tensor:
        """The loss of a micro-batch: a scalar, or a vector (terms)."""
        loss: torch.Tensor = self._objective(batch)
        return loss

    def backward(self, loss: torch.Tensor, *, last: bool) -> None:
        """Add the loss's gradient."""
        torch.autograd.backward(loss)

    def step(self, learning_rate: float) -> float | None:
        """Average over ranks, clip, update, clear; the gradient's norm where it is clipped."""
        norm = None
        if self._world.size > 1:
            self._average_gradients()
        if self._optimisation.max_gradient_norm > 0:
            limit = self._optimisation.max_gradient_norm
            norm = float(nn.utils.clip_grad_norm_(self._objective.parameters(), limit))
        set_learning_rate(self._optimiser, learning_rate)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        return norm

    def _average_gradients(self) -> None:
        for parameter in self._objective.parameters():
            if parameter.requires_grad:
                # A rank whose batch did not reach a parameter takes part with zeros: collectives must match.
                parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                dist.all_reduce(parameter.grad)
                parameter.grad /= self._world.size

    def discard_gradients(self) -> None:
        """Forget them."""
        self._optimiser.zero_grad(set_to_none=True)

    def snapshot(self) -> Mapping[str, Callable[[Path], object]]:
        """Weights as safetensors and the optimiser state; rank 0 has all of it."""
        if not self._world.is_main:
            return {}
        weights, optimiser = copied(_unique(self.model)), copied(self._optimiser.state_dict())
        return {
            WEIGHTS: lambda file: save_file(weights, file),
            OPTIMISER: lambda file: torch.save(optimiser, file),
        }

    def load_checkpoint(self, folder: Path, layout: str) -> None:
        """Read weights and optimiser state."""
        if layout != self.layout:
            raise CheckpointMismatchError(
                f"the checkpoint is of another engine: {layout[:40]!r}",
                where=str(folder),
                fix="set 'engine' as it was, or delete the folder to start over",
            )
        load_model(self.model, folder / WEIGHTS, device=str(self._world.device))
        state = torch.load(folder / OPTIMISER, map_location=self._world.device, weights_only=True)
        self._optimiser.load_state_dict(state)

    def finish(self, model: nn.Module) -> None:
        """The given model was trained; its layers are as they were."""
        release_layers(model)
        release_parts(model)

    def discard(self) -> None:
        """Forget gradients; the given model is trained on."""
        self.discard_gradients()


def copied(value: Any) -> Any:
    """A copy on the CPU of tensors in mappings and lists; tensors that share memory share it no more."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: copied(part) for key, part in value.items()}
    return type(value)(map(copied, value)) if type(value) in (list, tuple) else value


def _unique(model: nn.Module) -> dict[str, torch.Tensor]:
    """Weights and buffers, tied ones once, as safetensors demands."""
    first: dict[int, str] = {}
    tensors: dict[str, torch.Tensor] = dict(model.state_dict())
    for name, tensor in tensors.items():
        first.setdefault(tensor.data_ptr() if tensor.numel() else id(tensor), name)
    return {name: tensors[name].contiguous() for name in first.values()}
