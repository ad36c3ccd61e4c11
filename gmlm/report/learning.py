"""How fine-tuning went: the training loss of each model on each task, mean over the seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gmlm.manifest import Manifest
from gmlm.report.files import read_json
from gmlm.report.pretraining import Point
from gmlm.storage import Store


@dataclass(frozen=True)
class Learning:
    """Loss curves of one task by model; a point is there where every seed has one."""

    task: str
    curves: dict[str, tuple[Point, ...]]


def read_learning(store: Store, nodes: Mapping[str, Manifest]) -> tuple[Learning, ...]:
    """The curves of all fine-tuned cells, task by task."""
    found: dict[str, dict[str, list[dict[int, float]]]] = {}
    for node, manifest in nodes.items():
        stage, _, name = node.partition("/")
        if stage == "finetune":
            model, task, _ = name.rsplit("--", 2)
            training = read_json(store, manifest, "training.json") or {}
            curve = {int(point["step"]): float(point["loss"]) for point in training.get("curve", ())}
            found.setdefault(task, {}).setdefault(model, []).append(curve)
    made = (Learning(task, {m: _mean(runs) for m, runs in models.items()}) for task, models in found.items())
    return tuple(one for one in made if any(one.curves.values()))


def _mean(runs: list[dict[int, float]]) -> tuple[Point, ...]:
    steps = sorted(set.intersection(*(set(run) for run in runs)))
    return tuple(Point(step, sum(run[step] for run in runs) / len(runs)) for step in steps)
