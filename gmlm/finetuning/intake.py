"""Reading the files of a task: opening them, and setting aside and counting what does not fit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gmlm.errors import DataFormatError
from gmlm.shards import Quarantine
from gmlm.storage.files import explained


class Intake:
    """What reading one file sets aside (whole records) and leaves out (parts of records), by reason."""

    def __init__(self, file: str, quarantine: Quarantine, split: str | None = None) -> None:
        self.file = file
        self.split = split
        """The split that the file is read for: train, dev or test; None where it is split afterwards."""
        self._quarantine = quarantine
        self.left_out: Counter[str] = Counter()

    def reject(self, position: str, reason: str, record: str | None = None) -> None:
        """Set a record aside; it is kept in the quarantine only."""
        self._quarantine.reject(file=self.file, position=position, reason=reason, record=record)

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count parts of a record, such as spans, that the task cannot hold."""
        if count:
            self.left_out[reason] += count


def read_text(path: Path, newline: str | None = None) -> str:
    """The whole file as text, with or without byte order mark; `newline=""` keeps line ends, which offsets count.

    Raises:
        DataFormatError: It is not UTF-8.
    """
    try:
        with explained(str(path)), path.open(encoding="utf-8-sig", newline=newline) as file:
            return file.read()
    except UnicodeDecodeError as error:
        where, fix = f"{path.name}: byte {error.start}", "convert the file to UTF-8"
        raise DataFormatError("the file is not UTF-8 text", where=where, fix=fix) from None


def read_json_lines(path: Path, intake: Intake) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Line number (from 1) and object of each line; lines without a JSON object are set aside."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            intake.reject(f"line {number}", "not valid JSON", line)
            continue
        if not is_unicode(record):
            intake.reject(f"line {number}", "invalid Unicode", line)
        elif isinstance(record, Mapping):
            yield number, record
        else:
            intake.reject(f"line {number}", "not a JSON object", line)


def is_unicode(record: Any) -> bool:
    """Whether the strings of a JSON value can be written as UTF-8: JSON may escape half a surrogate pair."""
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True


def text_of(record: Mapping[str, Any], field: str) -> str | None:
    """The text under a key; a list of paragraphs is joined by blank lines. None where there is none."""
    value = record.get(field)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = "\n\n".join(value)
    return value if isinstance(value, str) and value.strip() else None


def id_of(record: Mapping[str, Any], field: str | None, *, otherwise: str) -> str:
    """The record's id as text: under the key given, else under `id`, else made from its position."""
    value = record.get(field or "id")
    return str(value) if isinstance(value, str | int) and str(value) else otherwise
