"""The headline: every task by every model, with intervals and corrected comparisons; what is missing stays visible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gmlm.multiple_testing import holm

DEFAULT_CONFIDENCE = 0.95
OTHER_SCORES = ("precision", "recall", "exact_match", "macro_f1")


@dataclass(frozen=True)
class Comparison:
    """A model's score minus the baseline's on one task.

    `p_holm` is `p` after Holm's correction over all comparisons of the study; `significant` says whether it is below
    the level.
    """

    baseline: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    significant: bool


@dataclass(frozen=True)
class Score:
    """One row of the table: a model on a task. `mean` is None where no cell was scored."""

    task: str
    model: str
    is_baseline: bool
    mean: float | None = None
    std: float | None = None
    low: float | None = None
    high: float | None = None
    others: dict[str, float] = field(default_factory=dict)
    """Means of the other scores, such as precision and recall."""
    seeds: dict[str, float] = field(default_factory=dict)
    missing_seeds: tuple[str, ...] = ()
    comparison: Comparison | None = None


@dataclass(frozen=True)
class TaskScores:
    """All models on one task, and how it is scored."""

    task: str
    metric: str
    convention: str
    test_documents: int | None
    scores: tuple[Score, ...]

    @property
    def others(self) -> list[str]:
        """Names of the scores beside the metric."""
        return [name for name in OTHER_SCORES if any(name in score.others for score in self.scores)]


@dataclass(frozen=True)
class Headline:
    """The study's outcome."""

    baseline: str | None
    confidence: float
    resamples: int | None
    seeds: tuple[str, ...]
    comparisons: int
    tasks: tuple[TaskScores, ...]
    average: dict[str, float]
    missing: tuple[str, ...]
    pretraining_per_seed: bool

    @property
    def level(self) -> float:
        """Level of the family of comparisons, such as 0.05."""
        return round(1 - self.confidence, 10)

    def findings(self) -> list[str]:
        """The outcome in sentences, one per model that is compared with the baseline."""
        compared: dict[str, list[Comparison]] = {}
        for task in self.tasks:
            for row in task.scores:
                if row.comparison is not None:
                    compared.setdefault(row.model, []).append(row.comparison)
        return [_finding(model, found) for model, found in compared.items()] or ["No model was compared with another."]


def read_headline(scores: Mapping[str, Any], evaluation: Mapping[str, Any] | None = None) -> Headline:
    """Arrange evaluate's `scores.json`.

    Args:
        scores: Content of `scores.json`.
        evaluation: The evaluation's configuration (`EvaluationConfig` as JSON); with it, models, tasks and seeds that
            were planned but not scored are shown as missing.
    """
    plan = dict(evaluation or {})
    confidence = float(plan.get("confidence", scores.get("confidence", DEFAULT_CONFIDENCE)))
    tasks: Mapping[str, Any] = scores.get("tasks", {})
    baseline = plan.get("baseline") or _baseline_of(tasks)
    seeds = tuple(str(seed) for seed in plan.get("seeds", ())) or _seeds_of(tasks)
    first = [baseline] if baseline else []
    models = _ordered(first, plan.get("models", ()), *(task.get("models", {}) for task in tasks.values()))
    # Floors and other systems have runs of their own: they are no less complete for having fewer.
    trained = [*first, *plan["models"]] if plan.get("models") else models
    runs = {model: seeds if model in trained else () for model in models}
    average: Mapping[str, float] = scores.get("average", {})
    comparisons = _comparisons(tasks, 1 - confidence)
    made = tuple(
        TaskScores(
            task=task,
            metric=str(tasks.get(task, {}).get("metric", "score")),
            convention=str(tasks.get(task, {}).get("convention", "")),
            test_documents=tasks.get(task, {}).get("test_documents"),
            scores=tuple(
                _score(task, model, tasks.get(task, {}), comparisons.get((task, model)), baseline, planned)
                for model, planned in runs.items()
                if planned or model in tasks.get(task, {}).get("models", {})
            ),
        )
        for task in _ordered(plan.get("tasks", ()), tasks)
    )
    return Headline(
        baseline=baseline,
        confidence=confidence,
        resamples=plan.get("resamples"),
        seeds=seeds,
        comparisons=len(comparisons),
        tasks=made,
        average={model: average[model] for model in models if average.get(model) is not None},
        missing=_missing(made, scores.get("missing", ())),
        pretraining_per_seed=bool(plan.get("pretraining_per_seed", False)),
    )


def _finding(model: str, found: Sequence[Comparison]) -> str:
    above = sum(comparison.difference > 0 for comparison in found)
    better = sum(comparison.significant and comparison.difference > 0 for comparison in found)
    worse = sum(comparison.significant and comparison.difference < 0 for comparison in found)
    tasks = "1 task" if len(found) == 1 else f"{len(found)} tasks"
    below = f", and significantly below it on {worse}" if worse else ""
    return (
        f"{model} scores above {found[0].baseline} on {above} of {tasks}, significantly on {better or 'none'}{below}."
    )


def _ordered(*groups: Sequence[str] | Mapping[str, Any]) -> list[str]:
    """All names, each once, in order of appearance."""
    return list(dict.fromkeys(name for group in groups for name in group))


def _baseline_of(tasks: Mapping[str, Any]) -> str | None:
    for task in tasks.values():
        for comparison in task.get("comparisons", {}).values():
            return str(comparison["baseline"])
    return None


def _seeds_of(tasks: Mapping[str, Any]) -> tuple[str, ...]:
    models = (model for task in tasks.values() for model in task.get("models", {}).values())
    return tuple(_ordered(*(model.get("seeds", {}) for model in models)))


def _comparisons(tasks: Mapping[str, Any], level: float) -> dict[tuple[str, str], Comparison]:
    """Every comparison of the study, with p values corrected over all of them together."""
    found = [
        (task, model, comparison)
        for task, result in tasks.items()
        for model, comparison in result.get("comparisons", {}).items()
        if comparison and comparison.get("p") is not None
    ]
    adjusted = holm([comparison["p"] for *_, comparison in found])
    return {
        (task, model): Comparison(
            baseline=comparison["baseline"],
            difference=comparison["difference"],
            low=comparison["low"],
            high=comparison["high"],
            p=comparison["p"],
            p_holm=corrected,
            significant=corrected < level,
        )
        for (task, model, comparison), corrected in zip(found, adjusted, strict=True)
    }


def _score(
    task: str,
    model: str,
    result: Mapping[str, Any],
    comparison: Comparison | None,
    baseline: str | None,
    planned: Sequence[str],
) -> Score:
    found: Mapping[str, Any] = result.get("models", {}).get(model) or {}
    seeds = {str(seed): float(value) for seed, value in found.get("seeds", {}).items() if value is not None}
    figures = {name: found.get(name) for name in ("mean", "std", "low", "high")}
    return Score(
        task=task,
        model=model,
        is_baseline=model == baseline,
        **figures,
        others={name: float(found[name]) for name in OTHER_SCORES if found.get(name) is not None},
        seeds=seeds,
        missing_seeds=tuple(seed for seed in planned if seed not in seeds),
        comparison=comparison,
    )


def _missing(tasks: Sequence[TaskScores], reported: Sequence[Any]) -> tuple[str, ...]:
    """Names of cells, `MODEL--TASK--SEED`, that were planned or reported but have no score."""
    return tuple(_ordered([str(cell) for cell in reported], list(_unscored(tasks))))


def _unscored(tasks: Sequence[TaskScores]) -> Iterator[str]:
    for task in tasks:
        for score in task.scores:
            yield from (f"{score.model}--{score.task}--{seed}" for seed in score.missing_seeds)
