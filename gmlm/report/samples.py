"""Wrongly predicted test examples with their text: of public tasks only, and only where the study says so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from gmlm.config.report import ReportSettings
from gmlm.manifest import Manifest, read_file
from gmlm.storage import Store

AROUND = 60
"""Characters shown on either side of a span."""
BEGINNING = 240
"""Characters shown of a document."""


@dataclass(frozen=True)
class Sample:
    """A wrong prediction: a stretch of the text, what is right and what was predicted."""

    task: str
    model: str
    example: str
    text: str
    gold: str
    predicted: str


def read_samples(store: Store, nodes: Mapping[str, Manifest], settings: ReportSettings) -> tuple[Sample, ...]:
    """Some errors of every model's first run on each public task; which ones is decided by a hash of their ids."""
    found: list[Sample] = []
    seen = set[tuple[str, str]]()
    for node, manifest in nodes.items():
        stage, _, name = node.partition("/")
        if stage != "finetune":
            continue
        model, task, _ = name.rsplit("--", 2)
        read = nodes.get(f"task-translation/{task}", nodes.get(f"task/{task}"))
        if task not in settings.public_tasks or (model, task) in seen or read is None:
            continue
        seen.add((model, task))
        examples = {row["id"]: row for row in _rows(store, read, "test.jsonl")}
        wrong = [row for row in _rows(store, manifest, "predictions.test.jsonl") if _is_wrong(row)]
        wrong.sort(key=lambda row: sha256(row["id"].encode()).digest())
        found += [_sample(task, model, examples[row["id"]], row) for row in wrong[: settings.error_samples]]
    return tuple(found)


def _rows(store: Store, manifest: Manifest, path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in read_file(store, manifest, path).splitlines()]


def _is_wrong(row: Mapping[str, Any]) -> bool:
    if isinstance(row["predicted"], dict):
        return row["predicted"]["text"] not in ([answer["text"] for answer in row["gold"]] or [""])
    return _set(row["gold"]) != _set(row["predicted"])


def _set(side: Sequence[Any]) -> set[Any]:
    return {(one["start"], one["end"], one["label"]) if isinstance(one, dict) else one for one in side}


def _sample(task: str, model: str, example: Mapping[str, Any], row: Mapping[str, Any]) -> Sample:
    if "question" in example:
        gold = " / ".join(answer["text"] for answer in row["gold"]) or "no answer"
        return Sample(task, model, row["id"], example["question"], gold, row["predicted"]["text"] or "no answer")
    text = example["text"]
    if "labels" in example:
        shown = text[:BEGINNING] + ("…" if len(text) > BEGINNING else "")
        return Sample(task, model, row["id"], shown, ", ".join(row["gold"]), ", ".join(row["predicted"]) or "none")
    start, end = sorted(_set(row["gold"]) ^ _set(row["predicted"]))[0][:2]
    near = (max(0, start - AROUND), min(len(text), end + AROUND))
    shown = ("…" if near[0] else "") + text[slice(*near)] + ("…" if near[1] < len(text) else "")
    return Sample(
        task, model, row["id"], shown, _within(row["gold"], near, text), _within(row["predicted"], near, text)
    )


def _within(spans: Sequence[Mapping[str, Any]], near: tuple[int, int], text: str) -> str:
    shown = [span for span in spans if near[0] <= span["start"] and span["end"] <= near[1]]
    return "; ".join(f"{text[span['start'] : span['end']]} [{span['label']}]" for span in shown) or "none"
