"""One optimiser step: fetch the batch, forward and backward by micro-batch, update.

Where a GPU, or this machine, has too little memory for a micro-batch, micro-batches are halved and the step is done
again: the batch of a step stays what it is, and so does its gradient, to rounding. What the system kills for its memory
is not seen here; it ends like any other process that was killed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from itertools import starmap
from operator import mul
from time import perf_counter
from typing import Protocol, runtime_checkable

import torch

from gmlm.errors import TrainingError
from gmlm.telemetry import get_logger
from gmlm.training.activations import activations_of
from gmlm.training.ahead import BatchesAhead
from gmlm.training.distributed import World
from gmlm.training.engine import Engine
from gmlm.training.interface import WEIGHT, Batch, BatchFunction, Terms, TrainingState

_logger = get_logger(__name__)
FIX = "set 'micro_batch_tokens' lower, or use more devices"


@runtime_checkable
class Halvable(Protocol):
    """Batches that can be had in micro-batches half as large."""

    def halved(self) -> BatchFunction | None:
        """The same steps in smaller micro-batches; None where they cannot be smaller."""
        ...


class Stepper:
    """Does the steps of a training on one rank."""

    def __init__(
        self, batches: BatchFunction, state: TrainingState, seed: int, world: World, terms: Terms | None = None
    ) -> None:
        self._batches, self._state, self._seed, self._world = batches, state, seed, world
        self._ahead = BatchesAhead(batches)
        self._terms = terms or {"loss": 1.0}
        self._coefficients = torch.tensor([*self._terms.values()], dtype=torch.float64)

    def gradients(self, engine: Engine) -> float:
        """Add up the gradients of the next step; its mean loss over all targets of all ranks.

        Raises:
            TrainingError: Memory does not suffice even for the smallest micro-batches.
        """
        while self._halvings < self._state.halvings:
            self._halve()
        while (loss := self._attempt(engine)) is None:
            engine.discard_gradients()
            self._halve()
            self._state.halvings = self._halvings
            _logger.warning("out of memory: micro-batches are halved", extra={"step": self._state.step + 1})
        self._measured = True
        return loss

    _halvings = 0
    _measured = False

    def _attempt(self, engine: Engine) -> float | None:
        """The loss of the step; None where memory did not suffice on some rank."""
        batches = self._fetch()
        engine.model.train()
        torch.manual_seed(_step_seed(self._seed, self._state.step, self._world))
        totals = torch.tensor(self._world.sums(*self._weights(batches)), dtype=torch.float64)
        totals[totals == 0] = 1.0  # A step may have nothing to predict.
        means, lacking = torch.zeros(len(totals), dtype=torch.float64), False
        if not self._measured:
            self._state.activation_bytes = 0
        try:
            means = self._forward_and_backward(engine, batches, totals)
        except (RuntimeError, MemoryError) as error:
            if not lacks_memory(error):
                raise
            engine.discard_gradients()
            lacking = True
        *terms, lack = self._world.sums(*means.tolist(), float(lacking))
        if lack:
            return None
        if len(terms) > 1:
            self._state.terms = dict(zip(self._terms, terms, strict=True))
        return math.fsum(starmap(mul, zip(self._terms.values(), terms, strict=True)))

    def _forward_and_backward(self, engine: Engine, batches: Sequence[Batch], totals: torch.Tensor) -> torch.Tensor:
        """Add the gradients of the micro-batches; this rank's part of the mean of each term."""
        means = torch.zeros_like(totals)
        for index, batch in enumerate(batches):
            placed = {name: tensor.to(self._world.device) for name, tensor in batch.items()}
            losses, weight = self._losses(engine, placed), _weight(batch)
            # Engines average over ranks, so the share of this micro-batch is scaled up by their number.
            shares = self._coefficients * (weight * self._world.size / totals)
            engine.backward((losses * shares.to(losses)).sum(), last=index == len(batches) - 1)
            means += losses.detach().double().cpu() * weight / totals
        return means

    def _losses(self, engine: Engine, batch: Batch) -> torch.Tensor:
        """The terms of a micro-batch's loss (terms); in the first step the state gets what memory they take."""
        if self._measured:
            return engine(batch).reshape(-1)
        with activations_of(engine.model, self._world.device) as kept:
            losses = engine(batch).reshape(-1)
        self._state.activation_bytes += kept.bytes
        return losses

    def _weights(self, batches: Sequence[Batch]) -> list[float]:
        """The targets of each term in this rank's micro-batches."""
        return sum(map(_weight, batches), torch.zeros_like(self._coefficients)).tolist()

    def _fetch(self) -> Sequence[Batch]:
        """The micro-batches of the next step; the state keeps how long that took."""
        state = self._state
        state.step_started = perf_counter()
        number = state.step + state.skipped
        fetched = self._ahead.take(number)
        state.data_seconds = perf_counter() - state.step_started
        if state.step + 1 < state.steps:
            self._ahead.begin(number + 1)
        return fetched

    def _halve(self) -> None:
        smaller = self._batches.halved() if isinstance(self._batches, Halvable) else None
        if smaller is None:
            raise TrainingError("out of memory", where=f"step {self._state.step + 1}", fix=FIX)
        self._batches, self._ahead, self._halvings = smaller, BatchesAhead(smaller), self._halvings + 1


def lacks_memory(error: BaseException) -> bool:
    """Whether an error means that memory did not suffice; that of the host's allocator has no type of its own."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator" in str(error)


def _weight(batch: Batch) -> torch.Tensor:
    """The targets of each term (terms), on the CPU."""
    return batch.get(WEIGHT, torch.ones(())).reshape(-1).double()


def _step_seed(seed: int, step: int, world: World) -> int:
    """The seed of a step's dropout: differs between ranks, and never depends on the steps before."""
    digest = hashlib.sha256(f"{seed}/{step}/{world.rank}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
