"""Several levels of nested spans in one score, as in GermEval 2014 (Benikova et al. 2014, metrics M1 and M2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gmlm.config import CombinedTask
from gmlm.errors import ModelMismatchError
from gmlm.evaluation.scores import Prediction

Runs = Mapping[str, Mapping[int, Sequence[Prediction]]]
"""Predictions by system and seed."""


def combine_levels(
    name: str, combined: CombinedTask, cells: Mapping[str, Runs]
) -> dict[str, dict[int, list[Prediction]]]:
    """The predictions of all levels as those of one task; systems and seeds that lack a level are left out.

    A label is `LEVEL/LABEL`, so that a span that is predicted on another level is wrong, as GermEval's organisers made
    clear for all their metrics.

    Args:
        name: Of the combined task.
        combined: Its levels, and which endings of labels make no difference.
        cells: Predictions by task.

    Raises:
        ModelMismatchError: The levels are of different documents.
    """
    levels = [cells.get(task, {}) for task in combined.tasks]
    found: dict[str, dict[int, list[Prediction]]] = {}
    for system, runs in levels[0].items():
        for seed in runs:
            if all(seed in level.get(system, {}) for level in levels):
                rows = [level[system][seed] for level in levels]
                found.setdefault(system, {})[seed] = _merged(name, combined, rows)
    return found


def _merged(name: str, combined: CombinedTask, levels: Sequence[Sequence[Prediction]]) -> list[Prediction]:
    if len({tuple(row["id"] for row in rows) for rows in levels}) > 1:
        fix = "read all levels from the same files, with the same splits"
        raise ModelMismatchError("its levels are of different documents", where=f"evaluation.combined.{name}", fix=fix)
    return [
        {"id": rows[0]["id"], **{side: _spans(combined, [row[side] for row in rows]) for side in ("gold", "predicted")}}
        for rows in zip(*levels, strict=True)
    ]


def _spans(combined: CombinedTask, levels: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    return [
        {**span, "label": f"{task}/{_label(span['label'], combined.dropped_endings)}"}
        for task, spans in zip(combined.tasks, levels, strict=True)
        for span in spans
    ]


def _label(label: str, endings: Sequence[str]) -> str:
    ending = next((ending for ending in endings if label.endswith(ending) and label != ending), "")
    return label.removesuffix(ending)
