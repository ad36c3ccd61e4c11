"""The fine-tune stage: one cell, that is one model trained on one task with one seed, and its predictions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gmlm.config import CellConfig, TaskConfig
from gmlm.errors import ModelMismatchError
from gmlm.evaluation.scores import Prediction, metric_of, score
from gmlm.finetuning.candidates import Candidate, best_candidate, model_of
from gmlm.finetuning.early_stopping import HISTORY
from gmlm.finetuning.examples import Example, from_json_lines
from gmlm.finetuning.objective import load_encoder
from gmlm.finetuning.splits import SPLITS
from gmlm.manifest import Manifest, read_file
from gmlm.stage import StageRun
from gmlm.telemetry.metrics import observe_cell

REPORTED = ("f1", "precision", "recall", "exact_match")
"""Scores that the manifest names as metrics."""


def finetune(config: CellConfig, run: StageRun) -> Manifest:
    """Fine-tune a model on a task and predict dev and test.

    Writes `predictions.dev.jsonl` and `predictions.test.jsonl` (id, gold and predicted of each document, and no text
    but that of answers), `scores.json` and `training.json`. An interrupted training goes on from its checkpoint. Where
    the task has a grid, every choice is trained, dev picks one, and that one alone reads the test set.

    Raises:
        ModelMismatchError: Model and tokenizer do not belong together.
        TrainingError: The loss is not finite.
        InterruptedRunError: It was asked to stop; it has saved a checkpoint.
    """
    splits = {name: _read_split(name, config.task, run) for name in SPLITS}
    model_input = run.inputs["model"]
    encoder = load_encoder(run.local_folder(model_input, "model"), f"model {model_input.name}")
    best, tried = best_candidate(config, encoder, _read_labels(run), splits, run)
    predictions = {"dev": best.dev, "test": best.predict("test", splits["test"])}
    scores = {name: score(config.task, rows) for name, rows in predictions.items()}
    files = [
        run.write(f"predictions.{name}.jsonl", _json_lines(rows), rows=len(rows)) for name, rows in predictions.items()
    ]
    observe_cell(model_of(config, run), run.inputs["task"].name, scores)
    metric = metric_of(config.task)
    record = {"metric": metric.name, "convention": metric.convention, **scores, "threshold": best.threshold}
    files.append(run.write("scores.json", _json(record)))
    files.append(run.write("training.json", _json(_training(best, tried))))
    metrics = {f"{name}_{key}": scores[name][key] for name in scores for key in REPORTED if key in scores[name]}
    given = sum(len(examples) for examples in splits.values())
    counters = {"in": given, "out": given, "rejected": 0, "unplaceable": best.objective.unplaceable}
    return run.publish("predictions", config, files, counters=counters | {"windows": best.windows}, metrics=metrics)


def _training(best: Candidate, tried: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The loss curve of the settings that dev chose, and where there was a choice, all with their dev scores."""
    record: dict[str, Any] = {
        "steps": best.result.steps,
        "windows": best.windows,
        "unplaceable": best.objective.unplaceable,
    }
    record |= {HISTORY: best.result.history[HISTORY]} if HISTORY in best.result.history else {}
    choice = {"grid": list(tried), "chosen": best.settings.choice()} if tried else {}
    return {**record, "curve": [asdict(point) for point in best.result.curve], **choice}


def _read_split(name: str, task: TaskConfig, run: StageRun) -> list[Example]:
    return from_json_lines(read_file(run.store, run.inputs["task"], f"{name}.jsonl"), task)


def _read_labels(run: StageRun) -> list[str]:
    labels: list[str] = json.loads(read_file(run.store, run.inputs["task"], "labels.json"))["labels"]
    if not labels:
        where, fix = f"task {run.inputs['task'].name}", "lower 'min_label_count', or give more data"
        raise ModelMismatchError("the task has no labels to predict", where=where, fix=fix)
    return labels


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def _json_lines(rows: Sequence[Prediction]) -> bytes:
    return "".join(f"{json.dumps(row, ensure_ascii=False, sort_keys=True)}\n" for row in rows).encode()
