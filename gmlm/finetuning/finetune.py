"""The fine-tune stage: one cell, that is one model trained on one task with one seed, and its predictions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from gmlm.config import CellConfig, TaskConfig
from gmlm.errors import ModelMismatchError
from gmlm.evaluation.scores import Prediction, metric_of, score
from gmlm.finetuning.batching import plan_batches
from gmlm.finetuning.examples import Example, LabelledDocument, Question, SpanDocument, from_json_lines
from gmlm.finetuning.multi_label import MultiLabel
from gmlm.finetuning.objective import Encoder, Objective, load_encoder
from gmlm.finetuning.question_answering import QuestionAnswering
from gmlm.finetuning.splits import SPLITS
from gmlm.finetuning.token_classification import TokenClassification
from gmlm.manifest import Manifest
from gmlm.stage import StageRun
from gmlm.telemetry.metrics import observe_cell
from gmlm.training import TrainingMetrics, TrainingResult, train

REPORTED = ("f1", "precision", "recall", "exact_match")
"""Scores that the manifest names as metrics."""


def finetune(config: CellConfig, run: StageRun) -> Manifest:
    """Fine-tune a model on a task and predict dev and test.

    Writes `predictions.dev.jsonl` and `predictions.test.jsonl` (id, gold and predicted of each document, and no text
    but that of answers), `scores.json` and `training.json`. An interrupted training goes on from its checkpoint.

    Raises:
        ModelMismatchError: Model and tokenizer do not belong together.
        TrainingError: The loss is not finite.
        InterruptedRunError: It was asked to stop; it has saved a checkpoint.
    """
    splits = {name: _read_split(name, config.task, run) for name in SPLITS}
    model_input = run.inputs["model"]
    encoder = load_encoder(run.local_folder(model_input, "model"), f"model {model_input.name}")
    objective = make_objective(config.task, encoder, _read_labels(run), splits["train"])
    model, result, windows = _trained(config, objective, splits["train"], run)
    predictions, threshold = _predict(objective, model, splits)
    scores = {name: score(config.task, rows) for name, rows in predictions.items()}
    files = [
        run.write(f"predictions.{name}.jsonl", _json_lines(rows), rows=len(rows)) for name, rows in predictions.items()
    ]
    observe_cell(_model_of(config, run), run.inputs["task"].name, scores)
    metric = metric_of(config.task)
    record = {"metric": metric.name, "convention": metric.convention, **scores, "threshold": threshold}
    files.append(run.write("scores.json", _json(record)))
    curve = {"steps": result.steps, "windows": windows, "curve": [asdict(point) for point in result.curve]}
    files.append(run.write("training.json", _json({**curve, "unplaceable": objective.unplaceable})))
    metrics = {f"{name}_{key}": scores[name][key] for name in scores for key in REPORTED if key in scores[name]}
    given = sum(len(examples) for examples in splits.values())
    counters = {"in": given, "out": given, "rejected": 0, "unplaceable": objective.unplaceable, "windows": windows}
    return run.publish("predictions", config, files, counters=counters, metrics=metrics)


def make_objective(task: TaskConfig, encoder: Encoder, labels: Sequence[str], train: Sequence[Example]) -> Objective:
    """The objective of a task's kind."""
    if task.kind == "token_classification":
        return TokenClassification(encoder, task.finetuning, labels)
    if task.kind == "multi_label":
        return MultiLabel(encoder, task.finetuning, labels)
    return QuestionAnswering(encoder, task.finetuning, train, task.article_stripping)


def _trained(
    config: CellConfig, objective: Objective, examples: Sequence[Example], run: StageRun
) -> tuple[nn.Module, TrainingResult, int]:
    """The trained model, its loss curve, and the number of training windows."""
    settings = config.task.finetuning
    items = objective.training_items(examples)
    plan = plan_batches(items, settings.batch_size, settings.epochs, config.seed)
    tokens = settings.epochs * sum(len(window.ids) for item in items for window in item.windows)
    torch.manual_seed(config.seed)  # of the head; train() seeds every step by itself
    model = objective.load_model()
    result = train(
        model,
        loss=objective.loss,
        batches=lambda step: [objective.collate([items[index] for index in plan[step]])],
        steps=len(plan),
        optimisation=settings.optimisation,
        seed=config.seed,
        fingerprint=run.fingerprint,
        checkpoints=run.scratch / "checkpoints",
        hooks=[
            TrainingMetrics(run.stage, tokens / len(plan), model=_model_of(config, run), task=run.inputs["task"].name)
        ],
        description=f"Fine-tune {run.name}",
    )
    return model, result, sum(len(item.windows) for item in items)


def _model_of(config: CellConfig, run: StageRun) -> str:
    """The model's name in the study, which the cell's name begins with."""
    return run.name.removesuffix(f"--{run.inputs['task'].name}--{config.seed}")


def _predict(
    objective: Objective, model: nn.Module, splits: Mapping[str, list[Example]]
) -> tuple[dict[str, list[Prediction]], float | None]:
    """Predictions of dev and test, and the threshold, which only dev has a say in."""
    outputs = {name: objective.outputs(model, splits[name], f"Predict {name}") for name in ("dev", "test")}
    threshold = objective.tune(outputs["dev"], splits["dev"])
    predictions: dict[str, list[Prediction]] = {}
    for name, rows in outputs.items():
        decided = objective.decide(rows, splits[name], threshold)
        predictions[name] = [
            {"id": example.id, "gold": _gold(example), "predicted": predicted}
            for example, predicted in zip(splits[name], decided, strict=True)
        ]
    return predictions, threshold


def _gold(example: Example) -> list[Any]:
    match example:
        case SpanDocument():
            return [asdict(span) for span in example.spans]
        case LabelledDocument():
            return list(example.labels)
        case Question():
            return [asdict(answer) for answer in example.answers]


def _read_split(name: str, task: TaskConfig, run: StageRun) -> list[Example]:
    return from_json_lines(run.store.read(run.inputs["task"].key(f"{name}.jsonl")), task)


def _read_labels(run: StageRun) -> list[str]:
    labels: list[str] = json.loads(run.store.read(run.inputs["task"].key("labels.json")))["labels"]
    if not labels:
        where, fix = f"task {run.inputs['task'].name}", "lower 'min_label_count', or give more data"
        raise ModelMismatchError("the task has no labels to predict", where=where, fix=fix)
    return labels


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def _json_lines(rows: Sequence[Prediction]) -> bytes:
    return "".join(f"{json.dumps(row, ensure_ascii=False, sort_keys=True)}\n" for row in rows).encode()
