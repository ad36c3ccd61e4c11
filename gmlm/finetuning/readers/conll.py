"""CoNLL columns: a token and its BIO tag a line, sentences apart by blank lines, comments after `#`.

A sentence is a document; its text is its tokens joined by single spaces. GermEval 2014 (token in column 1, outer tags
in column 2, nested ones in column 3) and CoNLL-2003 (tags in the last column, IOB1) are read by configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from gmlm.config import TaskConfig
from gmlm.finetuning.examples import Span, SpanDocument
from gmlm.finetuning.intake import Intake, read_text

_TAG = re.compile(r"O|[BI]-\S+")
Row = tuple[str, str]
"""A token and its tag."""


def read_conll(path: Path, config: TaskConfig, intake: Intake) -> Iterator[SpanDocument]:
    """The sentences of a file; one with a line that has no token or no BIO tag is set aside."""
    for number, lines in _sentences(path, config):
        position = f"{path.stem}:{number}"
        rows = [_row(line, config) for line in lines]
        if all(rows):
            yield _document(position, [row for row in rows if row], intake)
        else:
            intake.reject(position, "a line has no token or no BIO tag", "\n".join(lines))


def _sentences(path: Path, config: TaskConfig) -> Iterator[tuple[int, list[str]]]:
    """First line (from 1) and lines of each sentence, without comments."""
    lines: list[str] = []
    for number, line in enumerate([*read_text(path).split("\n"), ""], start=1):
        if line.strip() and not _is_comment(line, config):
            lines.append(line)
        elif lines and not line.strip():
            yield number - len(lines), lines
            lines = []


def _is_comment(line: str, config: TaskConfig) -> bool:
    """A line that starts with `#` may also hold the token `#`: then it has a tag."""
    return line.startswith("-DOCSTART-") or (line.startswith("#") and _row(line, config) is None)


def _row(line: str, config: TaskConfig) -> Row | None:
    columns = line.split("\t") if "\t" in line else line.split()
    if max(config.token_column, config.label_column) >= len(columns):
        return None
    token, tag = columns[config.token_column].strip(), columns[config.label_column].strip()
    return (token, tag) if token and _TAG.fullmatch(tag) else None


def _document(position: str, rows: Sequence[Row], intake: Intake) -> SpanDocument:
    spans: list[Span] = []
    start, previous = 0, "O"
    for token, tag in rows:
        label = tag[2:]
        if tag[0] == "I" and previous[2:] == label:
            spans[-1] = Span(spans[-1].start, start + len(token), label)
        elif tag != "O":
            spans.append(Span(start, start + len(token), label))
            if tag[0] == "I":
                intake.leave_out("I- tags that follow no tag of their label, read as B-")
        start, previous = start + len(token) + 1, tag
    return SpanDocument(position, " ".join(token for token, _ in rows), tuple(spans))
