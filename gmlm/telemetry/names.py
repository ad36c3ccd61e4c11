"""The names of all metrics: the one list that the registry is built from and the reference page is written from.

They follow the Prometheus naming rules (https://prometheus.io/docs/practices/naming/): base units, `_total` for
counters, timestamps instead of ages. Labels come from closed sets, or are names of the study; never text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MetricName:
    """One metric.

    Attributes:
        name: Its name.
        kind: `live` gauges are read at the moment of a scrape and vanish with the work that they tell of.
        help: What it tells.
        labels: Names of its labels, beside `study`, which all have.
        buckets: Upper bounds of a histogram's buckets, in seconds.
        result: Whether it is pushed at the end of a short pod.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram", "live"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    result: bool = False


STAGE_BUCKETS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 48 * 3600)
STEP_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
CHECKPOINT_BUCKETS = (0.1, 0.5, 1, 5, 15, 60, 300, 900)

STAGE = ("stage",)
TRAINING = ("stage", "model", "task", "phase")
SCORED = ("model", "task", "split", "metric")
COMPARED = ("model", "task", "metric")

BUILD = MetricName("gmlm_build_info", "gauge", "Always 1; the label tells the version.", ("version",))
STAGE_RUNNING = MetricName("gmlm_stage_running", "gauge", "1 while the stage runs, else 0.", STAGE)
STAGE_RUNS = MetricName(
    "gmlm_stage_runs_total",
    "counter",
    "Stages by how they ended: finished, recognised (finished earlier), interrupted or failed.",
    ("stage", "outcome"),
    result=True,
)
STAGE_SECONDS = MetricName(
    "gmlm_stage_seconds", "histogram", "Wall-clock seconds of the stages that ran.", ("stage", "outcome"), STAGE_BUCKETS
)
STAGE_END = MetricName(
    "gmlm_stage_end_timestamp_seconds",
    "gauge",
    "Unix time at which the stage last ended, by how it ended.",
    ("stage", "outcome"),
    result=True,
)
ENERGY = MetricName(
    "gmlm_energy_joules_total",
    "counter",
    "Energy while the stage ran, by meter: rapl (CPU packages and memory of the whole machine) or nvml (whole GPUs).",
    ("stage", "meter"),
)
DOCUMENTS = MetricName(
    "gmlm_documents_total",
    "counter",
    "Documents of finished stages: in, out, rejected (could not be read) or dropped (filtered out).",
    ("stage", "outcome"),
    result=True,
)
QUARANTINED = MetricName(
    "gmlm_quarantined_total", "counter", "Records that a running stage has set aside, as they come.", STAGE
)
PROGRESS_DONE = MetricName(
    "gmlm_progress_done_units", "live", "Units of the stage's current work that are done.", STAGE
)
PROGRESS_PLANNED = MetricName("gmlm_progress_planned_units", "live", "All units of the stage's current work.", STAGE)
PROGRESS_START = MetricName(
    "gmlm_progress_start_timestamp_seconds", "live", "Unix time at which the stage's current work began.", STAGE
)
SEGMENTS = MetricName(
    "gmlm_translation_segments_total",
    "counter",
    "Segments by outcome: translated, copied (nothing to translate) or flagged (suspicious output).",
    ("outcome",),
)
TRANSLATION_TOKENS = MetricName(
    "gmlm_translation_tokens_total", "counter", "Source tokens that the translator has read, equal segments once."
)
TRANSLATION_WORDS = MetricName(
    "gmlm_translation_words_total",
    "counter",
    "Words of translated segments by side: source or target.",
    ("side",),
)
TRANSLATION_REUSED = MetricName(
    "gmlm_translation_reused_total",
    "counter",
    "Segments that were not translated again: equal to another of their shard, or known from other shards or runs.",
    ("origin",),
)
TRANSLATION_FLAGS = MetricName(
    "gmlm_translation_flags_total", "counter", "Flags of suspicious segments; a segment may have several.", ("flag",)
)
TRANSLATION_BATCH_SECONDS = MetricName(
    "gmlm_translation_batch_seconds", "histogram", "Seconds that a batch of segments took.", (), STEP_BUCKETS
)
RUNNING = MetricName("gmlm_training_running", "gauge", "1 while it trains, else 0.", TRAINING)
START = MetricName("gmlm_training_start_timestamp_seconds", "gauge", "Unix time at which it began to train.", TRAINING)
STEP = MetricName("gmlm_training_step", "gauge", "Number of the last optimiser step.", TRAINING)
PLANNED_STEPS = MetricName("gmlm_training_planned_steps", "gauge", "Optimiser steps of the whole training.", TRAINING)
LAST_STEP = MetricName(
    "gmlm_training_last_step_timestamp_seconds",
    "gauge",
    "Unix time of the last optimiser step, or of the start.",
    TRAINING,
)
STEP_SECONDS = MetricName(
    "gmlm_training_step_seconds",
    "histogram",
    "Seconds of an optimiser step, waiting for its batch included.",
    TRAINING,
    STEP_BUCKETS,
)
DATA_WAIT = MetricName(
    "gmlm_training_data_wait_seconds_total", "counter", "Seconds that steps have waited for their batch.", TRAINING
)
LOSS = MetricName("gmlm_training_loss", "gauge", "Loss of the last optimiser step; NaN if not finite.", TRAINING)
TERM = MetricName(
    "gmlm_training_term",
    "gauge",
    "A term of the last step's loss where it has several, or a figure beside it, such as `discriminator_accuracy`.",
    (*TRAINING, "term"),
)
HELD_OUT_TERM = MetricName(
    "gmlm_training_held_out_term", "gauge", "A term of the loss on held-out documents.", (*TRAINING, "term")
)
HELD_OUT_LOSS = MetricName("gmlm_training_held_out_loss", "gauge", "Loss on held-out documents.", TRAINING)
HELD_OUT_SOURCE_LOSS = MetricName(
    "gmlm_training_held_out_source_loss",
    "gauge",
    "Loss on held-out documents of one source, where there are several.",
    (*TRAINING, "source"),
)
ACTIVATIONS = MetricName(
    "gmlm_training_activation_bytes_per_token",
    "gauge",
    "Memory that a token of a micro-batch takes between forward and backward pass, by the first step.",
    TRAINING,
)
LEARNING_RATE = MetricName("gmlm_training_learning_rate", "gauge", "Learning rate of the last step.", TRAINING)
GRADIENT_NORM = MetricName("gmlm_training_gradient_norm", "gauge", "Norm of the gradient before clipping.", TRAINING)
NOT_FINITE = MetricName(
    "gmlm_training_not_finite_total",
    "counter",
    "Trainings that ended because the loss or its gradient was not finite.",
    TRAINING,
    result=True,
)
TOKENS = MetricName("gmlm_training_tokens_total", "counter", "Tokens trained on, over all workers.", TRAINING)
FLOP = MetricName(
    "gmlm_training_flop_total",
    "counter",
    "Floating-point operations of the model: 6 a token and parameter, embeddings and attention scores left out.",
    TRAINING,
)
PEAK_FLOP = MetricName(
    "gmlm_training_peak_flop_per_second",
    "gauge",
    "Peak floating-point operations a second of all workers' devices, dense bf16; absent where it is not known.",
    TRAINING,
)
CHECKPOINT = MetricName(
    "gmlm_checkpoint_timestamp_seconds", "gauge", "Unix time of the last complete checkpoint.", TRAINING
)
CHECKPOINT_SECONDS = MetricName(
    "gmlm_checkpoint_seconds", "histogram", "Seconds that writing a checkpoint took.", TRAINING, CHECKPOINT_BUCKETS
)
DEVICE_MEMORY = MetricName(
    "gmlm_device_memory_bytes",
    "live",
    "Memory of this process's GPU by kind: allocated, reserved or peak; absent without a GPU.",
    ("kind",),
)
SCORE = MetricName(
    "gmlm_score",
    "gauge",
    "Score, in the metric's own unit: split test is the mean over seeds, dev the cell that ended last.",
    SCORED,
    result=True,
)
SCORE_LOW = MetricName("gmlm_score_low", "gauge", "Lower end of the score's interval.", SCORED, result=True)
SCORE_HIGH = MetricName("gmlm_score_high", "gauge", "Upper end of the score's interval.", SCORED, result=True)
DIFFERENCE = MetricName(
    "gmlm_score_difference", "gauge", "Score on the test set minus that of the baseline.", COMPARED, result=True
)
DIFFERENCE_LOW = MetricName(
    "gmlm_score_difference_low", "gauge", "Lower end of the difference's interval.", COMPARED, result=True
)
DIFFERENCE_HIGH = MetricName(
    "gmlm_score_difference_high", "gauge", "Upper end of the difference's interval.", COMPARED, result=True
)
STORE_REQUESTS = MetricName("gmlm_store_requests_total", "counter", "Requests to an S3 store.", ("operation",))
STORE_RETRIES = MetricName(
    "gmlm_store_retries_total", "counter", "Requests to an S3 store that were sent again.", ("operation",)
)
STORE_ERRORS = MetricName(
    "gmlm_store_errors_total",
    "counter",
    "Failures of an S3 store after all retries, by the class of the error.",
    ("error",),
)

METRICS: tuple[MetricName, ...] = tuple(value for value in dict(globals()).values() if isinstance(value, MetricName))
"""All of them, in the order above."""
