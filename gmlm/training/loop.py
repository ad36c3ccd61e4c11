"""The training loop. Hugging Face's Trainer is the oracle of its test, not a dependency."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from time import perf_counter

import torch
from torch import nn

from gmlm.config.optimisation import OptimisationConfig
from gmlm.errors import InterruptedRunError, TrainingError
from gmlm.telemetry import Progress, progress
from gmlm.training.averaging import average_last
from gmlm.training.checkpoint import Checkpoints
from gmlm.training.checkpoint_place import CheckpointPlace
from gmlm.training.distributed import World, join_world
from gmlm.training.engine import Engine, open_engine
from gmlm.training.interface import (
    WEIGHT,
    Batch,
    BatchFunction,
    Hook,
    LossFunction,
    LossPoint,
    TrainingResult,
    TrainingState,
)
from gmlm.training.interruption import interruption
from gmlm.training.schedule import learning_rate


def train(
    model: nn.Module,
    *,
    loss: LossFunction,
    batches: BatchFunction,
    steps: int,
    optimisation: OptimisationConfig,
    seed: int,
    fingerprint: str,
    checkpoints: Path | CheckpointPlace | None = None,
    hooks: Sequence[Hook] = (),
    description: str = "Train",
) -> TrainingResult:
    """Train a model in place for a number of optimiser steps, going on where a checkpoint stands.

    Batches, dropout and learning rate are pure functions of (seed, step): on a CPU, n steps, a kill and the rest equal
    one uninterrupted run bit for bit. A finished run leaves a last checkpoint, so calling again restores its result.

    Raises:
        CheckpointMismatchError: `checkpoints` holds other work.
        InterruptedRunError: SIGINT or SIGTERM came; a checkpoint was written first.
        TrainingError: The loss or its gradient is not finite; the last good checkpoint stays.
    """
    world = join_world()
    engine = open_engine(model, loss, optimisation, world)
    state = TrainingState(engine.model, steps)
    place = CheckpointPlace.folder(checkpoints) if isinstance(checkpoints, Path) else checkpoints
    saved = Checkpoints(place, optimisation, world, fingerprint) if place is not None else None
    if saved is not None:
        saved.load(state, engine)

    with (
        interruption() as interrupted,
        _entered(hooks),
        _shown(description, state, world) as bar,
        saved.closing(state) if saved is not None else nullcontext(),
    ):
        while state.step < steps:
            rate = learning_rate(state.step, steps, optimisation)
            step_loss, norm = _optimise(
                engine, _fetch(batches, state), rate, _step_seed(seed, state.step, world), world
            )
            _check_finite(state.step, step_loss, norm, description)
            _record(state, step_loss, rate, norm, optimisation.log_every)
            for hook in hooks:
                hook.after_step(state)
            stop, writing = world.any(interrupted.requested, saved is not None and not saved.idle)
            if saved is not None:
                if not writing:
                    saved.complete(state)
                if stop or _checkpoint_is_due(state, optimisation):
                    saved.begin(state, engine)
            if stop:
                raise InterruptedRunError(f"stopped at step {state.step} of {steps}", fix="run again: it resumes")
            if bar is not None:
                bar.advance()
                bar.show(loss=state.loss)

    engine.finish(model)
    if place is not None and optimisation.average_last > 1:
        average_last(model, place, optimisation.average_last, world)
    return TrainingResult(steps, state.curve, state.history)


def _fetch(batches: BatchFunction, state: TrainingState) -> Sequence[Batch]:
    """The micro-batches of the next step; the state keeps how long that took."""
    state.step_started = perf_counter()
    fetched = batches(state.step)
    state.data_seconds = perf_counter() - state.step_started
    return fetched


def _optimise(
    engine: Engine, batches: Sequence[Batch], rate: float, seed: int, world: World
) -> tuple[float, float | None]:
    """One optimiser step over the micro-batches; the mean loss over all their targets and the gradient's norm."""
    engine.model.train()
    torch.manual_seed(seed)
    weights = [float(batch.get(WEIGHT, 1.0)) for batch in batches]
    total = world.sum(sum(weights)) or 1.0  # A step may have nothing to predict; its loss is zero then.
    step_loss = 0.0
    for index, (batch, weight) in enumerate(zip(batches, weights, strict=True)):
        loss = engine({name: tensor.to(world.device) for name, tensor in batch.items()})
        # Engines average over ranks, so the share of this micro-batch is scaled up by their number.
        engine.backward(loss * (weight * world.size / total), last=index == len(batches) - 1)
        step_loss += float(loss.detach()) * weight / total
    step_loss = world.sum(step_loss)
    return step_loss, engine.step(rate) if math.isfinite(step_loss) else None


def _check_finite(step: int, loss: float, norm: float | None, description: str) -> None:
    for name, value in (("loss", loss), ("gradient", norm)):
        if value is not None and not math.isfinite(value):
            raise TrainingError(
                f"the {name} of step {step + 1} is not finite",
                where=description,
                fix="lower the learning rate, lengthen the warm-up, or use precision fp32; the last checkpoint is kept",
            )


def _record(state: TrainingState, loss: float, rate: float, norm: float | None, log_every: int) -> None:
    state.step, state.loss, state.learning_rate, state.gradient_norm = state.step + 1, loss, rate, norm
    state.step_seconds = perf_counter() - state.step_started
    state.unlogged.append(loss)
    if state.step % log_every == 0 or state.step == state.steps:
        mean = math.fsum(state.unlogged) / len(state.unlogged)
        state.curve.append(LossPoint(state.step, mean, rate))
        state.unlogged.clear()


def _checkpoint_is_due(state: TrainingState, optimisation: OptimisationConfig) -> bool:
    every = optimisation.checkpoint_every
    return state.step == state.steps or (every > 0 and state.step % every == 0)


def _step_seed(seed: int, step: int, world: World) -> int:
    """The seed of a step's dropout: differs between ranks, and never depends on the steps before."""
    digest = hashlib.sha256(f"{seed}/{step}/{world.rank}".encode()).digest()
    return int.from_bytes(digest[:7], "big")


@contextmanager
def _entered(hooks: Sequence[Hook]) -> Iterator[None]:
    """Enter the hooks that are context managers for as long as it trains."""
    with ExitStack() as stack:
        for hook in hooks:
            if isinstance(hook, AbstractContextManager):
                stack.enter_context(hook)
        yield


@contextmanager
def _shown(description: str, state: TrainingState, world: World) -> Iterator[Progress | None]:
    if not world.is_main:
        yield None
        return
    with progress(description, total=state.steps, unit="step", done=state.step) as bar:
        yield bar
