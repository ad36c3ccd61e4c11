"""What stages report to Prometheus. Telemetry never stops work: no function here raises."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, get_args

from gmlm.errors import InterruptedRunError
from gmlm.telemetry import names
from gmlm.telemetry.exporting import push_metrics, serve_metrics
from gmlm.telemetry.progress import stage_at_work
from gmlm.telemetry.registry import instrument, name_study, registry

__all__ = [
    "name_study",
    "observe_cell",
    "observe_documents",
    "observe_energy",
    "observe_evaluation",
    "observe_flags",
    "observe_quarantined",
    "observe_recognised",
    "observe_reused",
    "observe_score",
    "observe_segments",
    "observe_stage",
    "observe_store_error",
    "observe_store_request",
    "observe_translated",
    "observe_translated_words",
    "push_metrics",
    "registry",
    "serve_metrics",
]

Outcome = Literal["finished", "recognised", "interrupted", "failed"]
SegmentOutcome = Literal["translated", "copied", "flagged"]
DOCUMENT_OUTCOMES = ("in", "out", "rejected", "dropped")
TRANSLATION = "translation"
"""Name of the task in the scores of translators."""


@contextmanager
def observe_stage(stage: str) -> Iterator[None]:
    """Time the block as a run of the stage, count how it ended, and let progress within it tell of the stage."""
    outcome: Outcome = "failed"
    started = time.monotonic()
    running = instrument(names.STAGE_RUNNING, stage)
    running.set(1)
    _start_at_zero(stage)
    try:
        with stage_at_work(stage):
            yield
        outcome = "finished"
    except (InterruptedRunError, KeyboardInterrupt):
        outcome = "interrupted"
        raise
    finally:
        running.set(0)
        instrument(names.STAGE_SECONDS, stage, outcome).observe(time.monotonic() - started)
        instrument(names.STAGE_RUNS, stage, outcome).inc()
        instrument(names.STAGE_END, stage, outcome).set_to_current_time()


def _start_at_zero(stage: str) -> None:
    """Export counters before anything is counted, so that their first count is an increase."""
    for kind in ("finished", "failed"):
        instrument(names.STAGE_RUNS, stage, kind)
    if stage == "translate":
        for outcome in get_args(SegmentOutcome):
            instrument(names.SEGMENTS, outcome)


def observe_recognised(stage: str) -> None:
    """Count a stage that was finished by an earlier run."""
    instrument(names.STAGE_RUNS, stage, "recognised").inc()


def observe_documents(stage: str, counters: Mapping[str, int]) -> None:
    """Count documents from a manifest's counters; those other than in, out, rejected and dropped are left out."""
    for outcome in DOCUMENT_OUTCOMES:
        if outcome in counters:
            instrument(names.DOCUMENTS, stage, outcome).inc(counters[outcome])


def observe_energy(stage: str, meter: str, joules: float) -> None:
    """Count energy that a meter has told while the stage ran."""
    instrument(names.ENERGY, stage, meter).inc(joules)


def observe_quarantined(stage: str) -> None:
    """Count a record that was set aside."""
    instrument(names.QUARANTINED, stage).inc()


def observe_segments(outcome: SegmentOutcome, count: int = 1) -> None:
    """Count segments of a translation."""
    instrument(names.SEGMENTS, outcome).inc(count)


def observe_translated(tokens: int, seconds: float) -> None:
    """Count the source tokens of a batch that the translator has read, and the time that it took."""
    instrument(names.TRANSLATION_TOKENS).inc(tokens)
    instrument(names.TRANSLATION_BATCH_SECONDS).observe(seconds)


def observe_reused(*, shard: int, memory: int) -> None:
    """Count segments that were not translated again: equal ones of a shard, and those known from elsewhere."""
    instrument(names.TRANSLATION_REUSED, "shard").inc(shard)
    instrument(names.TRANSLATION_REUSED, "memory").inc(memory)


def observe_flags(counts: Mapping[str, int]) -> None:
    """Count flags of suspicious segments."""
    for flag, count in counts.items():
        instrument(names.TRANSLATION_FLAGS, flag).inc(count)


def observe_translated_words(source: int, target: int) -> None:
    """Count words of translated segments on both sides."""
    instrument(names.TRANSLATION_WORDS, "source").inc(source)
    instrument(names.TRANSLATION_WORDS, "target").inc(target)


def observe_score(model: str, task: str, metric: str, value: float, *, split: str = "test") -> None:
    """Record a score; the labels are names of the study and of the metric."""
    instrument(names.SCORE, model, task, split, metric).set(value)


def observe_cell(model: str, task: str, scores: Mapping[str, Mapping[str, Any]]) -> None:
    """Record the F1 on dev of a cell; its test score waits for the evaluation, which sees all seeds."""
    if "f1" in scores["dev"]:
        observe_score(model, task, "f1", scores["dev"]["f1"], split="dev")


def observe_evaluation(tasks: Mapping[str, Mapping[str, Any]]) -> None:
    """Record the test scores of an evaluation with their intervals, and differences to the baseline with theirs.

    Args:
        tasks: The `tasks` of an evaluation's `scores.json`.
    """
    for task, record in tasks.items():
        for model, row in record["models"].items():
            labels = (model, task, "test", "f1")
            instrument(names.SCORE, *labels).set(row["mean"])
            instrument(names.SCORE_LOW, *labels).set(row["low"])
            instrument(names.SCORE_HIGH, *labels).set(row["high"])
        for model, row in record["comparisons"].items():
            compared = (model, task, "f1")
            instrument(names.DIFFERENCE, *compared).set(row["difference"])
            instrument(names.DIFFERENCE_LOW, *compared).set(row["low"])
            instrument(names.DIFFERENCE_HIGH, *compared).set(row["high"])


def observe_store_request(operation: str, retries: int) -> None:
    """Count a request to the store, and how often it was sent again."""
    instrument(names.STORE_REQUESTS, operation).inc()
    instrument(names.STORE_RETRIES, operation).inc(retries)


def observe_store_error(error: str) -> None:
    """Count a failure of the store by the name of its error's class."""
    instrument(names.STORE_ERRORS, error).inc()
