"""Scores that others published on a task of the catalogue, to stand beside a study's own.

They can be compared where task, split and metric are the same, which nothing here can check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gmlm.config.catalogue import entry_of


@dataclass(frozen=True)
class Published:
    """A published F1 on the test split, beside a task of the study."""

    task: str
    benchmark: str
    model: str
    f1: float
    source: str


def published_scores(tasks: Mapping[str, str]) -> tuple[Published, ...]:
    """The published scores for the study's tasks, given the task of the catalogue that each of them is."""
    return tuple(
        Published(task, benchmark, model, f1, f"{scores.source}; {scores.note}" if scores.note else scores.source)
        for task, benchmark in tasks.items()
        for scores in entry_of(benchmark).published
        for model, f1 in scores.f1.items()
    )
