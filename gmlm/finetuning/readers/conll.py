"""CoNLL columns: a token and its BIO tag a line, sentences apart by blank lines, comments after `#`.

A sentence is an example; its text is its tokens joined by single spaces. GermEval 2014 (token in column 1, outer tags
in column 2, nested ones in column 3) and CoNLL-2003 (tags in the last column, IOB1) are read by configuration. The
document that a sentence is from is known by the lines `-DOCSTART-` of CoNLL-2003, or by the comment `#<tab>address` of
GermEval 2014 ahead of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gmlm.config import TaskConfig
from gmlm.finetuning.examples import Span, SpanDocument
from gmlm.finetuning.intake import Intake, read_text

_TAG = re.compile(r"O|[BI]-\S+")
Row = tuple[str, str]
"""A token and its tag."""


@dataclass(frozen=True)
class _Sentence:
    """The number of its first line (from 1), its lines without comments, and the document that it is from."""

    first: int
    lines: Sequence[str]
    document: str | None


def read_conll(path: Path, config: TaskConfig, intake: Intake) -> Iterator[SpanDocument]:
    """The sentences of a file; one with a line that has no token or no BIO tag is set aside."""
    for sentence in _sentences(path, config):
        position = f"{path.stem}:{sentence.first}"
        rows = [_row(line, config) for line in sentence.lines]
        if all(rows):
            yield _example(position, [row for row in rows if row], sentence.document, intake)
        else:
            intake.reject(position, "a line has no token or no BIO tag", "\n".join(sentence.lines))


def _sentences(path: Path, config: TaskConfig) -> Iterator[_Sentence]:
    text = read_text(path)
    # A single mark at the head of a file tells nothing apart.
    marked = text.count("-DOCSTART-") > 1
    lines: list[str] = []
    document: str | None = None
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if line.strip() and not _is_comment(line, config):
            lines.append(line)
        elif lines and not line.strip():
            yield _Sentence(number - len(lines), lines, document)
            lines = []
        elif marked and line.startswith("-DOCSTART-"):
            document = f"{path.stem}:{number}"
        elif line.startswith("#\t"):
            document = line.split("\t")[1].strip() or None


def _is_comment(line: str, config: TaskConfig) -> bool:
    """A line that starts with `#` may also hold the token `#`: then it has a tag."""
    return line.startswith("-DOCSTART-") or (line.startswith("#") and _row(line, config) is None)


def _row(line: str, config: TaskConfig) -> Row | None:
    columns = line.split("\t") if "\t" in line else line.split()
    if max(config.token_column, config.label_column, 1) >= len(columns):
        return None
    token, tag = columns[config.token_column].strip(), columns[config.label_column].strip()
    return (token, tag) if token and _TAG.fullmatch(tag) else None


def _example(position: str, rows: Sequence[Row], document: str | None, intake: Intake) -> SpanDocument:
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
    return SpanDocument(position, " ".join(token for token, _ in rows), tuple(spans), document)
