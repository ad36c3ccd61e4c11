"""The names of all metrics: the one list that the registry is built from and the reference page is checked against.

They follow the Prometheus naming rules (https://prometheus.io/docs/practices/naming/): base units, `_total` for
counters, timestamps instead of ages. Labels come from closed sets, or are names of the study; never text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MetricName:
    """One metric: its name, kind, help and labels; a histogram has upper bounds of its buckets in seconds."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


STAGE_SECONDS_BUCKETS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 48 * 3600)

BUILD = MetricName("gmlm_build_info", "gauge", "Always 1; the label tells the version.", ("version",))
STAGE_RUNNING = MetricName("gmlm_stage_running", "gauge", "1 while the stage runs, else 0.", ("stage",))
STAGE_RUNS = MetricName(
    "gmlm_stage_runs_total",
    "counter",
    "Stages by how they ended: finished, recognised (finished earlier), interrupted or failed.",
    ("stage", "outcome"),
)
STAGE_SECONDS = MetricName(
    "gmlm_stage_seconds",
    "histogram",
    "Wall-clock seconds of the stages that ran.",
    ("stage", "outcome"),
    STAGE_SECONDS_BUCKETS,
)
DOCUMENTS = MetricName(
    "gmlm_documents_total",
    "counter",
    "Documents of finished stages: in, out, rejected (could not be read) or dropped (filtered out).",
    ("stage", "outcome"),
)
SEGMENTS = MetricName(
    "gmlm_translation_segments_total",
    "counter",
    "Segments by outcome: translated, copied (nothing to translate) or flagged (suspicious output).",
    ("outcome",),
)
LOSS = MetricName("gmlm_training_loss", "gauge", "Loss of the last optimiser step; NaN if not finite.", ("stage",))
HELD_OUT_LOSS = MetricName("gmlm_training_held_out_loss", "gauge", "Loss on held-out documents.", ("stage",))
LEARNING_RATE = MetricName("gmlm_training_learning_rate", "gauge", "Learning rate of the last step.", ("stage",))
GRADIENT_NORM = MetricName("gmlm_training_gradient_norm", "gauge", "Norm of the gradient before clipping.", ("stage",))
STEP = MetricName("gmlm_training_step", "gauge", "Number of the last optimiser step.", ("stage",))
TOKENS = MetricName("gmlm_training_tokens_total", "counter", "Tokens trained on, over all workers.", ("stage",))
LAST_STEP = MetricName(
    "gmlm_training_last_step_timestamp_seconds", "gauge", "Unix time of the last optimiser step.", ("stage",)
)
CHECKPOINT = MetricName(
    "gmlm_checkpoint_timestamp_seconds", "gauge", "Unix time of the last complete checkpoint.", ("stage",)
)
SCORE = MetricName(
    "gmlm_score",
    "gauge",
    "Score of a model on a task's test set, in the metric's own unit.",
    ("model", "task", "metric"),
)

METRICS: tuple[MetricName, ...] = (
    BUILD,
    STAGE_RUNNING,
    STAGE_RUNS,
    STAGE_SECONDS,
    DOCUMENTS,
    SEGMENTS,
    LOSS,
    HELD_OUT_LOSS,
    LEARNING_RATE,
    GRADIENT_NORM,
    STEP,
    TOKENS,
    LAST_STEP,
    CHECKPOINT,
    SCORE,
)
