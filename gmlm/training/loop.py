"""The training loop. Hugging Face's Trainer is the oracle of its test, not a dependency."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from time import perf_counter

from torch import nn

from gmlm.config.optimisation import OptimisationConfig
from gmlm.errors import InterruptedRunError
from gmlm.telemetry import progress
from gmlm.training.averaging import average_last
from gmlm.training.checkpoint import Checkpoints
from gmlm.training.checkpoint_place import CheckpointPlace
from gmlm.training.distributed import World, join_world
from gmlm.training.divergence import HISTORY, WINDOW, diagnosis, diverged, roll_back
from gmlm.training.engine import Engine, open_engine
from gmlm.training.interface import (
    BatchFunction,
    Hook,
    LossFunction,
    LossPoint,
    Terms,
    TrainingResult,
    TrainingState,
)
from gmlm.training.interruption import interruption
from gmlm.training.schedule import learning_rate
from gmlm.training.step import Stepper


def train(
    model: nn.Module,
    *,
    loss: LossFunction,
    terms: Terms | None = None,
    batches: BatchFunction,
    steps: int,
    optimisation: OptimisationConfig,
    seed: int,
    fingerprint: str,
    checkpoints: Path | CheckpointPlace | None = None,
    kept_steps: Collection[int] = (),
    hooks: Sequence[Hook] = (),
    description: str = "Train",
) -> TrainingResult:
    """Train a model in place for a number of optimiser steps, going on where a checkpoint stands.

    Batches, dropout and learning rate are pure functions of (seed, step): on a CPU, n steps, a kill and the rest equal
    one uninterrupted run bit for bit. Called again, it restores its result. Checkpoints of `kept_steps` stay.

    Raises:
        CheckpointMismatchError: `checkpoints` holds other work.
        InterruptedRunError: SIGINT or SIGTERM came; a checkpoint was written first.
        TrainingError: Loss or gradient is not finite, or the loss leaps, and it may not go back (any more) to the last
            checkpoint, which stays; or memory does not suffice.
    """
    world = join_world()
    place = CheckpointPlace.folder(checkpoints) if isinstance(checkpoints, Path) else checkpoints
    saved = Checkpoints(place, optimisation, world, fingerprint, kept_steps) if place is not None else None
    fresh = partial(open_engine, model, loss, optimisation, world)
    run = _Run(fresh, batches, steps, optimisation, seed, world, saved, terms)
    with (
        interruption() as interrupted,
        _entered(hooks),
        _shown(description, run.state, world) as advance,
        saved.closing(run.state) if saved is not None else nullcontext(),
    ):
        while run.state.step < steps and not run.state.stopped:
            if (wrong := run.advance()) is not None:
                run.go_back(wrong, description)
                continue
            run.show(hooks)
            if run.keep(interrupted.requested):
                raise InterruptedRunError(f"stopped at step {run.state.step} of {steps}", fix="run again: it resumes")
            advance(run.state.loss)

    run.engine.finish(model)
    if place is not None and optimisation.average_last > 1:
        average_last(model, place, optimisation.average_last, world)
    return TrainingResult(run.state.step, run.state.curve, run.state.history)


class _Run:
    """Engine and state of a training on one rank, and the order in which they change."""

    def __init__(
        self,
        fresh: Callable[[], Engine],
        batches: BatchFunction,
        steps: int,
        optimisation: OptimisationConfig,
        seed: int,
        world: World,
        saved: Checkpoints | None,
        terms: Terms | None,
    ) -> None:
        self._fresh, self._optimisation, self._world, self._saved = fresh, optimisation, world, saved
        self.engine = fresh()
        self.state = TrainingState(self.engine.model, steps)
        if saved is not None and not saved.load(self.state, self.engine) and optimisation.max_rollbacks:
            saved.begin(self.state, self.engine)  # There must be something to go back to.
        self._stepper = Stepper(batches, self.state, seed, world, terms)

    def advance(self) -> str | None:
        """Do the next step; what is wrong, if it cannot be."""
        state, optimisation = self.state, self._optimisation
        rate = learning_rate(state.step, state.steps, optimisation)
        loss = self._stepper.gradients(self.engine)
        if (wrong := diagnosis(state, loss, None, optimisation)) is not None:
            return wrong
        norm = self.engine.step(rate)
        if (wrong := diagnosis(state, loss, norm, optimisation)) is None:
            _record(state, loss, rate, norm, optimisation.log_every)
        return wrong

    def go_back(self, wrong: str, description: str) -> None:
        """Go back to the last checkpoint, if that is allowed; else stop."""
        if self._saved is None or len(self.state.history.get(HISTORY, [])) >= self._optimisation.max_rollbacks:
            raise diverged(wrong, description)
        self._saved.finish(self.state)
        self.engine.discard()
        self.engine = self._fresh()
        self.state.model = self.engine.model
        roll_back(wrong, self.state, self._saved, self.engine)

    def show(self, hooks: Sequence[Hook]) -> None:
        """Let the hooks look at the step; one may have ended training."""
        for hook in hooks:
            hook.after_step(self.state)
        if self.state.stopped:
            _log(self.state)

    def keep(self, stop: bool) -> bool:
        """Begin and complete checkpoints where they are due; whether any rank was asked to stop."""
        saved = self._saved
        stop, writing = self._world.any(stop, saved is not None and not saved.idle)
        if saved is not None:
            if not writing:
                saved.complete(self.state)
            if stop or saved.due(self.state):
                saved.begin(self.state, self.engine)
        return stop


def _record(state: TrainingState, loss: float, rate: float, norm: float | None, log_every: int) -> None:
    state.step, state.loss, state.learning_rate, state.gradient_norm = state.step + 1, loss, rate, norm
    state.step_seconds = perf_counter() - state.step_started
    state.unlogged.append(loss)
    state.recent = [*state.recent, loss][-WINDOW:]
    if state.step % log_every == 0 or state.step == state.steps:
        _log(state)


def _log(state: TrainingState) -> None:
    """A point of the loss curve over the steps since the last, if there are any."""
    if state.unlogged:
        mean = math.fsum(state.unlogged) / len(state.unlogged)
        state.curve.append(LossPoint(state.step, mean, state.learning_rate))
        state.unlogged.clear()


@contextmanager
def _entered(hooks: Sequence[Hook]) -> Iterator[None]:
    """Enter the hooks that are context managers for as long as it trains."""
    with ExitStack() as stack:
        for hook in hooks:
            if isinstance(hook, AbstractContextManager):
                stack.enter_context(hook)
        yield


@contextmanager
def _shown(description: str, state: TrainingState, world: World) -> Iterator[Callable[[float], None]]:
    """What shows on rank 0 that another step is done, given its loss."""
    if not world.is_main:
        yield lambda loss: None
        return
    with progress(description, total=state.steps, unit="step", done=state.step) as bar:

        def advance(loss: float) -> None:
            bar.advance()
            bar.show(loss=loss)

        yield advance
