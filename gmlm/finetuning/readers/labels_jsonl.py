"""JSONL with a text and a list of labels a line: `{"id", "text", "labels": [...]}`; keys by configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from gmlm.config import TaskConfig
from gmlm.finetuning.examples import LabelledDocument
from gmlm.finetuning.intake import Intake, id_of, read_json_lines, text_of


def read_labels(path: Path, config: TaskConfig, intake: Intake) -> Iterator[LabelledDocument]:
    """The documents of a file. One without any labels is a document like any other."""
    for number, record in read_json_lines(path, intake):
        position = id_of(record, config.id_field, otherwise=f"{path.stem}:{number}")
        text = text_of(record, config.text_field)
        labels = record.get(config.label_field or "labels")
        labels = [labels] if isinstance(labels, str) else labels
        if text is None:
            intake.reject(position, "no text", json.dumps(record, ensure_ascii=False))
        elif not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            intake.reject(position, "no list of labels", json.dumps(record, ensure_ascii=False))
        else:
            yield LabelledDocument(position, text, tuple(sorted(set(labels))))
