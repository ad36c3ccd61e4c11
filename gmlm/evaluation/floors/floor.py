"""The floor stage: a simple method trained on a task, and its predictions in the form of a cell."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gmlm.config import FloorConfig, TaskConfig
from gmlm.config.tasks import TaskKind
from gmlm.evaluation.evaluate import read_predictions
from gmlm.evaluation.floors.crf import predict_spans
from gmlm.evaluation.floors.linear import predict_labels
from gmlm.evaluation.floors.retrieval import predict_answers
from gmlm.evaluation.predictions import GOLD, prediction_lines
from gmlm.evaluation.scores import metric_of, score
from gmlm.manifest import Manifest, read_file
from gmlm.stage import StageRun

Examples = Sequence[Mapping[str, Any]]
"""Lines of a task's split."""
FLOORS: Mapping[TaskKind, Callable[[Examples, Examples, Examples], list[list[Any]]]] = {
    "token_classification": predict_spans,
    "multi_label": predict_labels,
    "question_answering": predict_answers,
}
"""By kind of task: from train, dev and test to the predictions of dev and of test."""


def floor(config: FloorConfig, run: StageRun) -> Manifest:
    """Train the floor of the task's kind, and predict dev and test.

    Writes `predictions.dev.jsonl`, `predictions.test.jsonl` and `scores.json` like the fine-tune stage.
    """
    splits = {name: _read(name, run) for name in ("train", "dev", "test")}
    predicted = FLOORS[config.task.kind](splits["train"], splits["dev"], splits["test"])
    files, record = [], dict[str, Any]()
    for name, rows in zip(("dev", "test"), predicted, strict=True):
        lines = prediction_lines(splits[name], rows, GOLD[config.task.kind])
        files.append(run.write(f"predictions.{name}.jsonl", lines, rows=len(rows)))
        record[name] = score(config.task, read_predictions(lines))
    files.append(run.write("scores.json", _scores_json(config.task, record)))
    given = sum(map(len, splits.values()))
    metrics = {f"{name}_f1": found["f1"] for name, found in record.items()}
    return run.publish(
        "predictions", config, files, counters={"in": given, "out": given, "rejected": 0}, metrics=metrics
    )


def _scores_json(task: TaskConfig, record: Mapping[str, Any]) -> bytes:
    metric = metric_of(task)
    content = {"metric": metric.name, "convention": metric.convention, **record, "threshold": None}
    return (json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def _read(split: str, run: StageRun) -> Examples:
    return read_predictions(read_file(run.store, run.inputs["task"], f"{split}.jsonl"))
