"""Patients: their sentences fit together, and the parts of the world share no sentence."""

import random
import re
from collections import Counter

import pytest

from gmlm.demo.templates import templates
from gmlm.demo.terms import lexicon
from gmlm.demo.world import NOT_CODED, World, coded_chapters, diagnoses, is_familiar, side_of


def sentences(side, patients=60, seed=1, **settings):
    world = World(random.Random(seed), side, **settings)
    for _ in range(patients):
        patient = world.patient()
        for section in templates():
            yield from patient.say(section, 2)


def test_thousands_of_distinct_sentences():
    said = Counter(sentence.de.text for sentence in sentences("corpus", patients=60))
    assert len(said) > 0.9 * said.total()
    assert len(said) > 1_500


@pytest.mark.parametrize("side", ["translator", "corpus", "task"])
def test_sentences_belong_to_the_worlds_side(side):
    for sentence in sentences(side, patients=5):
        assert sentence.template.is_bare or side_of(sentence.en.text) == side


def test_every_listed_term_is_soon_used():
    used = {span.term for sentence in sentences("translator", patients=250) for span in sentence.en.spans}
    listed = [term for terms in lexicon().values() for term in terms if not term.compound]
    assert len(used.intersection(listed)) / len(listed) > 0.97


def test_familiar_terms_are_a_part_of_each_kind():
    for kind, terms in lexicon().items():
        share = sum(map(is_familiar, terms)) / len(terms)
        assert 0.1 < share < 0.35, kind


def test_only_allowed_terms_are_named():
    for sentence in sentences("task", patients=5, allowed=is_familiar):
        assert all(is_familiar(span.term) for span in sentence.de.spans)


def test_names_of_terms_stand_in_both_languages():
    for sentence in sentences("corpus", patients=5):
        assert {span.term for span in sentence.en.spans} == {span.term for span in sentence.de.spans}
        for span in sentence.en.spans:
            assert sentence.en.text[span.start : span.end].lower() == span.term.en.lower()


def test_spans_of_a_text_do_not_overlap():
    for sentence in sentences("corpus", patients=5):
        ends = [0, *(span.end for span in sentence.de.spans)]
        assert all(span.start >= end for span, end in zip(sentence.de.spans, ends, strict=False))


def test_digits_and_drugs_are_the_same_in_both_languages():
    for sentence in sentences("corpus", patients=10):
        numbers = [sorted(filter(str.isdigit, text.text)) for text in (sentence.en, sentence.de)]
        assert numbers[0] == numbers[1], sentence.en.text
        for span in sentence.en.spans:
            if span.term.kind == "drug":
                assert span.term.de in sentence.de.text


def test_german_has_a_decimal_comma_and_no_english_units():
    for sentence in sentences("corpus", patients=10):
        assert " IU" not in sentence.de.text
        assert not re.search(r"\d\.\d", sentence.de.text)


def test_chapters_follow_from_the_patients_own_diagnoses():
    checked = 0
    for sentence in sentences("task", patients=20):
        own = {
            span.term.chapters[0]
            for span in sentence.en.spans
            if span.term.kind == "diagnosis" and not span.slot.startswith(NOT_CODED)
        }
        assert coded_chapters([sentence]) == sorted(own)
        if sentence.template.section == "family":
            assert coded_chapters([sentence]) == []
            checked += 1
    assert checked > 10


def test_diagnoses_that_are_ruled_out_are_not_the_patients():
    world = World(random.Random(3), "task")
    template = next(t for t in templates()["course"] if t.id == "k21")
    found = [s for s in (world.patient().sentence(template) for _ in range(60)) if s is not None]
    assert any(span.term.kind == "diagnosis" for sentence in found for span in sentence.de.spans)
    assert not list(diagnoses(found))


def test_a_patient_is_he_or_she_throughout():
    world = World(random.Random(5), "corpus")
    for _ in range(20):
        patient = world.patient()
        text = " ".join(s.de.text for section in ("complaint", "history", "course") for s in patient.say(section, 8))
        assert not ("Sie wurde" in text and ("Er wurde" in text or "jährige Mann" in text))
