"""What a training run reports to Prometheus, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gmlm.telemetry import names
from gmlm.telemetry.registry import instrument


class TrainingSeries:
    """The metrics of one training run; instruments are looked up once, so that a step costs some microseconds.

    Args:
        stage: Stage that trains.
        model: Name of the model or translator in the study.
        task: Name of the task it is fine-tuned on, if any.
        phase: Number of the phase, if it has several.
    """

    def __init__(self, stage: str, model: str = "", task: str = "", phase: str = "") -> None:
        def of(metric: names.MetricName) -> Any:
            return instrument(metric, stage, model, task, phase)

        self._of, self._labels = of, (stage, model, task, phase)
        self._loss, self._learning_rate = of(names.LOSS), of(names.LEARNING_RATE)
        self._step, self._last_step = of(names.STEP), of(names.LAST_STEP)
        self._tokens, self._flop = of(names.TOKENS), of(names.FLOP)
        self._step_seconds, self._data_wait = of(names.STEP_SECONDS), of(names.DATA_WAIT)

    def start(self) -> None:
        """Training begins."""
        self._of(names.RUNNING).set(1)
        self._of(names.START).set_to_current_time()
        self._last_step.set_to_current_time()  # so that a first step that never comes is missed too
        self._of(names.NOT_FINITE)  # exported as 0 from the start, so that its first increase is seen

    def plan(self, steps: int, peak_flop_per_second: float | None, activation_bytes_per_token: float) -> None:
        """Record the steps of the whole run, the peak speed of its devices where it is known, and a token's memory."""
        self._of(names.PLANNED_STEPS).set(steps)
        self._of(names.ACTIVATIONS).set(activation_bytes_per_token)
        if peak_flop_per_second is not None:
            self._of(names.PEAK_FLOP).set(peak_flop_per_second)

    def observe_step(
        self,
        *,
        step: int,
        loss: float,
        learning_rate: float,
        tokens: float,
        flop: float,
        seconds: float,
        data_seconds: float,
        gradient_norm: float | None,
        terms: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """Record an optimiser step.

        Args:
            step: Its number, from 1.
            loss: Mean loss of the step.
            learning_rate: Learning rate that it used.
            tokens: Its tokens over all workers.
            flop: Its floating-point operations over all workers.
            seconds: What it took in all.
            data_seconds: What it waited for its batch.
            gradient_norm: Norm of the gradient before clipping.
            terms: Means of the loss's terms, where it has several.
        """
        self._step.set(step)
        self._loss.set(loss)
        self._learning_rate.set(learning_rate)
        self._tokens.inc(tokens)
        self._flop.inc(flop)
        self._step_seconds.observe(seconds)
        self._data_wait.inc(data_seconds)
        self._last_step.set_to_current_time()
        if gradient_norm is not None:
            self._of(names.GRADIENT_NORM).set(gradient_norm)
        self._set_terms(names.TERM, terms)

    def _set_terms(self, metric: names.MetricName, terms: Mapping[str, float]) -> None:
        for term, value in terms.items():
            instrument(metric, *self._labels, term).set(value)

    def observe_held_out_loss(
        self, loss: float, by_source: Mapping[str, float], terms: Mapping[str, float] = MappingProxyType({})
    ) -> None:
        """Record the loss on held-out documents, on those of each source where there are several, and its terms."""
        self._of(names.HELD_OUT_LOSS).set(loss)
        self._set_terms(names.HELD_OUT_TERM, terms)
        for source, value in by_source.items():
            instrument(names.HELD_OUT_SOURCE_LOSS, *self._labels, source).set(value)

    def observe_checkpoint(self, seconds: float) -> None:
        """Record that a checkpoint is complete now, and what writing it took."""
        self._of(names.CHECKPOINT).set_to_current_time()
        self._of(names.CHECKPOINT_SECONDS).observe(seconds)

    def end(self, *, finite: bool) -> None:
        """Training has ended; `finite` is False where it did because loss or gradient were not finite."""
        self._of(names.RUNNING).set(0)
        if not finite:
            self._of(names.NOT_FINITE).inc()
            self._loss.set(float("nan"))
