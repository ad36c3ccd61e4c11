"""What is taken for what: for spans, the predicted label of each gold span with the same borders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gmlm.config import TaskConfig
from gmlm.evaluation.scores import Prediction

NONE = ""
"""Stands for no span: a gold span without a prediction, or the other way round."""


def confusion(task: TaskConfig, cells: Mapping[str, Mapping[int, Sequence[Prediction]]]) -> dict[str, Any]:
    """`confusion` of a span task: by system, rows `[gold label, predicted label, count]`, summed over the runs.

    A span without a partner of the same borders stands against no label. Other kinds of tasks have none: labels of a
    document and answers are not taken for each other one by one.
    """
    if task.kind != "token_classification":
        return {}
    return {"confusion": {system: _confusion(seeds.values()) for system, seeds in cells.items()}}


def _confusion(runs: Any) -> list[list[Any]]:
    counts = Counter[tuple[str, str]]()
    for predictions in runs:
        for prediction in predictions:
            counts.update(_pairs(prediction))
    return [[gold, found, number] for (gold, found), number in sorted(counts.items())]


def _pairs(prediction: Prediction) -> Counter[tuple[str, str]]:
    """Gold and predicted label at each pair of borders; right ones first, as spans of equal borders may be several."""
    gold, found = (Counter(_spans(prediction[side])) for side in ("gold", "predicted"))
    pairs = Counter[tuple[str, str]]()
    for (start, end, label), number in (gold & found).items():
        pairs[label, label] += number
        gold[start, end, label] -= number
        found[start, end, label] -= number
    for (start, end, label), number in sorted(gold.items()):
        for _ in range(number):
            other = next((span for span, left in sorted(found.items()) if left and span[:2] == (start, end)), None)
            pairs[label, other[2] if other else NONE] += 1
            if other:
                found[other] -= 1
    for (_, _, label), number in found.items():
        if number:
            pairs[NONE, label] += number
    return pairs


def _spans(side: Sequence[Mapping[str, Any]]) -> list[tuple[int, int, str]]:
    return [(span["start"], span["end"], span["label"]) for span in side]
