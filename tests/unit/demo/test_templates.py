"""Templates: both languages say the same frame."""

import pytest

from gmlm.demo.templates import headings, render_pattern, slot_names, templates
from gmlm.demo.terms import Phrase, lexicon

ALL = [template for section in templates().values() for template in section]


def term(english):
    return next(t for terms in lexicon().values() for t in terms if t.en == english)


def german(pattern, **fillers):
    return render_pattern(pattern, fillers, "de").text


def english(pattern, **fillers):
    return render_pattern(pattern, fillers, "en").text


def test_there_are_many_templates_with_distinct_names():
    assert len(ALL) >= 100
    assert len({template.id for template in ALL}) == len(ALL)


@pytest.mark.parametrize("template", ALL, ids=lambda template: template.id)
def test_both_languages_have_the_same_slots(template):
    assert set(slot_names(template.en)) == set(slot_names(template.de))


def test_every_section_of_a_note_has_a_heading():
    assert set(templates()) - set(headings()) == {"deid"}


def test_articles_cases_and_adjectives():
    infarct, severe = term("anterior myocardial infarction"), Phrase("severe", "schwer~")
    pattern = "wegen {severity+diagnosis|indef gen}"
    assert german(pattern, severity=severe, diagnosis=infarct) == "Wegen eines schweren Vorderwandinfarkts"
    assert english("{diagnosis|a}", diagnosis=infarct) == "An anterior myocardial infarction"
    said = english("after {severity+diagnosis|a}", severity=severe, diagnosis=infarct)
    assert said == "After a severe anterior myocardial infarction"


def test_verbs_agree_with_each_languages_own_number():
    pain = term("back pain")
    assert german("{finding} {finding|war/waren} bekannt", finding=pain) == "Rückenschmerzen waren bekannt"
    assert english("{finding} {finding|was/were} known", finding=pain) == "Back pain was known"


def test_prepositions_are_joined_with_the_article():
    liver, stomach = term("liver"), term("stomach")
    assert german("Tumor in {anatomy|def dat}", anatomy=stomach) == "Tumor im Magen"
    assert german("in {anatomy|def dat}", anatomy=stomach) == "Im Magen"
    assert german("bis zu {anatomy|def dat}", anatomy=liver) == "Bis zur Leber"
    assert german("in {anatomy|def dat}", anatomy=liver) == "In der Leber"


def test_no_full_stop_is_doubled_behind_an_abbreviation():
    assert german("Gabe {route}.", route=Phrase("orally", "p. o.")) == "Gabe p. o."


def test_spans_and_slots_point_at_the_names_without_their_articles():
    text = render_pattern("durch {diagnosis|def acc} und {count}", {
        "diagnosis": term("bladder stone"), "count": Phrase("2", "2")}, "de")  # fmt: skip
    (span,) = text.spans
    assert text.text[span.start : span.end] == "Harnblasenstein"
    assert span.label == "DIAGNOSIS"
    start, end = text.slots["count"]
    assert text.text[start:end] == "2"
