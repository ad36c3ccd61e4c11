"""SQuAD 1.1 and 2.0: one JSON of articles, paragraphs and questions. Unanswerable questions are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gmlm.config import TaskConfig
from gmlm.errors import DataFormatError
from gmlm.finetuning.examples import Answer, Question
from gmlm.finetuning.intake import Intake, id_of, is_unicode, read_text

_SHAPE = "expected {'data': [{'paragraphs': [{'context', 'qas': [{'id', 'question', 'answers'}]}]}]}"


def read_squad(path: Path, config: TaskConfig, intake: Intake) -> Iterator[Question]:
    """The questions of a file; one with an answer that is not at its offset is set aside.

    Raises:
        DataFormatError: It is no JSON, or has another shape.
    """
    try:
        data = json.loads(read_text(path))
    except (ValueError, RecursionError):
        raise DataFormatError("not valid JSON", where=path.name, fix="check that the file is complete") from None
    try:
        yield from _questions(data, path.stem, intake)
    except (KeyError, TypeError, AttributeError):
        raise DataFormatError("not in SQuAD format", where=path.name, fix=_SHAPE) from None


def _questions(data: Any, stem: str, intake: Intake) -> Iterator[Question]:
    for number, article in enumerate(data["data"]):
        document = str(article.get("title") or f"{stem}:{number}")
        for place, paragraph in enumerate(article["paragraphs"]):
            for position, row in enumerate(paragraph["qas"]):
                name = id_of(row, None, otherwise=f"{document}:{place}:{position}")
                question = _question(name, document, paragraph["context"], row)
                if not is_unicode((name, document, paragraph["context"], row)):
                    intake.reject(name, "invalid Unicode", json.dumps(row, ensure_ascii=False))
                elif all(_is_at_its_offset(answer, question.context) for answer in question.answers):
                    yield question
                else:
                    intake.reject(name, "an answer is not at its offset", json.dumps(row, ensure_ascii=False))


def _question(name: str, document: str, context: str, row: Mapping[str, Any]) -> Question:
    answers = () if row.get("is_impossible") else row.get("answers", ())
    found = dict.fromkeys(Answer(answer["text"], answer["answer_start"]) for answer in answers)
    return Question(name, document, row["question"], context, tuple(found))


def _is_at_its_offset(answer: Answer, context: str) -> bool:
    return bool(answer.text) and answer.start >= 0 and context.startswith(answer.text, answer.start)
