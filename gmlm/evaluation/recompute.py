"""Scores and comparisons from stored predictions alone: no model, no data, no GPU."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gmlm.config import EvaluationConfig, TaskConfig
from gmlm.errors import DataFormatError, InputNotFoundError
from gmlm.evaluation.evaluate import cell_name, compare_cells, read_predictions
from gmlm.evaluation.predictions import read_file
from gmlm.evaluation.scores import Prediction

_CELL = re.compile(r"(?P<system>.+?)--(?P<task>.+?)--(?P<seed>\d+)")
Found = dict[str, dict[str, dict[int, list[Prediction]]]]
"""Predictions by task, system and seed."""


def recompute(config: EvaluationConfig, tasks: Mapping[str, TaskConfig], folder: Path, seed: int) -> dict[str, Any]:
    """The record of `scores.json` from a folder of predictions.

    A cell is a file `SYSTEM--TASK--SEED.jsonl` (`.tsv`, `.txt`, `.json` as other systems write them), or a folder
    `SYSTEM--TASK--SEED` with a file `predictions.test.jsonl` below it, as in a store under `finetune/`. Systems that
    the study does not name join the table. Files without gold take it from a cell of the same task that has it.

    Args:
        config: Of the comparison.
        tasks: The study's tasks by name.
        folder: With the predictions.
        seed: Of the study.

    Raises:
        InputNotFoundError: There is no folder, or no predictions of the study's tasks in it.
        DataFormatError: A cell occurs twice, or its gold is not known.
        ModelMismatchError: Two cells of a task have predicted different documents.
    """
    found = _read_cells({name: tasks[name] for name in config.tasks or tasks}, folder)
    if not found:
        fix = "name the files SYSTEM--TASK--SEED.jsonl, with tasks of the study"
        raise InputNotFoundError("no predictions of the study's tasks", where=str(folder), fix=fix)
    ordered = {
        task: {name: dict(sorted(found[task][name].items())) for name in _in_order(config, found[task])}
        for task in tasks
        if task in found
    }
    have = {
        cell_name(system, task, n) for task, systems in found.items() for system in systems for n in systems[system]
    }
    planned = [cell_name(*cell) for cell in config.cells(list(ordered))]
    record = compare_cells(config, {task: tasks[task] for task in ordered}, ordered, seed)
    return {**record, "missing": [name for name in planned if name not in have]}


def _in_order(config: EvaluationConfig, systems: Mapping[str, Any]) -> list[str]:
    """The study's models first, the baseline before all, then the others by name."""
    return [*(name for name in config.trained() if name in systems), *sorted(set(systems) - set(config.trained()))]


def _read_cells(tasks: Mapping[str, TaskConfig], folder: Path) -> Found:
    found: Found = {}
    for (system, task, seed), path in _files(folder):
        if task not in tasks:
            continue
        runs = found.setdefault(task, {}).setdefault(system, {})
        if seed in runs:
            what = f"the cell {cell_name(system, task, seed)} is there more than once"
            raise DataFormatError(what, where=str(folder), fix="keep one set of predictions a cell")
        runs[seed] = _read(path, tasks[task])
    for task, systems in found.items():
        _fill_gold(task, systems, tasks[task])
    return found


def _files(folder: Path) -> Iterator[tuple[tuple[str, str, int], Path]]:
    """Every cell's name and file, by name."""
    if not folder.is_dir():
        raise InputNotFoundError("no such folder", where=str(folder), fix="give the folder that holds the predictions")
    for path in sorted(folder.iterdir()):
        name = _CELL.fullmatch(path.name if path.is_dir() else path.stem)
        if name is not None:
            cell = (name["system"], name["task"], int(name["seed"]))
            yield from ((cell, file) for file in ([path] if path.is_file() else path.rglob("predictions.test.jsonl")))


def _read(path: Path, task: TaskConfig) -> list[Prediction]:
    if path.suffix == ".jsonl":
        try:
            rows = read_predictions(path.read_bytes())
            if all("gold" in row for row in rows):
                return rows
        except ValueError:
            fix = "give one JSON object a line"
            raise DataFormatError("a line is no JSON object", where=path.name, fix=fix) from None
    return [{"id": name, "predicted": predicted} for name, predicted in read_file(path, task).items()]


def _fill_gold(task: str, systems: dict[str, dict[int, list[Prediction]]], config: TaskConfig) -> None:
    """Give cells without gold that of a cell that has it, and its documents; what they lack counts as not found."""
    runs = [(system, seed) for system in systems for seed in systems[system]]
    complete = [systems[system][seed] for system, seed in runs if all("gold" in row for row in systems[system][seed])]
    nothing: Any = {"text": "", "start": None} if config.kind == "question_answering" else []
    for system, seed in runs:
        rows = systems[system][seed]
        if all("gold" in row for row in rows):
            continue
        if not complete:
            fix = "add the predictions of one system with gold, as the fine-tune stage writes them"
            raise DataFormatError("no file has the gold of this task", where=f"task {task}", fix=fix)
        predicted = {row["id"]: row["predicted"] for row in rows}
        if unknown := set(predicted) - {row["id"] for row in complete[0]}:
            what = f"{len(unknown)} of its documents are not in the test set"
            raise DataFormatError(what, where=cell_name(system, task, seed), fix="use the ids of the test split")
        systems[system][seed] = [{**row, "predicted": predicted.get(row["id"], nothing)} for row in complete[0]]
