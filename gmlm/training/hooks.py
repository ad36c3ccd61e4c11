"""Hooks that any training run may use."""

from __future__ import annotations

from gmlm.telemetry import metrics
from gmlm.training.distributed import join_world
from gmlm.training.interface import TrainingState


class TrainingMetrics:
    """Prometheus metrics of each step and checkpoint, on rank 0."""

    def __init__(self, stage: str, tokens_per_step: int) -> None:
        self._stage, self._tokens, self._is_main = stage, tokens_per_step, join_world().is_main
        self._checkpoint = 0

    def after_step(self, state: TrainingState) -> None:
        """Set loss, learning rate, gradient norm and step, and count tokens."""
        if not self._is_main:
            return
        metrics.observe_step(
            loss=state.loss,
            learning_rate=state.learning_rate,
            tokens=self._tokens,
            step=state.step,
            gradient_norm=state.gradient_norm,
            stage=self._stage,
        )
        if state.checkpoint_step > self._checkpoint:
            self._checkpoint = state.checkpoint_step
            metrics.observe_checkpoint(stage=self._stage)
