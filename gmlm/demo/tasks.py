"""The three tasks with gold by construction: entities, chapter codes, and questions with an answer in the text.

Training sets name only familiar terms (`gmlm.demo.world.is_familiar`), development and test sets all: who has read
clinical German knows more of them than who has not.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from gmlm.demo.documents import NOTE_TYPES, Plan, render, write_document
from gmlm.demo.templates import Sentence, render_pattern, templates
from gmlm.demo.terms import read_table
from gmlm.demo.world import Patient, World, coded_chapters, is_familiar

Record = dict[str, Any]

_SHORT_NOTES: tuple[Plan, ...] = (
    (("complaint", 2), ("history", 1), ("course", 3)),
    (("exam", 2), ("labs", 1), ("course", 3)),
    (("technique", 1), ("report", 3), ("impression", 2)),
    (("progress", 4), ("plan", 2)),
)
_CODED: Plan = (("complaint", 1), ("history", 2), ("family", 1), ("course", 2), ("list", 1))
_LONG_EVERY = 8


def world_of(split: str, choose: random.Random) -> World:
    """The world that a split is drawn from: only familiar terms in `train`."""
    return World(choose, "task", is_familiar) if split == "train" else World(choose, "task")


def entity_records(split: str, choose: random.Random, count: int) -> Iterator[Record]:
    """Notes with the spans of their terms; each eighth is a whole discharge summary."""
    world = world_of(split, choose)
    for number in range(count):
        long = number % _LONG_EVERY == _LONG_EVERY - 1
        plan = NOTE_TYPES["Discharge summary"] if long else choose.choice(_SHORT_NOTES)
        text, spans = render(write_document(world.patient(), "note", plan), "de", with_headings=long)
        found = [{"start": span.start, "end": span.end, "label": span.label} for span in spans]
        yield {"id": f"ner-{split}-{number:04d}", "text": text, "spans": found}


def code_records(split: str, choose: random.Random, count: int) -> Iterator[Record]:
    """Notes with the chapters of the patient's diagnoses; excluded ones and those of relatives are distractors."""
    world = world_of(split, choose)
    for number in range(count):
        document = write_document(world.patient(), "note", _CODED)
        text, _ = render(document, "de", with_headings=False)
        yield {"id": f"codes-{split}-{number:04d}", "text": text, "labels": coded_chapters(document.sentences)}


@dataclass(frozen=True)
class Question:
    """A question that sentences of one template answer by what stands in one slot."""

    template: str
    answer: str
    pattern: str


@cache
def questions() -> dict[str, tuple[Question, ...]]:
    """The questions by template."""
    found: dict[str, list[Question]] = {}
    for row in read_table("templates/questions.tsv"):
        found.setdefault(row["template"], []).append(Question(row["template"], row["answer"], row["question"]))
    return {template: tuple(items) for template, items in found.items()}


def question_set(split: str, choose: random.Random, contexts: int, *, sentences: int = 4, asked: int = 4) -> Record:
    """A SQuAD 1.1 file: contexts of some sentences, each with up to `asked` questions."""
    world = world_of(split, choose)
    data = []
    for number in range(contexts):
        title = f"qa-{split}-{number:04d}"
        data.append({"title": title, "paragraphs": [_paragraph(title, world.patient(), sentences, asked)]})
    return {"version": "1.1", "data": data}


def _paragraph(title: str, patient: Patient, sentences: int, asked: int) -> Record:
    choose = patient.world.random
    pool = [template for section in templates().values() for template in section if template.id in questions()]
    said = [found for template in choose.sample(pool, sentences) if (found := patient.sentence(template)) is not None]
    context = " ".join(sentence.de.text for sentence in said)
    answered = choose.sample(said, min(asked, len(said)))
    asks = [_ask(sentence, choose, context) for sentence in answered]
    return {"context": context, "qas": [{"id": f"{title}-{n}", **ask} for n, ask in enumerate(asks)]}


def _ask(sentence: Sentence, choose: random.Random, context: str) -> Record:
    question = choose.choice(questions()[sentence.template.id])
    start, end = sentence.de.slots[question.answer]
    offset = context.index(sentence.de.text)
    text = render_pattern(question.pattern, sentence.fillers, "de").text
    return {"question": text, "answers": [{"text": sentence.de.text[start:end], "answer_start": offset + start}]}
