"""The examples of a task: what the readers make, what the splits hold, and their JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gmlm.config import TaskConfig
from gmlm.config.tasks import TaskKind


@dataclass(frozen=True, order=True)
class Span:
    """A labelled stretch of a text, in characters; `end` is exclusive."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Answer:
    """An answer to a question: its text and its first character in the context."""

    text: str
    start: int


@dataclass(frozen=True)
class SpanDocument:
    """A text with spans that neither nest nor overlap, in the order of the text."""

    id: str
    text: str
    spans: tuple[Span, ...]
    document: str | None = None
    """The document that the text is a part of, where it is one; known until the splits are made."""

    @property
    def source(self) -> str:
        """What may not be divided between splits."""
        return self.document or self.id

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the spans, sorted, each once."""
        return tuple(sorted({span.label for span in self.spans}))


@dataclass(frozen=True)
class LabelledDocument:
    """A text with a sorted set of labels."""

    id: str
    text: str
    labels: tuple[str, ...]

    @property
    def source(self) -> str:
        """What may not be divided between splits."""
        return self.id


@dataclass(frozen=True)
class Question:
    """A question on a context out of a document; no answers mean that the context does not answer it."""

    id: str
    document: str
    question: str
    context: str
    answers: tuple[Answer, ...]

    @property
    def source(self) -> str:
        """What may not be divided between splits: the document that the context is from."""
        return self.document

    @property
    def text(self) -> str:
        """The text that is read for an answer."""
        return self.context

    @property
    def labels(self) -> tuple[str, ...]:
        """Whether the context answers the question, as a label."""
        return ("answerable",) if self.answers else ("unanswerable",)


Example = SpanDocument | LabelledDocument | Question


def to_gold(example: Example) -> list[Any]:
    """The gold standard of an example as predictions files hold it: spans, labels, or answers."""
    match example:
        case SpanDocument():
            return [asdict(span) for span in example.spans]
        case LabelledDocument():
            return list(example.labels)
        case Question():
            return [asdict(answer) for answer in example.answers]


def to_json_lines(examples: Iterable[Example]) -> bytes:
    """The examples as JSONL with sorted keys."""
    lines = (json.dumps(_row(example), ensure_ascii=False, sort_keys=True) for example in examples)
    return "".join(f"{line}\n" for line in lines).encode()


def _row(example: Example) -> dict[str, Any]:
    row = asdict(example)
    if isinstance(example, SpanDocument):
        del row["document"]
    return row


def from_json_lines(data: bytes, config: TaskConfig) -> list[Example]:
    """The examples of a split that `to_json_lines` wrote."""
    return list(_parse(data, config.kind))


def _parse(data: bytes, kind: TaskKind) -> Iterator[Example]:
    for line in data.splitlines():  # bytes split at ASCII line ends only, which JSON escapes within strings
        yield _example(json.loads(line), kind)


def _example(row: Mapping[str, Any], kind: TaskKind) -> Example:
    if kind == "token_classification":
        return SpanDocument(row["id"], row["text"], tuple(Span(**span) for span in row["spans"]))
    if kind == "multi_label":
        return LabelledDocument(row["id"], row["text"], tuple(row["labels"]))
    answers = tuple(Answer(**answer) for answer in row["answers"])
    return Question(row["id"], row["document"], row["question"], row["context"], answers)
