"""Reads parallel text: JSONL with the keys `en` and `de`, or two files aligned line by line."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gmlm.config import ReferenceConfig
from gmlm.config.paths import resolve_path
from gmlm.errors import DataFormatError
from gmlm.shards import Quarantine
from gmlm.storage.files import explained


class Pair(NamedTuple):
    """An English segment and its German translation."""

    en: str
    de: str


def read_training_pairs(path: Path, quarantine: Quarantine) -> Iterator[Pair]:
    """All good pairs of a JSONL file (.gz too); lines that hold none are quarantined."""
    for number, line in enumerate(_lines(path), start=1):
        try:
            yield _pair(line)
        except ValueError as error:
            quarantine.reject(file=path.name, position=str(number), reason=str(error), record=line)


def read_reference(reference: ReferenceConfig, folder: Path) -> list[Pair]:
    """The pairs that a translator is scored on; a single bad one fails, since a score must cover all.

    Raises:
        DataFormatError: The two files differ in their number of lines, a line holds no pair, or there are none.
        InputNotFoundError: A file is missing.
    """
    source = resolve_path(reference.source, folder)
    target = reference.target
    pairs = read_pairs(source) if target is None else _aligned(source, resolve_path(target, folder))
    if not pairs:
        raise DataFormatError("holds no segments", where=source.name, fix="give parallel text to score on")
    return pairs


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a JSONL file (.gz too).

    Raises:
        DataFormatError: A line holds no pair.
        InputNotFoundError: The file is missing.
    """
    return [_checked(line, f"{path.name}:{number}") for number, line in enumerate(_lines(path), start=1)]


def _aligned(source: Path, target: Path) -> list[Pair]:
    english, german = list(_lines(source)), list(_lines(target))
    if len(english) != len(german):
        raise DataFormatError(
            f"{source.name} has {len(english)} lines and {target.name} has {len(german)}",
            where=target.name,
            fix="give two files in which line n of one is the translation of line n of the other",
        )
    return [Pair(*sides) for sides in zip(english, german, strict=True)]


def _checked(line: str, where: str) -> Pair:
    try:
        return _pair(line)
    except ValueError as error:
        raise DataFormatError(str(error), where=where, fix="give every line the keys 'en' and 'de'") from None


def _pair(line: str) -> Pair:
    """The pair in a line of JSON; ValueError with a fixed phrase if there is none."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(record, dict) or not isinstance(record.get("en"), str) or not isinstance(record.get("de"), str):
        raise ValueError("key 'en' or 'de' missing")
    pair = Pair(record["en"].strip(), record["de"].strip())
    if not pair.en or not pair.de:
        raise ValueError("empty side")
    return pair


def _lines(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 text file, unpacked where its name ends in .gz; only a line feed ends a line."""
    try:
        with explained(str(path)):
            data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise DataFormatError("the gzip file is truncated or damaged", where=path.name, fix="fetch it again") from None
    except UnicodeDecodeError as error:
        where = f"{path.name}, byte {error.start}"
        raise DataFormatError("not UTF-8 text", where=where, fix="convert the file to UTF-8") from None
    lines = text.split("\n")
    yield from (line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines))
