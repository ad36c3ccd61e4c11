"""JSON lines, and JSON files with one value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gmlm.config.corpora import SourceConfig
from gmlm.corpus.readers.fields import record_of
from gmlm.corpus.readers.record import LARGEST_FILE, BadRecord, InputFile, Record


def read_jsonl(file: InputFile, source: SourceConfig) -> Iterator[Record | BadRecord]:
    """One record a line; a file that ends in `.json` is read as one value, a list of it as one record an item.

    With `records_field` each item under that dotted key is a record of its own.
    """
    values = _whole_file(file, source) if file.name.removesuffix(".gz").endswith(".json") else _lines(file, source)
    for position, value in values:
        if isinstance(value, BadRecord):
            yield value
        elif source.records_field is None:
            yield record_of(value, source, position)
        else:
            for number, item in enumerate(_items_at(value, source.records_field), start=1):
                yield record_of(item, source, f"{position}, record {number}")


def _lines(file: InputFile, source: SourceConfig) -> Iterator[tuple[str, Any]]:
    with file.open_text(source.encoding) as stream:
        for number, line in enumerate(file.lines(stream), start=1):
            position = f"line {number}"
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                yield position, BadRecord(position, "not valid JSON", line)
            else:
                yield position, value if isinstance(value, dict) else BadRecord(position, "not a JSON object", line)


def _whole_file(file: InputFile, source: SourceConfig) -> Iterator[tuple[str, Any]]:
    with file.open_text(source.encoding) as stream:
        text = file.whole_text(stream, LARGEST_FILE)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        position = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else None
        fix = "repair the file; if it holds one JSON object a line, let its name end in .jsonl"
        raise file.fault("not valid JSON", fix, position) from None
    for number, item in enumerate(value if isinstance(value, list) else [value], start=1):
        yield f"item {number}", item


def _items_at(value: Any, dotted_key: str) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _items_at(item, dotted_key)
    elif not dotted_key:
        yield value
    elif isinstance(value, dict):
        key, _, rest = dotted_key.partition(".")
        yield from _items_at(value.get(key, []), rest)
