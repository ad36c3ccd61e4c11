"""The JSON of GGPONC 2.0 (Borchert et al. 2022): `annotations/json/{fine,coarse}/{short,long}/all.json`.

A list of documents with `document_id`, `passages` and `entities`, as in BigBio's schema; unlike the CoNLL files of the
same release it holds spans that nest, overlap and have gaps. Given as `train`, `dev` and `test`, the same file yields
the documents that `annotations/splits.csv` (columns `file` and `split`) assigns to each.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Any

from gmlm.config import TaskConfig
from gmlm.errors import DataFormatError
from gmlm.finetuning.examples import Span, SpanDocument
from gmlm.finetuning.files import split_table_of
from gmlm.finetuning.intake import Intake, read_text
from gmlm.finetuning.spans import flatten, trimmed

_SHAPE = "expected [{'document_id', 'passages': [{'text', 'offsets'}], 'entities': [{'type', 'text', 'offsets'}]}]"


def read_ggponc(path: Path, config: TaskConfig, intake: Intake) -> Iterator[SpanDocument]:
    """The documents of a file that belong to the split, or with `unit: line` each of their passages.

    Raises:
        DataFormatError: It is no JSON, has another shape, or a split is asked for and no `splits.csv` lies above it.
        LabelError: A span lies outside its document.
    """
    try:
        documents = json.loads(read_text(path))
    except ValueError:
        raise DataFormatError("not valid JSON", where=path.name, fix="check that the file is complete") from None
    splits = _splits(path) if intake.split else {}
    try:
        for document in documents:
            name = PurePath(document["document_id"]).stem
            if intake.split is None or splits.get(name) == intake.split:
                yield from _examples(name, document, config, intake)
    except (KeyError, TypeError, IndexError, AttributeError):
        raise DataFormatError("not the JSON of GGPONC 2.0", where=path.name, fix=_SHAPE) from None


def _splits(path: Path) -> dict[str, str]:
    """The split of each document by its name without a suffix: it is `.tsv` in one file and `.txt` in the other."""
    table = split_table_of(path)
    if table is None:
        fix = "keep it in the folder 'annotations' of the release, or give 'path' to split it here"
        raise DataFormatError("no splits.csv above it", where=str(path), fix=fix)
    return {PurePath(row["file"]).stem: row["split"] for row in csv.DictReader(read_text(table).splitlines())}


def _examples(name: str, document: Mapping[str, Any], config: TaskConfig, intake: Intake) -> Iterator[SpanDocument]:
    text = _text(document["passages"])
    if text is None or not text.strip():
        reason = "no text" if text is not None else "a passage does not fit its offsets"
        intake.reject(name, reason, json.dumps(document, ensure_ascii=False))
        return
    spans = [trimmed(span, text, where=name) for span in _spans(document["entities"], text, intake)]
    if config.unit == "document":
        yield SpanDocument(name, text, flatten(spans, intake, config.nesting_level), name)
        return
    left = len(spans)
    for number, passage in enumerate(document["passages"]):
        start, end = passage["offsets"][0]
        inside = [Span(s.start - start, s.end - start, s.label) for s in spans if start <= s.start and s.end <= end]
        left -= len(inside)
        if text[start:end].strip():
            yield SpanDocument(f"{name}:{number}", text[start:end], flatten(inside, intake, config.nesting_level), name)
    intake.leave_out("spans across passages", left)


def _text(passages: list[Mapping[str, Any]]) -> str | None:
    """The document with each passage at its offsets, and a line's end in each gap; None where that cannot be."""
    text = ""
    for passage in passages:
        (start, end), piece = passage["offsets"][0], passage["text"]
        piece = piece[0] if isinstance(piece, list) else piece
        if start < len(text) or len(piece) != end - start:
            return None
        text += "\n" * (start - len(text)) + piece
    return text


def _spans(entities: list[Mapping[str, Any]], text: str, intake: Intake) -> Iterator[Span]:
    for entity in entities:
        pieces, marked = entity["offsets"], entity["text"]
        marked = [marked] if isinstance(marked, str) else marked
        if any(text[a[1] : b[0]].strip() for a, b in pairwise(pieces)):
            intake.leave_out("spans in several pieces")
        elif len(marked) == len(pieces) and any(
            text[start:end] != words for (start, end), words in zip(pieces, marked, strict=True)
        ):
            intake.leave_out("spans whose text is not at their offsets")
        else:
            yield Span(pieces[0][0], pieces[-1][1], entity["type"])
