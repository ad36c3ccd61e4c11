"""What stands behind the headline: further tests, what could have been found, scores by label, and confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NO_LABEL = "none"
"""Stands for no span in a confusion table."""


@dataclass(frozen=True)
class SecondTest:
    """One comparison by other means; effects are the smallest differences found with a chance of `power`."""

    task: str
    model: str
    p: float
    p_randomisation: float
    here: float
    by_seeds: dict[str, float]
    documents_alone: float
    epsilon_min: float | None


@dataclass(frozen=True)
class LabelRow:
    """One label of a task: how often gold has it, and each model's F1."""

    label: str
    gold: int
    f1: dict[str, float]


@dataclass(frozen=True)
class Confusion:
    """Gold labels by predicted labels, summed over a model's runs; the last of each is no label."""

    model: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class TaskDetails:
    """A task's scores by label and confusions; empty where the task has no labels."""

    task: str
    models: tuple[str, ...]
    labels: tuple[LabelRow, ...]
    confusions: tuple[Confusion, ...]


@dataclass(frozen=True)
class Details:
    """The details of all tasks."""

    power: float
    level: float | None
    tests: tuple[SecondTest, ...]
    tasks: tuple[TaskDetails, ...]

    @property
    def seeds(self) -> list[str]:
        """Numbers of seeds that effects are given for."""
        return list(dict.fromkeys(n for test in self.tests for n in test.by_seeds))


def read_details(scores: Mapping[str, Any]) -> Details:
    """Arrange evaluate's `scores.json`; parts that older scores lack stay empty."""
    tasks: Mapping[str, Any] = scores.get("tasks", {})
    compared = [
        (task, model, row)
        for task, found in tasks.items()
        for model, row in found.get("comparisons", {}).items()
        if "detectable" in row
    ]
    first = compared[0][2]["detectable"] if compared else {}
    return Details(
        power=first.get("power", 0.8),
        level=first.get("level"),
        tests=tuple(_test(*row) for row in compared),
        tasks=tuple(made for task, found in tasks.items() if (made := _task(task, found)).labels),
    )


def _test(task: str, model: str, row: Mapping[str, Any]) -> SecondTest:
    effects = row["detectable"]
    return SecondTest(
        task=task,
        model=model,
        p=row["p"],
        p_randomisation=row["p_randomisation"],
        here=effects["here"],
        by_seeds=dict(effects["by_seeds"]),
        documents_alone=effects["documents_alone"],
        epsilon_min=row.get("epsilon_min"),
    )


def _task(task: str, found: Mapping[str, Any]) -> TaskDetails:
    by_model = {model: row["by_label"] for model, row in found.get("models", {}).items() if "by_label" in row}
    names = sorted({label for labels in by_model.values() for label in labels})
    rows = tuple(
        LabelRow(
            label=name,
            gold=max(labels[name]["gold"] for labels in by_model.values() if name in labels),
            f1={model: labels[name]["f1"] for model, labels in by_model.items() if name in labels},
        )
        for name in names
    )
    confusions = tuple(_confusion(model, counts) for model, counts in found.get("confusion", {}).items())
    return TaskDetails(task, tuple(by_model), rows, confusions)


def _confusion(model: str, counts: Sequence[Sequence[Any]]) -> Confusion:
    table = {(gold, predicted): number for gold, predicted, number in counts}
    labels = sorted({label for pair in table for label in pair} - {""})
    sides = [*labels, ""]
    rows = tuple(tuple(table.get((gold, predicted), 0) for predicted in sides) for gold in sides)
    return Confusion(model, (*labels, NO_LABEL), rows)
