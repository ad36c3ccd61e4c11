"""DeepSpeed ZeRO stages 0 to 3 (Rajbhandari et al. 2020), on GPUs and, without any compiler, on CPUs."""

from __future__ import annotations

import copy
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
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
from gmlm.errors import CheckpointMismatchError, StorageError, TrainingError
from gmlm.training.distributed import World
from gmlm.training.engine import Objective
from gmlm.training.interface import Batch, LossFunction
from gmlm.training.optimiser import optimiser_of, set_learning_rate
from gmlm.training.torch_engine import copied
from gmlm.training.universal_checkpoint import load_whole, tensors_only, write_universal

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
        objective = Objective(copy.deepcopy(model).to(world.device), loss, optimisation)
        self._optimisation, self._world = optimisation, world
        optimiser = optimiser_of(objective, optimisation)
        self._parameters, self._groups = _named(objective, optimiser), len(optimiser.param_groups)
        self._engine, self._optimiser, _, _ = deepspeed.initialize(
            model=objective,
            optimizer=optimiser,
            config=_deepspeed_config(optimisation),
            dist_init_required=False,
        )
        self._engine.checkpoint_engine = _CheckpointFiles(self._engine._config)

    @property
    def layout(self) -> str:
        """ZeRO spreads its state over the ranks; with another stage or world size it is taken apart anew."""
        return f"deepspeed zero {self._optimisation.zero_stage} world {self._world.size}"

    @property
    def model(self) -> nn.Module:
        """The copy being trained; under stage 3 its parameters are there during its forward pass only."""
        model: nn.Module = self._engine.module.model
        return model

    def __call__(self, batch: Batch) -> torch.Tensor:
        """The loss of a micro-batch: a scalar, or a vector (terms)."""
        loss: torch.Tensor = self._engine(batch)
        return loss

    def backward(self, loss: torch.Tensor, *, last: bool) -> None:
        """Add the loss's gradient; stages 1 to 3 reduce it over the ranks on the way."""
        self._engine.set_gradient_accumulation_boundary(last)
        self._engine.backward(loss)

    def step(self, learning_rate: float) -> float | None:
        """Clip, update, clear; the gradient's norm where DeepSpeed has it."""
        set_learning_rate(self._optimiser, learning_rate)
        self._engine.step()
        norm = self._engine.get_global_grad_norm()
        return None if norm is None else float(norm)

    def discard_gradients(self) -> None:
        """Stages 1 to 3 have sent parts of them to other ranks already."""
        raise TrainingError(
            "out of memory", where="DeepSpeed", fix="set 'micro_batch_tokens' lower, or a higher 'zero_stage'"
        )

    def snapshot(self) -> Mapping[str, Callable[[Path], object]]:
        """DeepSpeed's own files, of each rank its part."""
        collector = self._engine.checkpoint_engine
        with tempfile.TemporaryDirectory() as root:  # DeepSpeed makes folders and puts a script there.
            self._engine.save_checkpoint(root, tag=TAG, save_latest=False)
            return {Path(path).relative_to(root).as_posix(): write for path, write in collector.collected()}

    def load_checkpoint(self, folder: Path, layout: str) -> None:
        """Read DeepSpeed's own files; nothing but tensors and DeepSpeed's own plain classes is unpickled."""
        stage = stage_of(layout, folder)
        with torch.serialization.safe_globals(SAFE_GLOBALS), tensors_only():
            # Stage 0 keeps everything on every rank, so its files serve any world size.
            if layout == self.layout or stage == self._optimisation.zero_stage == 0:
                path, _ = self._engine.load_checkpoint(str(folder), tag=TAG)
                if path is None:
                    raise StorageError("it is damaged", where=str(folder), fix="delete the folder to start over")
            else:
                self._load_converted(folder / TAG, stage)

    def _load_converted(self, source: Path, stage: int) -> None:
        """Convert once on each node, and load on every rank."""
        is_first = self._world.is_first_of_node
        mine = tempfile.mkdtemp(prefix="gmlm-universal-") if is_first else ""
        try:
            if is_first:
                write_universal(source, stage, list(self._parameters), self._groups, Path(mine))
            # torchrun numbers the ranks of a node one after the other.
            self._load_universal(Path(self._world.gather(mine)[self._world.rank - self._world.local_rank]))
            self._world.barrier()
        finally:
            if is_first:
                shutil.rmtree(mine, ignore_errors=True)

    def _load_universal(self, folder: Path) -> None:
        if self._optimisation.zero_stage == 0:
            load_whole(folder, self._parameters, self._optimiser)
            return
        settings = [{k: v for k, v in group.items() if k != "params"} for group in self._optimiser.param_groups]
        zero = self._engine.optimizer
        zero.load_state_dict(state_dict_list=None, checkpoint_folder=str(folder))
        # Stage 3 gives all groups the hyper-parameters of the first, and one step, which would count for each of them.
        for state in self._optimiser.state.values():
            state["step"] = state["step"].clone()
        for group, kept in zip(self._optimiser.param_groups, settings, strict=True):
            group.update(kept)
        if self._optimisation.zero_stage < 3:
            zero.update_lp_params()

    def finish(self, model: nn.Module) -> None:
        """Copy the trained weights into the given model, gathering what stage 3 has spread, and let the engine go."""
        with torch.no_grad():
            for target, trained in zip(model.parameters(), self.model.parameters(), strict=True):
                with deepspeed.zero.GatheredParameters([trained]):
                    target.data.copy_(trained)
            for buffer, used in zip(model.buffers(), self.model.buffers(), strict=True):
                buffer.copy_(used)
        model.to(self._world.device)
        self.discard()

    def discard(self) -> None:
        """Let DeepSpeed's engine go."""
        self._engine.destroy()


class _CheckpointFiles(TorchCheckpointEngine):  # type: ignore[misc]
    """DeepSpeed's checkpoint files: copied instead of written, and read without running pickled code."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._copies: list[tuple[str, Callable[[Path], object]]] = []

    def preserves_storage_sharing(self) -> bool:
        """No: each tensor is copied anyway, so DeepSpeed need not do so first."""
        return False

    def save(self, state_dict: Any, path: str) -> None:
        self._copies.append((path, partial(torch.save, copied(state_dict))))

    def collected(self) -> list[tuple[str, Callable[[Path], object]]]:
        """What was saved since the last call: paths, and what writes the copies."""
        found, self._copies = self._copies, []
        return found

    def load(self, path: str, map_location: Any = None) -> Any:
        return torch.load(path, map_location=map_location, weights_only=True)


def stage_of(layout: str, where: Path) -> int:
    """The ZeRO stage of a checkpoint's layout.

    Raises:
        CheckpointMismatchError: Another engine wrote it.
    """
    if (found := re.fullmatch(r"deepspeed zero (\d) world \d+", layout)) is None:
        raise CheckpointMismatchError(
            f"the checkpoint is of another engine: {layout[:40]!r}",
            where=str(where),
            fix="set 'engine' as it was, or delete the folder to start over",
        )
    return int(found[1])


def _named(module: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, nn.Parameter]:
    """The optimiser's parameters by name, in its order."""
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    return {names[id(parameter)]: parameter for group in optimiser.param_groups for parameter in group["params"]}


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
        "zero_optimization": {
            "stage": optimisation.zero_stage,
            # By default stages 1 and 2 all-reduce all gradients and throw most of them away: half as much again.
            "use_multi_rank_bucket_allreduce": False,
        },
        "steps_per_print": 10**9,
    }
