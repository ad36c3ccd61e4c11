"""Documents: sections of sentences about one patient, rendered in either language with the spans of their terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gmlm.demo.templates import Sentence, Span, headings
from gmlm.demo.world import Patient

Plan = tuple[tuple[str, int], ...]
"""Sections of a note type, each with the number of its sentences."""

LISTS = ("list", "medication")
"""Sections that are numbered lists, one item a line."""

NOTE_TYPES: Mapping[str, Plan] = {
    "Discharge summary": (
        ("complaint", 3),
        ("history", 3),
        ("family", 1),
        ("exam", 3),
        ("labs", 2),
        ("course", 5),
        ("list", 3),
        ("medication", 3),
        ("plan", 3),
    ),
    "Radiology": (("technique", 2), ("report", 4), ("impression", 2)),
    "Physician": (("progress", 5), ("exam", 1), ("labs", 2), ("course", 3)),
}
"""The types of clinical notes."""

ABSTRACT: Plan = (("background", 2), ("methods", 2), ("results", 3), ("conclusion", 2))
"""Sections of an abstract."""


@dataclass(frozen=True)
class Section:
    """A heading and its sentences."""

    key: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class Document:
    """One document of either language."""

    type: str
    sections: tuple[Section, ...]

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """All sentences in order."""
        return tuple(sentence for section in self.sections for sentence in section.sentences)


def write_document(patient: Patient, type_: str, plan: Plan) -> Document:
    """A document about a patient; sections for which no sentence is found are left out."""
    sections = (Section(key, tuple(patient.say(key, count))) for key, count in plan)
    return Document(type_, tuple(section for section in sections if section.sentences))


def render(document: Document, language: str, *, with_headings: bool = True) -> tuple[str, list[Span]]:
    """The document's text as a clinical note and the spans of its terms, in order."""
    text, spans = "", list[Span]()
    for piece, sentence in _pieces(document, language, with_headings):
        if sentence is not None:
            found = sentence.en if language == "en" else sentence.de
            spans += [span.shift(len(text)) for span in found.spans]
        text += piece
    stripped = text.rstrip()
    return stripped, spans


def _pieces(document: Document, language: str, with_headings: bool) -> Iterator[tuple[str, Sentence | None]]:
    for section in document.sections:
        if with_headings and section.key in headings():
            yield getattr(headings()[section.key], language) + "\n", None
        for number, sentence in enumerate(section.sentences, start=1):
            if section.key in LISTS:
                yield f"{number}. ", None
            yield getattr(sentence, language).text, sentence
            last = number == len(section.sentences)
            yield "\n" if section.key in LISTS or last else " ", None
        if with_headings:
            yield "\n", None
