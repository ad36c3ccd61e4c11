"""One task's part of the table: every system's scores with intervals, and each compared with the baseline."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gmlm.config import EvaluationConfig, TaskConfig
from gmlm.errors import EmptyCorpusError
from gmlm.evaluation.confusion import confusion
from gmlm.evaluation.power import detectable
from gmlm.evaluation.randomisation import randomisation_test
from gmlm.evaluation.scores import Prediction, document_parts, metric_of, score, scored_predictions
from gmlm.evaluation.significance import Resampled, SystemParts, bootstrap_scores, compare, interval
from gmlm.evaluation.stochastic_order import epsilon_min

AVERAGED = ("precision", "recall", "exact_match", "macro_f1")
"""Scores beside F1 whose mean over the seeds is reported."""
Cells = Mapping[str, Mapping[int, Sequence[Prediction]]]
"""Test predictions of one task by system and seed."""


@dataclass(frozen=True)
class System:
    """One system's cells of a task: the score records by seed, and what each document adds to F1."""

    records: Mapping[int, Mapping[str, Any]]
    parts: SystemParts

    @property
    def mean(self) -> float:
        """Mean score over the runs."""
        return float(self.parts.scores().mean())

    def row(self, resampled: Resampled, confidence: float) -> dict[str, Any]:
        """The system's entry in the table."""
        f1 = self.parts.scores()
        low, high = interval(resampled.scores, confidence)
        spread = float(f1.std(ddof=1)) if len(f1) > 1 else None
        rows = list(self.records.values())
        others = {name: float(np.mean([row[name] for row in rows])) for name in AVERAGED if name in rows[0]}
        seeds = {str(seed): float(value) for seed, value in zip(self.records, f1, strict=True)}
        by_label = _by_label(rows)
        return {"mean": self.mean, "std": spread, "low": low, "high": high, "seeds": seeds, **others, **by_label}


def _by_label(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean F1, precision and recall of each label over the runs, and how often gold has it."""
    if "by_label" not in rows[0]:
        return {}
    names = sorted({label for row in rows for label in row["by_label"]})
    found: dict[str, dict[str, float]] = {}
    for label in names:
        scores = [row["by_label"].get(label) for row in rows]
        known = [one for one in scores if one is not None]
        gold = known[0]["true_positives"] + known[0]["false_negatives"]
        means = {key: sum(one[key] for one in known) / len(rows) for key in ("f1", "precision", "recall")}
        found[label] = {**means, "gold": gold}
    return {"by_label": found}


def evaluate_task(
    config: EvaluationConfig, name: str, task: TaskConfig, cells: Cells, level: float, seed: int
) -> dict[str, Any]:
    """Score and compare the systems of one task.

    Args:
        config: Of the comparison.
        name: Of the task; every task has resamples of its own, which do not depend on what other tasks there are.
        task: The task.
        cells: Predictions of the test set, of the same documents in the same order in all cells.
        level: Level of one test after correction, for the smallest effect that can be found.
        seed: Of the study.

    Raises:
        EmptyCorpusError: No test document of the task enters its score.
    """
    documents = len(scored_predictions(task, next(iter(next(iter(cells.values())).values()))))
    if not documents:
        fix = "give a test set with labels, or set 'count_documents_without_labels'"
        raise EmptyCorpusError("no test document has gold labels", where="evaluation", fix=fix)
    seed = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big")
    systems = {model: _system(task, seeds) for model, seeds in cells.items()}
    resampled = bootstrap_scores({model: system.parts for model, system in systems.items()}, config.resamples, seed)
    metric = metric_of(task)
    comparisons = {
        model: _compare(config, systems, resampled, model, level, seed)
        for model in systems
        if model != config.baseline and config.baseline in systems
    }
    return {
        "metric": metric.name,
        "convention": metric.convention,
        "test_documents": documents,
        "models": {model: system.row(resampled[model], config.confidence) for model, system in systems.items()},
        "comparisons": comparisons,
        **confusion(task, cells),
    }


def _system(task: TaskConfig, seeds: Mapping[int, Sequence[Prediction]]) -> System:
    parts = np.array([document_parts(task, rows) for rows in seeds.values()], dtype=np.float64)
    records = {seed: score(task, rows) for seed, rows in seeds.items()}
    return System(records, SystemParts(parts[:, :, 0], parts[:, :, 1]))


def _compare(
    config: EvaluationConfig,
    systems: Mapping[str, System],
    resampled: Mapping[str, Resampled],
    model: str,
    level: float,
    seed: int,
) -> dict[str, Any]:
    """A model against the baseline by bootstrap and by randomisation, and what could have been found."""
    ours, theirs = (systems[name] for name in (model, config.baseline))
    drawn, against = (resampled[name] for name in (model, config.baseline))
    found = compare(drawn.scores, against.scores, ours.mean - theirs.mean, config.confidence)
    smallest = detectable(ours.parts, theirs.parts, drawn.of_these_runs - against.of_these_runs, level)
    row = {"baseline": config.baseline, **asdict(found)}
    row["p_randomisation"] = randomisation_test(ours.parts, theirs.parts, config.resamples, seed)
    row["detectable"] = asdict(smallest)
    if config.almost_stochastic_order:
        scores = (ours.parts.scores(), theirs.parts.scores())
        row["epsilon_min"] = epsilon_min(*scores, min(config.resamples, 1000), config.confidence, seed)
    return row
