"""A training run as a process of its own: `python worker.py MODE OUTPUT`; tests start it, also under torchrun.

Modes: `layouts` trains with each engine and ZeRO stage; `long` trains on until it is stopped, or 40 steps.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from gmlm.config import OptimisationConfig
from gmlm.errors import GmlmError
from gmlm.training import Batch, TrainingState, train
from gmlm.training.distributed import join_world
from gmlm.training.interface import WEIGHT

ROWS = 4
PLAIN = OptimisationConfig(learning_rate=1e-2, log_every=1, weight_decay=0.1)
LAYOUTS = {"torch": PLAIN} | {
    f"zero {stage}": PLAIN.model_copy(update={"engine": "deepspeed", "zero_stage": stage}) for stage in range(4)
}


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


def layouts(output: Path) -> None:
    world = join_world()
    curves = {}
    for name, optimisation in LAYOUTS.items():
        trained = model(0.0)
        result = train(
            trained,
            loss=squared_error,
            batches=batches(world.rank, world.size),
            steps=4,
            optimisation=optimisation,
            seed=1,
            fingerprint="f",
            checkpoints=output.parent / name,
        )
        weights = sum(float(parameter.double().abs().sum()) for parameter in trained.parameters())
        curves[name] = [*(point.loss for point in result.curve), weights]
    if world.is_main:
        output.write_text(json.dumps(curves))


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


if __name__ == "__main__":
    torch.set_num_threads(1)
    try:
        {"layouts": layouts, "long": long}[sys.argv[1]](Path(sys.argv[2]))
    except GmlmError as error:
        sys.exit(error.exit_code)
