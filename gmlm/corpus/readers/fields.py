"""Takes id, text and metadata from a record of named values by the source's configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gmlm.config.corpora import SourceConfig
from gmlm.corpus.readers.record import BadRecord, Record

JOINT = "\n\n"
"""Blank line between the parts of a document."""


def values_at(value: Any, dotted_key: str) -> Iterator[str]:
    """All texts under a dotted key, in order, descending into nested objects and lists.

    `data.paragraphs.context` of a SQuAD file yields every context. A key that itself holds dots is found first.
    """
    if isinstance(value, list | tuple):
        for item in value:
            yield from values_at(item, dotted_key)
    elif not dotted_key:
        if value is not None:
            yield value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    elif isinstance(value, Mapping):
        if dotted_key in value:
            yield from values_at(value[dotted_key], "")
        else:
            key, _, rest = dotted_key.partition(".")
            if rest and key in value:
                yield from values_at(value[key], rest)


def record_of(values: Any, source: SourceConfig, position: str) -> Record | BadRecord:
    """The record made of the configured fields; several texts are joined by a blank line."""
    try:
        return _record_of(values, source, position)
    except RecursionError:
        return BadRecord(position, "nested too deeply")


def _record_of(values: Any, source: SourceConfig, position: str) -> Record | BadRecord:
    texts = [list(values_at(values, field)) for field in source.text_fields]
    if not any(texts):
        return BadRecord(position, "text field missing", _as_json(values))
    identity = None
    if source.id_field is not None:
        identity = next(values_at(values, source.id_field), "").strip()
        if not identity:
            return BadRecord(position, "id missing", _as_json(values))
    text = JOINT.join(part for parts in texts for part in parts if part.strip())
    meta = {field: "; ".join(values_at(values, field)) for field in source.meta_fields}
    return Record(position, identity, text, {field: value for field, value in meta.items() if value})


def top_level_columns(source: SourceConfig) -> list[str]:
    """The configured fields up to their first dot, each once: what a columnar file must hold."""
    fields = (*source.text_fields, *source.meta_fields, *([source.id_field] if source.id_field else []))
    return list(dict.fromkeys(field.partition(".")[0] for field in fields))


def _as_json(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True, default=str)
