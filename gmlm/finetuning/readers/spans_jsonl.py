"""JSONL with a text and spans a line: `{"id", "text", "spans": [{"start", "end", "label"}]}`; keys by configuration.

A span may also be a list `[start, end, label, ...]`, as in brat-like exports.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gmlm.config import TaskConfig
from gmlm.finetuning.examples import Span, SpanDocument
from gmlm.finetuning.intake import Intake, id_of, read_json_lines, text_of
from gmlm.finetuning.spans import flatten, trimmed


def read_spans(path: Path, config: TaskConfig, intake: Intake) -> Iterator[SpanDocument]:
    """The documents of a file, their spans made flat.

    Raises:
        LabelError: A span lies outside its text.
    """
    for number, record in read_json_lines(path, intake):
        position = id_of(record, config.id_field, otherwise=f"{path.stem}:{number}")
        text = text_of(record, config.text_field)
        annotations = record.get(config.label_field or "spans")
        if text is None:
            intake.reject(position, "no text", json.dumps(record, ensure_ascii=False))
        elif not isinstance(annotations, list) or not all(_is_span(item) for item in annotations):
            intake.reject(position, "no list of spans", json.dumps(record, ensure_ascii=False))
        else:
            where = f"{path.name}: {position}"
            spans = [trimmed(span, text, where=where) for span in _labelled(annotations, intake)]
            yield SpanDocument(position, text, flatten(spans, intake, config.nesting_level))


def _is_span(item: Any) -> bool:
    if isinstance(item, Mapping):
        item = [item.get("start"), item.get("end"), item.get("label")]
    return isinstance(item, list) and len(item) > 2 and all(type(offset) is int for offset in item[:2])


def _labelled(annotations: list[Any], intake: Intake) -> Iterator[Span]:
    for item in annotations:
        start, end, label = (item["start"], item["end"], item.get("label")) if isinstance(item, Mapping) else item[:3]
        if isinstance(label, str) and label:
            yield Span(start, end, label)
        else:
            intake.leave_out("spans without a label")
