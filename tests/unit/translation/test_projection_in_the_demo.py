"""The demo's world knows where each term stands in both languages: projection finds it there, and not elsewhere."""

from __future__ import annotations

import random

import pytest

from gmlm.demo.templates import templates
from gmlm.demo.world import World
from gmlm.translation.projection import AlignedSegment, place

ENDING = {"m": "er", "f": "e", "n": "es", "p": "e"}
LIMIT = 0.5


@pytest.fixture(scope="module")
def sentences():
    choose, found = random.Random(5), []
    world, pool = World(choose, "translator"), [each for section in templates().values() for each in section]
    while len(found) < 300:
        patient = world.patient()
        made = [patient.sentence(template) for template in choose.sample(pool, 12)]
        found += [sentence for sentence in made if sentence is not None]
    return found


def _project(span, source, target):
    """Place a term by its German name in the nominative, as a translator of the term alone would give it."""
    alone = span.term.de.replace("~", ENDING[span.term.gender])
    return place([AlignedSegment(source.text, 0, target.text, 0)], span.start, span.end, alone)


def test_terms_are_found_where_they_are_however_inflected(sentences):
    expected, found = [], []
    for sentence in sentences:
        for span in sentence.en.spans:
            german = [(each.start, each.end) for each in sentence.de.spans if each.term == span.term]
            if len(german) == 1:
                expected.append(german[0])
                placed = _project(span, sentence.en, sentence.de)
                found.append((placed.start, placed.end) if placed and placed.score >= LIMIT else None)
    assert len(expected) > 300
    assert sum(one == other for one, other in zip(expected, found, strict=True)) >= 0.99 * len(expected)


def test_in_the_translation_of_another_sentence_hardly_any_is_found(sentences):
    tried = placed = 0
    for sentence, other in zip(sentences, sentences[7:], strict=False):
        for span in sentence.en.spans:
            if span.term not in {each.term for each in other.en.spans} and span.end - span.start < len(
                sentence.en.text
            ):
                tried += 1
                found = _project(span, sentence.en, other.de)
                placed += found is not None and found.score >= LIMIT
    assert tried > 300
    assert placed <= 0.02 * tried
