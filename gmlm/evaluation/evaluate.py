"""The evaluate stage: all cells of a study in one table, with intervals and paired comparisons."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gmlm.config import EvaluationConfig, TaskConfig
from gmlm.errors import EmptyCorpusError, ModelMismatchError
from gmlm.evaluation.scores import Prediction, document_parts, metric_of, score, scored_predictions
from gmlm.evaluation.significance import Array, SystemParts, bootstrap_scores, compare, interval
from gmlm.manifest import Manifest
from gmlm.stage import StageRun
from gmlm.telemetry import progress
from gmlm.telemetry.metrics import observe_evaluation

AVERAGED = ("precision", "recall", "exact_match", "macro_f1")
"""Scores beside F1 whose mean over the seeds is reported."""
Cells = Mapping[str, Mapping[int, Sequence[Prediction]]]
"""Test predictions of one task by model and seed."""


def evaluate(config: EvaluationConfig, run: StageRun) -> Manifest:
    """Score every cell on its test set, and compare every model with the baseline.

    Writes `scores.json`: by task the metric, its convention, each model's mean over seeds with standard deviation
    (null for a single seed) and interval, and its difference to the baseline; the mean over tasks of each model that
    has all of them; and the planned cells that are not there.

    Raises:
        EmptyCorpusError: No test document of a task enters its score.
        ModelMismatchError: Two cells of a task have predicted different documents.
    """
    names = config.tasks or _task_names(run)
    plan = [(model, task, seed) for model in _models(config) for task in names for seed in config.seeds]
    missing = [_cell(*cell) for cell in plan if f"cell:{_cell(*cell)}" not in run.inputs]
    tasks = {}
    with progress("Evaluate", total=len(names), unit="tasks") as bar:
        for task in names:
            cells = _read_cells(config, task, run)
            if cells:
                tasks[task] = _evaluate_task(config, _task_config(task, run), cells, _bootstrap_seed(run.seed, task))
            bar.advance()
    observe_evaluation(tasks)
    average = _average(tasks, _models(config))
    record = {"tasks": tasks, "average": average, "missing": missing}
    counters = {"in": len(plan), "out": len(plan) - len(missing), "rejected": 0, "dropped": len(missing)}
    file = run.write("scores.json", (json.dumps(record, ensure_ascii=False, indent=2) + "\n").encode())
    return run.publish("scores", config, [file], counters=counters, metrics=_metrics(tasks, average))


def _models(config: EvaluationConfig) -> list[str]:
    return list(dict.fromkeys((config.baseline, *config.models)))


def _cell(model: str, task: str, seed: int) -> str:
    return f"{model}--{task}--{seed}"


def _task_names(run: StageRun) -> tuple[str, ...]:
    return tuple(role.removeprefix("task:") for role in run.inputs if role.startswith("task:"))


def _task_config(task: str, run: StageRun) -> TaskConfig:
    return TaskConfig.model_validate(run.inputs[f"task:{task}"].config)


def _bootstrap_seed(seed: int, task: str) -> int:
    """Every task has resamples of its own, which do not depend on what other tasks the study has."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{task}".encode()).digest()[:8], "big")


def _read_cells(config: EvaluationConfig, task: str, run: StageRun) -> dict[str, dict[int, list[Prediction]]]:
    cells: dict[str, dict[int, list[Prediction]]] = {}
    for model in _models(config):
        for seed in config.seeds:
            manifest = run.inputs.get(f"cell:{_cell(model, task, seed)}")
            if manifest is not None:
                data = run.store.read(manifest.key("predictions.test.jsonl"))
                cells.setdefault(model, {})[seed] = [json.loads(line) for line in data.splitlines()]
    _check_same_documents(task, cells)
    return cells


def _check_same_documents(task: str, cells: Cells) -> None:
    documents = {tuple(row["id"] for row in rows) for seeds in cells.values() for rows in seeds.values()}
    if len(documents) > 1:
        fix = "run the fine-tune stage of this task again"
        raise ModelMismatchError("its cells have predicted different documents", where=f"task {task}", fix=fix)


@dataclass(frozen=True)
class _System:
    """One model's cells of a task: the score records by seed, and what each document adds to F1."""

    records: Mapping[int, Mapping[str, Any]]
    parts: SystemParts

    @property
    def mean(self) -> float:
        return float(self.parts.scores().mean())

    def row(self, resampled: Array, confidence: float) -> dict[str, Any]:
        """The model's entry in the table."""
        f1 = self.parts.scores()
        low, high = interval(resampled, confidence)
        spread = float(f1.std(ddof=1)) if len(f1) > 1 else None
        rows = list(self.records.values())
        others = {name: float(np.mean([row[name] for row in rows])) for name in AVERAGED if name in rows[0]}
        seeds = {str(seed): float(value) for seed, value in zip(self.records, f1, strict=True)}
        return {"mean": self.mean, "std": spread, "low": low, "high": high, "seeds": seeds, **others}


def _system(task: TaskConfig, seeds: Mapping[int, Sequence[Prediction]]) -> _System:
    parts = np.array([document_parts(task, rows) for rows in seeds.values()], dtype=np.float64)
    records = {seed: score(task, rows) for seed, rows in seeds.items()}
    return _System(records, SystemParts(parts[:, :, 0], parts[:, :, 1]))


def _evaluate_task(config: EvaluationConfig, task: TaskConfig, cells: Cells, seed: int) -> dict[str, Any]:
    documents = len(scored_predictions(task, next(iter(next(iter(cells.values())).values()))))
    if not documents:
        fix = "give a test set with labels, or set 'count_documents_without_labels'"
        raise EmptyCorpusError("no test document has gold labels", where="evaluation", fix=fix)
    systems = {model: _system(task, seeds) for model, seeds in cells.items()}
    parts = {model: system.parts for model, system in systems.items()}
    resampled = bootstrap_scores(parts, config.resamples, seed)
    baseline = config.baseline
    comparisons = {}
    for model in systems:
        if model != baseline and baseline in systems:
            observed = systems[model].mean - systems[baseline].mean
            found = compare(resampled[model], resampled[baseline], observed, config.confidence)
            comparisons[model] = {"baseline": baseline, **asdict(found)}
    metric = metric_of(task)
    return {
        "metric": metric.name,
        "convention": metric.convention,
        "test_documents": documents,
        "models": {model: system.row(resampled[model], config.confidence) for model, system in systems.items()},
        "comparisons": comparisons,
    }


def _average(tasks: Mapping[str, Any], models: Sequence[str]) -> dict[str, float]:
    """The mean over tasks of each model that was scored on all of them; others cannot be compared."""
    complete = [model for model in models if tasks and all(model in task["models"] for task in tasks.values())]
    return {model: float(np.mean([task["models"][model]["mean"] for task in tasks.values()])) for model in complete}


def _metrics(tasks: Mapping[str, Any], average: Mapping[str, float]) -> dict[str, float]:
    by_cell = {
        f"f1:{model}:{name}": row["mean"] for name, task in tasks.items() for model, row in task["models"].items()
    }
    return by_cell | {f"f1:{model}": mean for model, mean in average.items()}
