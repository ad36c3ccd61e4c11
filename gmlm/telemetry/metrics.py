"""Prometheus metrics of stages and training. Telemetry never stops work: no function here raises.

prometheus_client costs 0.1 CPU-seconds to import, so it is imported when the first metric is touched.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from gmlm import __version__
from gmlm.errors import InterruptedRunError
from gmlm.telemetry import names
from gmlm.telemetry.logs import get_logger

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

Outcome = Literal["finished", "recognised", "interrupted", "failed"]
SegmentOutcome = Literal["translated", "copied", "flagged"]
DOCUMENT_OUTCOMES = ("in", "out", "rejected", "dropped")
PUSH_TIMEOUT = 5.0
"""Seconds that a push may take."""

_logger = get_logger(__name__)


@cache
def _instruments() -> tuple[CollectorRegistry, dict[str, Any]]:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    made: dict[str, Any] = {}
    for metric in names.METRICS:
        if metric.kind == "histogram":
            made[metric.name] = Histogram(
                metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=registry
            )
        else:
            kind = Counter if metric.kind == "counter" else Gauge
            made[metric.name] = kind(metric.name, metric.help, metric.labels, registry=registry)
    made[names.BUILD.name].labels(__version__).set(1)
    return registry, made


def registry() -> CollectorRegistry:
    """The project's own registry: the metrics of `names.METRICS` and the process's memory, CPU and open files."""
    return _instruments()[0]


def _metric(metric: names.MetricName, *labels: str) -> Any:
    instrument = _instruments()[1][metric.name]
    return instrument.labels(*labels)


@contextmanager
def observe_stage(stage: str) -> Iterator[None]:
    """Time the block as a run of the stage and count how it ended."""
    outcome: Outcome = "failed"
    started = time.monotonic()
    _metric(names.STAGE_RUNNING, stage).set(1)
    try:
        yield
        outcome = "finished"
    except (InterruptedRunError, KeyboardInterrupt):
        outcome = "interrupted"
        raise
    finally:
        _metric(names.STAGE_RUNNING, stage).set(0)
        _metric(names.STAGE_SECONDS, stage, outcome).observe(time.monotonic() - started)
        _metric(names.STAGE_RUNS, stage, outcome).inc()


def observe_recognised(stage: str) -> None:
    """Count a stage that was finished by an earlier run."""
    _metric(names.STAGE_RUNS, stage, "recognised").inc()


def observe_documents(stage: str, counters: Mapping[str, int]) -> None:
    """Count documents from a manifest's counters; those other than in, out, rejected and dropped are left out."""
    for outcome in DOCUMENT_OUTCOMES:
        if outcome in counters:
            _metric(names.DOCUMENTS, stage, outcome).inc(counters[outcome])


def observe_segments(outcome: SegmentOutcome, count: int = 1) -> None:
    """Count segments of a translation."""
    _metric(names.SEGMENTS, outcome).inc(count)


def observe_step(
    *,
    loss: float,
    learning_rate: float,
    tokens: int,
    step: int | None = None,
    gradient_norm: float | None = None,
    stage: str = "pretrain",
) -> None:
    """Record an optimiser step; call it on the first worker only.

    Args:
        loss: Mean loss of the step; may be NaN.
        learning_rate: Learning rate that the step used.
        tokens: Tokens of the step over all workers.
        step: Number of the step; default: one more than the last.
        gradient_norm: Norm of the gradient before clipping.
        stage: Stage that trains.
    """
    _metric(names.LOSS, stage).set(loss)
    _metric(names.LEARNING_RATE, stage).set(learning_rate)
    _metric(names.TOKENS, stage).inc(tokens)
    _metric(names.LAST_STEP, stage).set_to_current_time()
    if step is None:
        _metric(names.STEP, stage).inc()
    else:
        _metric(names.STEP, stage).set(step)
    if gradient_norm is not None:
        _metric(names.GRADIENT_NORM, stage).set(gradient_norm)


def observe_held_out_loss(loss: float, *, stage: str = "pretrain") -> None:
    """Record the loss on held-out documents."""
    _metric(names.HELD_OUT_LOSS, stage).set(loss)


def observe_checkpoint(*, stage: str = "pretrain") -> None:
    """Record that a checkpoint is complete now."""
    _metric(names.CHECKPOINT, stage).set_to_current_time()


def observe_score(model: str, task: str, metric: str, value: float) -> None:
    """Record a score; the labels are names of the study and of the metric."""
    _metric(names.SCORE, model, task, metric).set(value)


def serve_metrics(port: int, address: str = "0.0.0.0") -> int | None:
    """Serve `/metrics` from a background thread and return the port; 0 takes a free one.

    An occupied or forbidden port is logged and None returned: the work goes on without an exporter.
    """
    from prometheus_client import start_http_server

    try:
        server, _ = start_http_server(port, address, registry())
    except (OSError, OverflowError) as error:
        _logger.warning("metrics are not served", extra={"port": port, "error": type(error).__name__})
        return None
    return int(server.server_port)


def push_metrics(gateway: str, *, study: str) -> bool:
    """Push all metrics to a Pushgateway, grouped by the study's name; False, and a log line, where that fails.

    For short runs that end between two scrapes; long ones are scraped (https://prometheus.io/docs/practices/pushing/).
    """
    from prometheus_client import push_to_gateway

    try:
        push_to_gateway(gateway, job="gmlm", registry=registry(), grouping_key={"study": study}, timeout=PUSH_TIMEOUT)
    except Exception as error:  # whatever a gateway or its address does, the work goes on
        _logger.warning("metrics are not pushed", extra={"gateway": gateway, "error": type(error).__name__})
        return False
    return True
