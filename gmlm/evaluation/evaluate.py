"""The evaluate stage: all cells of a study in one table, with intervals and paired comparisons."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gmlm.config import EvaluationConfig, TaskConfig
from gmlm.errors import ModelMismatchError
from gmlm.evaluation.comparison import Cells, evaluate_task
from gmlm.evaluation.levels import combine_levels
from gmlm.evaluation.scores import Prediction
from gmlm.manifest import Manifest, read_file
from gmlm.stage import StageRun
from gmlm.telemetry import progress
from gmlm.telemetry.metrics import observe_evaluation

CELL, TASK = "cell:", "task:"
"""Prefixes of the roles of inputs."""


def evaluate(config: EvaluationConfig, run: StageRun) -> Manifest:
    """Score every cell on its test set, and compare every system with the baseline.

    Writes `scores.json`, the record of `compare_cells` with the planned cells that are not there.

    Raises:
        EmptyCorpusError: No test document of a task enters its score.
        ModelMismatchError: Two cells of a task have predicted different documents.
    """
    names = config.tasks or tuple(role.removeprefix(TASK) for role in run.inputs if role.startswith(TASK))
    plan = {cell_name(*cell): cell for cell in config.cells(names)}
    missing = [name for name in plan if f"{CELL}{name}" not in run.inputs]
    cells: dict[str, dict[str, dict[int, list[Prediction]]]] = {}
    for name, (system, task, seed) in plan.items():
        if name not in missing:
            data = read_file(run.store, run.inputs[f"{CELL}{name}"], "predictions.test.jsonl")
            cells.setdefault(task, {}).setdefault(system, {})[seed] = read_predictions(data)
    tasks = {task: TaskConfig.model_validate(run.inputs[f"{TASK}{task}"].config) for task in cells}
    record = {**compare_cells(config, tasks, cells, run.seed), "missing": missing}
    observe_evaluation(record["tasks"])
    counters = {"in": len(plan), "out": len(plan) - len(missing), "rejected": 0, "dropped": len(missing)}
    file = run.write("scores.json", to_json(record))
    return run.publish(
        "scores", config, [file], counters=counters, metrics=_metrics(record["tasks"], record["average"])
    )


def cell_name(system: str, task: str, seed: int) -> str:
    """`SYSTEM--TASK--SEED`."""
    return f"{system}--{task}--{seed}"


def read_predictions(data: bytes) -> list[Prediction]:
    """The lines of a predictions file."""
    return [json.loads(line) for line in data.splitlines()]


def to_json(record: Mapping[str, Any]) -> bytes:
    """The record as `scores.json` holds it."""
    return (json.dumps(record, ensure_ascii=False, indent=2) + "\n").encode()


def compare_cells(
    config: EvaluationConfig, tasks: Mapping[str, TaskConfig], cells: Mapping[str, Cells], seed: int
) -> dict[str, Any]:
    """All tasks' scores and comparisons, combined levels too, and the mean over tasks of each system that has them all.

    Args:
        config: Of the comparison.
        tasks: Configurations by name.
        cells: Predictions by task, system and seed.
        seed: Of the study.
    """
    levels = {name: combine_levels(name, each, cells) for name, each in config.combined.items()}
    cells = {**cells, **{name: runs for name, runs in levels.items() if runs}}
    tasks = {**tasks, **{name: tasks[config.combined[name].tasks[0]] for name in levels if name in cells}}
    comparisons = sum(len(systems) - 1 for systems in cells.values() if config.baseline in systems)
    level = (1 - config.confidence) / max(1, comparisons)
    found = {}
    with progress("Evaluate", total=len(cells), unit="tasks") as bar:
        for task, systems in cells.items():
            _check_same_documents(task, systems)
            found[task] = evaluate_task(config, task, tasks[task], systems, level, seed)
            if task in levels:
                found[task]["convention"] = config.combined[task].convention
            bar.advance()
    return {"tasks": found, "average": _average({task: row for task, row in found.items() if task not in levels})}


def _check_same_documents(task: str, cells: Cells) -> None:
    documents = {tuple(row["id"] for row in rows) for seeds in cells.values() for rows in seeds.values()}
    if len(documents) > 1:
        fix = "run the fine-tune stage of this task again"
        raise ModelMismatchError("its cells have predicted different documents", where=f"task {task}", fix=fix)


def _average(tasks: Mapping[str, Any]) -> dict[str, float]:
    """The mean over tasks of each system that was scored on all of them; others cannot be compared."""
    systems: Sequence[str] = list(dict.fromkeys(system for task in tasks.values() for system in task["models"]))
    complete = [system for system in systems if all(system in task["models"] for task in tasks.values())]
    return {system: float(np.mean([task["models"][system]["mean"] for task in tasks.values()])) for system in complete}


def _metrics(tasks: Mapping[str, Any], average: Mapping[str, float]) -> dict[str, float]:
    by_cell = {
        f"f1:{model}:{name}": row["mean"] for name, task in tasks.items() for model, row in task["models"].items()
    }
    return by_cell | {f"f1:{model}": mean for model, mean in average.items()}
