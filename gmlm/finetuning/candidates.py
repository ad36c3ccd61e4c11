"""The settings that a cell tries: each is trained, and dev alone says which one predicts the test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gmlm.config import CellConfig, FinetuneConfig, TaskConfig
from gmlm.evaluation.scores import Prediction, score
from gmlm.finetuning.batching import TrainingItem, epoch_ends, plan_batches
from gmlm.finetuning.early_stopping import HISTORY, EarlyStopping
from gmlm.finetuning.examples import Example, to_gold
from gmlm.finetuning.multi_label import MultiLabel
from gmlm.finetuning.objective import Encoder, Objective
from gmlm.finetuning.question_answering import QuestionAnswering
from gmlm.finetuning.token_classification import TokenClassification
from gmlm.stage import StageRun
from gmlm.training import TrainingMetrics, TrainingResult, train
from gmlm.training.dropout import quicken_dropout

Splits = Mapping[str, list[Example]]
SCORE = "f1"
"""What dev decides by; every kind of task has it."""


@dataclass
class Candidate:
    """A model trained with one choice of settings.

    Attributes:
        settings: What was tried.
        objective: The kind of task, with the model's windows.
        model: The trained model.
        result: Its loss curve.
        windows: Training windows.
        threshold: The threshold that is best on dev, where the kind has one.
        dev: Predictions of dev.
        dev_score: F1 on dev.
    """

    settings: FinetuneConfig
    objective: Objective
    model: nn.Module
    result: TrainingResult
    windows: int
    threshold: float | None
    dev: list[Prediction]
    dev_score: float

    def predict(self, name: str, examples: Sequence[Example]) -> list[Prediction]:
        """Predictions of a split by the threshold of dev."""
        outputs = self.objective.outputs(self.model, examples, f"Predict {name}")
        return _predictions(self.objective, outputs, examples, self.threshold)


def best_candidate(
    config: CellConfig, encoder: Encoder, labels: Sequence[str], splits: Splits, run: StageRun
) -> tuple[Candidate, list[dict[str, Any]]]:
    """The candidate of the highest dev score (the first of equals), and what was tried with its score.

    Only the best so far is kept in memory; one that was interrupted goes on from its checkpoint.
    """
    choices = config.task.finetuning.choices()
    # Windows depend on length and stride alone, which all choices share.
    objective = make_objective(config.task, encoder, labels, splits["train"])
    items = objective.training_items(splits["train"])
    best: Candidate | None = None
    tried = []
    for number, settings in enumerate(choices):
        # A single candidate keeps the cell's own fingerprint, several have one each.
        part = f"/{number}" if len(choices) > 1 else ""
        candidate = _train(config, settings, objective, items, splits["dev"], run, part)
        tried.append({**settings.choice(), "dev": candidate.dev_score})
        if best is None or candidate.dev_score > best.dev_score:
            best = candidate
    assert best is not None
    return best, tried if len(choices) > 1 else []


def _train(
    config: CellConfig,
    settings: FinetuneConfig,
    objective: Objective,
    items: Sequence[TrainingItem],
    dev: Sequence[Example],
    run: StageRun,
    part: str,
) -> Candidate:
    plan = plan_batches(items, settings.batch_size, settings.epochs, config.seed)
    tokens = settings.epochs * sum(len(window.ids) for item in items for window in item.windows)
    torch.manual_seed(config.seed)  # of the head; train() seeds every step by itself
    model = objective.load_model()
    quicken_dropout(model)
    names = {"model": model_of(config, run), "task": run.inputs["task"].name}
    stopping = EarlyStopping(
        epoch_ends(items, plan),
        settings.patience,
        lambda trained: _on_dev(config.task, objective, trained, dev)[2],
        _checkpoints(run, part) / "best",
    )
    result = train(
        model,
        loss=objective.loss,
        batches=lambda step: [objective.collate([items[index] for index in plan[step]])],
        steps=len(plan),
        optimisation=settings.optimisation,
        seed=config.seed,
        fingerprint=run.fingerprint + part,
        checkpoints=_checkpoints(run, part),
        hooks=[TrainingMetrics(run.stage, tokens / len(plan), **names), *([stopping] if settings.patience else [])],
        description=f"Fine-tune {run.name}{part}",
    )
    if settings.patience:
        stopping.restore(model, result.history[HISTORY])
    windows = sum(len(item.windows) for item in items)
    return Candidate(settings, objective, model, result, windows, *_on_dev(config.task, objective, model, dev))


def _on_dev(
    task: TaskConfig, objective: Objective, model: nn.Module, dev: Sequence[Example]
) -> tuple[float | None, list[Prediction], float]:
    """The threshold that is best on dev, the predictions by it, and their score."""
    outputs = objective.outputs(model, dev, "Predict dev")
    threshold = objective.tune(outputs, dev)
    predicted = _predictions(objective, outputs, dev, threshold)
    return threshold, predicted, score(task, predicted)[SCORE]


def _checkpoints(run: StageRun, part: str) -> Path:
    return run.scratch / f"checkpoints{part.replace('/', '-')}"


def make_objective(task: TaskConfig, encoder: Encoder, labels: Sequence[str], train: Sequence[Example]) -> Objective:
    """The objective of a task's kind."""
    if task.kind == "token_classification":
        return TokenClassification(encoder, task.finetuning, labels)
    if task.kind == "multi_label":
        return MultiLabel(encoder, task.finetuning, labels, train)
    return QuestionAnswering(encoder, task.finetuning, train, task.article_stripping)


def _predictions(
    objective: Objective, outputs: Sequence[Any], examples: Sequence[Example], threshold: float | None
) -> list[Prediction]:
    decided = objective.decide(outputs, examples, threshold)
    return [
        {"id": example.id, "gold": to_gold(example), "predicted": predicted}
        for example, predicted in zip(examples, decided, strict=True)
    ]


def model_of(config: CellConfig, run: StageRun) -> str:
    """The model's name in the study, which the cell's name begins with."""
    return run.name.removesuffix(f"--{run.inputs['task'].name}--{config.seed}")
