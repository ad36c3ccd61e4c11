"""What the loop is given and what it returns.

Weights of micro-batches: a loss function returns the mean over the targets of one micro-batch. The loss of a step is
the mean over the targets of all its micro-batches on all ranks, so that n x m examples and one batch of n*m examples
give the same gradient. A micro-batch says how many targets it has by a scalar entry `WEIGHT`; without one, all
micro-batches count alike.

A loss may have several terms, each a mean over targets of its own, as ELECTRA's has: then it is a vector, and so is
the entry `WEIGHT`. The loss of a step is the sum of its terms' means times their coefficients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

Batch = Mapping[str, torch.Tensor]
"""Tensors by name; the loss function alone knows the names."""
LossFunction = Callable[[nn.Module, Batch], torch.Tensor]
"""Mean loss over the targets of one micro-batch: a scalar, or a vector (terms)."""
Terms = Mapping[str, float]
"""Name and coefficient of each term of a loss that has several; 0 for a figure that is only watched."""
BatchFunction = Callable[[int], Sequence[Batch]]
"""The micro-batches of a step (from 0) on this rank. It must be a pure function of the step: resuming relies on it, and
it is called from a thread while the step before draws its dropout from PyTorch's global generator."""

WEIGHT = "weight"
"""Key of a micro-batch's number of targets, of each term where the loss has several."""


@dataclass(frozen=True)
class LossPoint:
    """One point of the loss curve: the mean loss since the point before, and the learning rate of the step."""

    step: int
    loss: float
    learning_rate: float


@dataclass
class TrainingState:
    """Where training stands, as hooks see it and as checkpoints keep it.

    Attributes:
        model: The model being trained; under DeepSpeed it is not the object that was given to `train`.
        steps: Optimiser steps of the whole run.
        step: Optimiser steps done.
        loss: Loss of the last step.
        terms: Mean of each of its terms, where the loss has several.
        learning_rate: Learning rate of the last step.
        gradient_norm: Norm of the last step's gradient before clipping; None where nothing is clipped.
        checkpoint_step: Step of the last checkpoint; 0 before the first.
        curve: Points so far.
        history: Whatever hooks record, by name; JSON values only. It survives an interruption.
        stopped: Whether a hook has ended training before its last step.
        unlogged: Losses of the steps since the last point of the curve.
        step_started: Reading of `time.perf_counter` when the last step began.
        step_seconds: Seconds of the last step, waiting for its batch included.
        data_seconds: Seconds that the last step waited for its batch.
        checkpoint_seconds: Seconds that writing each checkpoint of this process took, in the background or not.
        activation_bytes: What the forward passes of this process's first step, on this rank, kept for the way back.
        score: Last held-out loss that a hook has taken; lower is better. Tells which checkpoint is the best.
        recent: Losses of the last steps, which a spike is measured by.
        skipped: Batches left out so far: step n trains on batch n + skipped.
        halvings: How often micro-batches were halved since memory did not suffice.
    """

    model: nn.Module
    steps: int
    step: int = 0
    loss: float = float("nan")
    terms: dict[str, float] = field(default_factory=dict)
    learning_rate: float = 0.0
    gradient_norm: float | None = None
    checkpoint_step: int = 0
    curve: list[LossPoint] = field(default_factory=list)
    history: dict[str, list[Any]] = field(default_factory=dict)
    stopped: bool = False
    unlogged: list[float] = field(default_factory=list)
    step_started: float = 0.0
    step_seconds: float = 0.0
    data_seconds: float = 0.0
    checkpoint_seconds: list[float] = field(default_factory=list)
    activation_bytes: int = 0
    score: float | None = None
    recent: list[float] = field(default_factory=list)
    skipped: int = 0
    halvings: int = 0


class Hook(Protocol):
    """Observes training: evaluation, metrics, early stopping. Called on every rank after every step.

    A hook that is a context manager is entered around the whole training, and so learns how it ended.
    """

    def after_step(self, state: TrainingState) -> None:
        """Look at the state; append to `state.history` what must be kept; set `state.stopped` to end training."""
        ...


@dataclass(frozen=True)
class TrainingResult:
    """What training leaves beside the trained model."""

    steps: int
    curve: list[LossPoint]
    history: dict[str, list[Any]] = field(default_factory=dict)
