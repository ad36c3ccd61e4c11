"""A training run as a process of its own: `python worker.py MODE OUTPUT`; tests start it, also under torchrun.

Modes: `layouts` trains with each engine and ZeRO stage; `half` stops each ZeRO stage after two steps of four, and
`rest` takes up each of these checkpoints with each stage; `long` trains on until it is stopped, or 40 steps; `group`
trains 40 steps with ZeRO stage 2 and a checkpoint every two, slowly, and tells where it is and its process id.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from gmlm.config import OptimisationConfig
from gmlm.errors import GmlmError, InterruptedRunError
from gmlm.training import Batch, Hook, TrainingState, train
from gmlm.training.distributed import join_world
from gmlm.training.interface import WEIGHT

ROWS, GROUP_STEPS = 4, 40
PLAIN = OptimisationConfig(learning_rate=1e-2, log_every=1, weight_decay=0.1)
LAYOUTS = {"torch": PLAIN} | {
    f"zero {stage}": PLAIN.model_copy(update={"engine": "deepspeed", "zero_stage": stage}) for stage in range(4)
}

ZERO = [name for name in LAYOUTS if name != "torch"]


def model(dropout: float) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 400), nn.Dropout(dropout), nn.Tanh(), nn.Linear(400, 400), nn.Linear(400, 1))


def squared_error(module: nn.Module, batch: Batch) -> torch.Tensor:
    return ((module(batch["x"]) - batch["y"]) ** 2).mean()


def batches(rank: int, world_size: int) -> Callable[[int], Sequence[Batch]]:
    """This rank's share of four rows, in micro-batches of one row with a weight each."""

    def of_step(step: int) -> Sequence[Batch]:
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(ROWS, 8, generator=generator)
        weights = torch.rand(ROWS, generator=generator) + 0.5
        return [
            {"x": x[i : i + 1], "y": x[i : i + 1].sum(1, keepdim=True), WEIGHT: weights[i]}
            for i in range(rank, ROWS, world_size)
        ]

    return of_step


class Pace:
    """Makes steps slow enough to be interrupted, and tells the parent process where they are."""

    def after_step(self, state: TrainingState) -> None:
        print(state.step, flush=True)
        time.sleep(0.05)


class StopAfterTwo:
    """Asks the process to stop, as SIGTERM does."""

    def after_step(self, state: TrainingState) -> None:
        if state.step == 2:
            signal.raise_signal(signal.SIGTERM)


def curve(name: str, checkpoints: Path, hooks: Sequence[Hook] = ()) -> list[float]:
    """Losses of four steps and the sum of the absolute weights after them."""
    world, trained = join_world(), model(0.0)
    result = train(
        trained,
        loss=squared_error,
        batches=batches(world.rank, world.size),
        steps=4,
        optimisation=LAYOUTS[name],
        seed=1,
        fingerprint="f",
        checkpoints=checkpoints,
        hooks=hooks,
    )
    weights = sum(float(parameter.detach().double().abs().sum()) for parameter in trained.parameters())
    return [*(point.loss for point in result.curve), weights]


def write(curves: dict[str, list[float]], output: Path) -> None:
    if join_world().is_main:
        output.write_text(json.dumps(curves))


def layouts(output: Path) -> None:
    write({name: curve(name, output.parent / name) for name in LAYOUTS}, output)


def half(output: Path) -> None:
    for name in ZERO:
        with suppress(InterruptedRunError):
            curve(name, output.parent / name, [StopAfterTwo()])


def rest(output: Path) -> None:
    world, curves = join_world(), {}
    for source in ZERO:
        for target in ZERO:
            copy = output.parent / f"{source} {target} {world.size}"
            if world.is_main:
                shutil.copytree(output.parent / source, copy)
            world.barrier()
            curves[f"{source} -> {target}"] = curve(target, copy)
    write(curves, output)


def long(output: Path, steps: int = 40, hooks: Sequence[Pace] = (Pace(),)) -> None:
    trained = model(0.2)
    result = train(
        trained,
        loss=squared_error,
        batches=batches(0, 1),
        steps=steps,
        optimisation=PLAIN,
        seed=1,
        fingerprint="f",
        checkpoints=output.parent / "checkpoints",
        hooks=hooks,
    )
    torch.save({"weights": trained.state_dict(), "losses": [point.loss for point in result.curve]}, output)


def group(output: Path) -> None:
    try:
        train_together(output)
    except Exception as error:
        print(type(error).__name__, error, file=sys.stderr, flush=True)
        os._exit(70)  # as gmlm.kubernetes.launcher.rank does: threads of a broken process group would hold it


def train_together(output: Path) -> None:
    world, trained = join_world(), model(0.0)
    (output.parent / f"rank-{world.rank}.pid").write_text(str(os.getpid()))
    result = train(
        trained,
        loss=squared_error,
        batches=batches(world.rank, world.size),
        steps=GROUP_STEPS,
        optimisation=LAYOUTS["zero 2"].model_copy(update={"checkpoint_every": 2}),
        seed=1,
        fingerprint="f",
        checkpoints=output.parent / "checkpoints",
        hooks=[Pace()],
    )
    write({"group": [point.loss for point in result.curve]}, output)


if __name__ == "__main__":
    torch.set_num_threads(1)
    try:
        {"layouts": layouts, "half": half, "rest": rest, "long": long, "group": group}[sys.argv[1]](Path(sys.argv[2]))
    except GmlmError as error:
        sys.exit(error.exit_code)
