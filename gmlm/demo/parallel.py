"""Segment pairs: training data of the translator, the truth of the documents, and a reference."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from gmlm.demo.documents import Document
from gmlm.demo.templates import Sentence, headings, templates
from gmlm.demo.terms import lexicon
from gmlm.demo.world import World

Pair = dict[str, str]
"""A segment in English (`en`) and German (`de`)."""


def training_pairs(choose: random.Random, count: int) -> list[Pair]:
    """Distinct pairs of the translator's part of the world, with each heading and each term of the lexicon."""
    pairs = {pair["en"]: pair for pair in (*_heading_pairs(), *_term_pairs())}
    world = World(choose, "translator")
    pool = [template for section in templates().values() for template in section]
    while len(pairs) < count:
        patient = world.patient()
        for template in choose.sample(pool, 12):
            if (sentence := patient.sentence(template)) is not None:
                pairs[sentence.en.text] = pair_of(sentence)
    found = list(pairs.values())
    choose.shuffle(found)
    return found


def pair_of(sentence: Sentence) -> Pair:
    """A sentence in both languages."""
    return {"en": sentence.en.text, "de": sentence.de.text}


def truth(documents: Iterable[tuple[str, Document]]) -> Iterator[Pair]:
    """Each sentence of the documents with its true German, in order, with the document's name."""
    for name, document in documents:
        for sentence in document.sentences:
            yield {"document": name, **pair_of(sentence)}


def reference(documents: Iterable[Document], choose: random.Random, count: int) -> list[Pair]:
    """Distinct pairs drawn from the documents; none of them is in the translator's training data."""
    sentences = {s.en.text: s for document in documents for s in document.sentences if not s.template.is_bare}
    return [pair_of(sentence) for sentence in choose.sample(list(sentences.values()), count)]


def _heading_pairs() -> Iterator[Pair]:
    for heading in headings().values():
        yield {"en": heading.en, "de": heading.de}


def _term_pairs() -> Iterator[Pair]:
    for terms in lexicon().values():
        for term in terms:
            german = term.de.replace("~", _NOMINATIVE[term.gender])
            yield {"en": term.en[:1].upper() + term.en[1:], "de": german[:1].upper() + german[1:]}


_NOMINATIVE = {"m": "er", "f": "e", "n": "es", "p": "e"}
