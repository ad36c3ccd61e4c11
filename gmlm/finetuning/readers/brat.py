"""brat standoff (Stenetorp et al. 2012): a text, and annotations in a file `.ann` of the same name.

Of the annotations, text-bound ones (`T1<tab>LABEL 3 9<tab>text`) become spans; relations, attributes, normalisations
and notes are counted. A span in several pieces (`3 9;12 15`) is read as one from its first to its last character where
nothing but white space lies between the pieces, and left out otherwise, since tags of tokens cannot render it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from gmlm.config import TaskConfig
from gmlm.errors import InputNotFoundError
from gmlm.finetuning.examples import Span, SpanDocument
from gmlm.finetuning.files import text_of_standoff
from gmlm.finetuning.intake import Intake, read_text
from gmlm.finetuning.spans import flatten, trimmed

_TEXT_BOUND = re.compile(r"T\S*\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t.*)?")


def read_brat(path: Path, config: TaskConfig, intake: Intake) -> Iterator[SpanDocument]:
    """The document of a file `.ann`, or with `unit: line` each line of its text.

    Raises:
        InputNotFoundError: There is no text of its name.
        LabelError: A span lies outside the text.
    """
    source = text_of_standoff(path)
    if source is None:
        raise InputNotFoundError("no text of this name", where=str(path), fix=f"put {path.stem}.txt beside it")
    text = read_text(source, newline="")
    spans = [trimmed(span, text, where=path.name) for span in _spans(read_text(path), text, intake)]
    if config.unit == "document":
        if text.strip():
            yield SpanDocument(path.stem, text, flatten(spans, intake, config.nesting_level))
        else:
            intake.reject(path.stem, "no text")
        return
    yield from _lines(path.stem, text, spans, config.nesting_level, intake)


def _spans(annotations: str, text: str, intake: Intake) -> Iterator[Span]:
    for number, line in enumerate(annotations.split("\n"), start=1):
        line = line.rstrip("\r")
        if not line.strip():
            continue
        if not line.startswith("T"):
            intake.leave_out("annotations that mark no text")
        elif match := _TEXT_BOUND.fullmatch(line):
            pieces = [tuple(map(int, piece.split())) for piece in match.group(2).split(";")]
            if any(text[a[1] : b[0]].strip() for a, b in pairwise(pieces)):
                intake.leave_out("spans in several pieces")
            else:
                yield Span(pieces[0][0], pieces[-1][1], match.group(1))
        else:
            intake.reject(f"line {number}", "no text-bound annotation of brat", line)


def _lines(name: str, text: str, spans: list[Span], level: int, intake: Intake) -> Iterator[SpanDocument]:
    """Each line with the spans that lie within it; a span across lines is left out and counted."""
    start, left = 0, len(spans)
    for number, line in enumerate(text.split("\n"), start=1):
        end = start + len(line)
        inside = [Span(s.start - start, s.end - start, s.label) for s in spans if start <= s.start and s.end <= end]
        left -= len(inside)
        if line.strip():
            yield SpanDocument(f"{name}:{number}", line.rstrip("\r"), flatten(inside, intake, level), name)
        start = end + 1
    if left:
        intake.leave_out("spans across lines", left)
