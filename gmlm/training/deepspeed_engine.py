"""DeepSpeed ZeRO stages 0 to 3 (Rajbhandari et al. 2020), on GPUs and, without any compiler, on CPUs."""

from __future__ import annotations

import copy
import logging
import os
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

if not torch.cuda.is_available():
    os.environ.setdefault("DS_ACCELERATOR", "cpu")  # Otherwise DeepSpeed searches for GPUs while it is imported.

import deepspeed
import deepspeed.ops
from deepspeed.ops.op_builder.cpu import ShareMemCommBuilder
from deepspeed.runtime.checkpoint_engine.torch_checkpoint_engine import TorchCheckpointEngine
from deepspeed.runtime.fp16.loss_scaler import LossScaler
from deepspeed.runtime.zero.config import ZeroStageEnum
from deepspeed.utils.tensor_fragment import fragment_address

from gmlm.config.optimisation import OptimisationConfig
from gmlm.errors import StorageError
from gmlm.training.distributed import World
from gmlm.training.engine import Objective
from gmlm.training.interface import Batch, LossFunction
from gmlm.training.optimiser import optimiser_of

TAG = "deepspeed"
"""Folder of DeepSpeed's files within a checkpoint."""


def _zero_stage(kind: type, name: str) -> ZeroStageEnum:
    """What `getattr` may look up: Python 3.11.0 to 3.11.3 pickles the member of an enumeration by it."""
    if kind is not ZeroStageEnum:
        raise UnpicklingError("a checkpoint of DeepSpeed looks up no other attribute")
    return STAGES[name]


STAGES = {stage.name: stage for stage in ZeroStageEnum}
"""DeepSpeed's own names of the ZeRO stages."""
SAFE_GLOBALS = [ZeroStageEnum, fragment_address, LossScaler, (_zero_stage, "builtins.getattr")]
"""The classes, beside tensors, that DeepSpeed's checkpoints hold."""


class DeepSpeedEngine:
    """Trains a copy of the given model, as ZeRO takes parameters apart; `finish` brings the weights back."""

    def __init__(self, model: nn.Module, loss: LossFunction, optimisation: OptimisationConfig, world: World) -> None:
        _prepare(world)
        objective = Objective(copy.deepcopy(model).to(world.device), loss, optimisation.precision)
        self._optimisation, self._world = optimisation, world
        self._engine, self._optimiser, _, _ = deepspeed.initialize(
            model=objective,
            optimizer=optimiser_of(objective, optimisation),
            config=_deepspeed_config(optimisation),
            dist_init_required=False,
        )
        self._engine.checkpoint_engine = _TensorsOnlyCheckpointEngine(self._engine._config)

    @property
    def layout(self) -> str:
        """ZeRO spreads its state over the ranks, so stage and world size must stay."""
        return f"deepspeed zero {self._optimisation.zero_stage} world {self._world.size}"

    @property
    def model(self) -> nn.Module:
        """The copy being trained; under stage 3 its parameters are there during its forward pass only."""
        model: nn.Module = self._engine.module.model
        return model

    def __call__(self, batch: Batch) -> torch.Tensor:
        """The scalar loss of a micro-batch."""
        loss: torch.Tensor = self._engine(batch)
        return loss

    def backward(self, loss: torch.Tensor, *, last: bool) -> None:
        """Add the loss's gradient; stages 1 to 3 reduce it over the ranks on the way."""
        self._engine.set_gradient_accumulation_boundary(last)
        self._engine.backward(loss)

    def step(self, learning_rate: float) -> float | None:
        """Clip, update, clear; the gradient's norm where DeepSpeed has it."""
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate
        self._engine.step()
        norm = self._engine.get_global_grad_norm()
        return None if norm is None else float(norm)

    def save_checkpoint(self, folder: Path) -> None:
        """Write DeepSpeed's own files, each rank its part."""
        self._engine.save_checkpoint(str(folder), tag=TAG, save_latest=False)

    def load_checkpoint(self, folder: Path) -> None:
        """Read DeepSpeed's own files; nothing but tensors and DeepSpeed's own plain classes is unpickled."""
        with torch.serialization.safe_globals(SAFE_GLOBALS):
            path, _ = self._engine.load_checkpoint(str(folder), tag=TAG)
        if path is None:
            raise StorageError("the checkpoint is damaged", where=str(folder), fix="delete the folder to start over")

    def finish(self, model: nn.Module) -> None:
        """Copy the trained weights into the given model, gathering what stage 3 has spread, and let the engine go."""
        with torch.no_grad():
            for target, trained in zip(model.parameters(), self.model.parameters(), strict=True):
                with deepspeed.zero.GatheredParameters([trained]):
                    target.data.copy_(trained)
            for buffer, used in zip(model.buffers(), self.model.buffers(), strict=True):
                buffer.copy_(used)
        model.to(self._world.device)
        self._engine.destroy()


class _TensorsOnlyCheckpointEngine(TorchCheckpointEngine):  # type: ignore[misc]
    """DeepSpeed's checkpoint files, read without running pickled code."""

    def load(self, path: str, map_location: Any = None) -> Any:
        return torch.load(path, map_location=map_location, weights_only=True)


def _prepare(world: World) -> None:
    """Join a process group without torchrun too, and keep DeepSpeed from compiling its shared-memory collectives."""
    logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
    if world.device.type == "cpu":
        # Setting the table before anything reads it also saves probing all operators with the compiler.
        vars(deepspeed.ops).setdefault("__compatible_ops__", {})[ShareMemCommBuilder.NAME] = False
    if not dist.is_initialized():
        backend = "nccl" if world.device.type == "cuda" else "gloo"
        store = dist.HashStore()  # type: ignore[attr-defined]
        dist.init_process_group(backend, store=store, rank=0, world_size=1)
    os.environ.setdefault("LOCAL_RANK", "0")  # DeepSpeed asks for it even where there is one process.
    deepspeed.init_distributed(dist.get_backend(), auto_mpi_discovery=False, verbose=False)


def _deepspeed_config(optimisation: OptimisationConfig) -> dict[str, Any]:
    return {
        # The loop forms batches and marks the last micro-batch of a step, so DeepSpeed must not count or scale them.
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": optimisation.max_gradient_norm,
        "zero_optimization": {"stage": optimisation.zero_stage},
        "steps_per_print": 10**9,
    }
