"""Scores of the study's ablations: by task, a line of scores for each model that was varied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gmlm.config.ablations import AblationPoint
from gmlm.report.headline import Headline, TaskScores


@dataclass(frozen=True)
class AblationScore:
    """The score at one value, with its interval; without an interval, low and high are the mean."""

    value: str
    model: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Ablation:
    """One ablation on one task; a value without a score is absent."""

    name: str
    setting: str
    task: str
    metric: str
    lines: dict[str, tuple[AblationScore, ...]]

    @property
    def ticks(self) -> list[str]:
        """The values of all lines, in the order of the study."""
        return list(dict.fromkeys(point.value for points in self.lines.values() for point in points))


def read_ablations(points: Sequence[AblationPoint], headline: Headline) -> tuple[Ablation, ...]:
    """The ablations of a study with the scores of its headline."""
    names = dict.fromkeys(point.ablation for point in points)
    made = (
        _ablation([point for point in points if point.ablation == name], task)
        for name in names
        for task in headline.tasks
    )
    return tuple(one for one in made if any(one.lines.values()))


def _ablation(points: Sequence[AblationPoint], task: TaskScores) -> Ablation:
    rows = {row.model: row for row in task.scores}
    lines: dict[str, list[AblationScore]] = {}
    for point in points:
        row, line = rows.get(point.model), lines.setdefault(point.series, [])
        if row is not None and row.mean is not None:
            low = row.mean if row.low is None else row.low
            high = row.mean if row.high is None else row.high
            line.append(AblationScore(_tick(point.value), point.model, row.mean, low, high))
    fixed = {series: tuple(line) for series, line in lines.items()}
    return Ablation(points[0].ablation, points[0].setting, task.task, task.metric, fixed)


def _tick(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"
