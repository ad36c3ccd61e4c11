"""Hooks that any training run may use."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from gmlm.errors import TrainingError
from gmlm.telemetry import get_logger
from gmlm.telemetry.training import TrainingSeries
from gmlm.training.distributed import join_world
from gmlm.training.flop import flop_per_token, peak_flop_per_second
from gmlm.training.interface import TrainingState

LOG_INTERVAL = 10.0
"""Least number of seconds between two log lines of one training."""

_logger = get_logger(__name__)


class TrainingMetrics:
    """Prometheus metrics of each step and checkpoint, and a log line now and then, on rank 0.

    Args:
        stage: Stage that trains.
        tokens_per_step: Mean tokens of a step over all workers.
        model: Name of the model or translator in the study.
        task: Name of the task it is fine-tuned on, if any.
        phase: Number of the phase, if it has several.
    """

    def __init__(self, stage: str, tokens_per_step: float, *, model: str = "", task: str = "", phase: str = "") -> None:
        self._world = join_world()
        names = {"stage": stage, "model": model, "task": task, "phase": phase}
        self._names = {name: value for name, value in names.items() if value}
        self._series = TrainingSeries(stage, model, task, phase) if self._world.is_main else None
        self._tokens, self._flop, self._memory = tokens_per_step, 0.0, 0.0
        self._checkpoints = 0
        self._logged = 0
        self._logged_at = time.monotonic()
        self._last: TrainingState | None = None

    def __enter__(self) -> TrainingMetrics:
        """Training begins."""
        if self._series is not None:
            self._series.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Training has ended, whole or not."""
        if self._series is not None:
            if self._last is not None:
                self._observe_checkpoints(self._last)
            self._series.end(finite=not isinstance(error, TrainingError))

    def after_step(self, state: TrainingState) -> None:
        """Set loss, learning rate, gradient norm and step, and count tokens, operations and seconds."""
        if self._series is None:
            return
        if self._last is None:
            self._begin(state)
        self._series.observe_step(
            step=state.step,
            loss=state.loss,
            learning_rate=state.learning_rate,
            tokens=self._tokens,
            flop=self._flop,
            seconds=state.step_seconds,
            data_seconds=state.data_seconds,
            gradient_norm=state.gradient_norm,
            terms=state.terms,
        )
        self._observe_checkpoints(state)
        self._log(state)

    def observe_held_out(self, figures: Mapping[str, Any]) -> None:
        """Record the `loss` on held-out documents, its `terms` and that of each of its `sources`; log all figures."""
        if self._series is not None:
            losses = {source: part["loss"] for source, part in figures.get("sources", {}).items()}
            terms = figures.get("terms", {})
            self._series.observe_held_out_loss(figures["loss"], losses, terms)
            _logger.info("held-out evaluation", extra={**self._names, **figures, **terms})

    def _begin(self, state: TrainingState) -> None:
        assert self._series is not None
        self._last, self._logged = state, state.step - 1
        self._flop = flop_per_token(state.model) * self._tokens
        self._memory = state.activation_bytes * self._world.size / self._tokens
        self._series.plan(state.steps, peak_flop_per_second(self._world), self._memory)

    def _observe_checkpoints(self, state: TrainingState) -> None:
        if self._series is not None:
            for seconds in state.checkpoint_seconds[self._checkpoints :]:
                self._series.observe_checkpoint(seconds)
            self._checkpoints = len(state.checkpoint_seconds)

    def _log(self, state: TrainingState) -> None:
        now = time.monotonic()
        seconds = now - self._logged_at
        if seconds < LOG_INTERVAL and state.step != state.steps:
            return
        figures: dict[str, object] = {
            **self._names,
            "step": state.step,
            "steps": state.steps,
            "loss": state.loss,
            **state.terms,
            "learning_rate": state.learning_rate,
            "gradient_norm": state.gradient_norm,
            "activation_bytes_per_token": round(self._memory),
            "tokens_per_second": (state.step - self._logged) * self._tokens / max(seconds, 1e-9),
        }
        _logger.info("training", extra=figures)
        self._logged, self._logged_at = state.step, now
