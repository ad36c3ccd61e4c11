"""The lexicon: size, forms and consistency."""

import re
from collections import Counter

from gmlm.demo.terms import adjectives, lexicon, phrases
from gmlm.demo.world import CHAPTERS

TERMS = [term for terms in lexicon().values() for term in terms]


def listed(kind):
    return [term for term in lexicon()[kind] if not term.compound]


def test_the_lexicon_is_large():
    sizes = {kind: len(listed(kind)) for kind in lexicon()}
    assert sizes["diagnosis"] >= 150
    assert sizes["drug"] >= 120
    assert sizes["finding"] >= 120
    assert sizes["anatomy"] >= 60
    assert sizes["procedure"] >= 60
    assert sum(term.compound for term in TERMS) >= 500


def test_names_are_unique_within_their_kind():
    for kind, terms in lexicon().items():
        for language in ("en", "de"):
            repeated = [name for name, n in Counter(getattr(term, language) for term in terms).items() if n > 1]
            assert not repeated, (kind, repeated)


def test_every_term_has_a_gender_and_a_chapter_of_the_world():
    for term in TERMS:
        assert term.gender in ("m", "f", "n", "p"), term
        assert term.chapters, term
        assert set(term.chapters) <= set(CHAPTERS), term


def test_each_chapter_has_terms_of_each_kind():
    for kind in lexicon():
        covered = {letter for term in listed(kind) for letter in term.chapters}
        assert covered == set(CHAPTERS), kind


def test_adjectives_are_lower_case_stems_before_a_capital_noun():
    for term in TERMS:
        words = term.de.split(" ")
        assert any(word[0].isupper() for word in words), term
        assert all(re.fullmatch(r"[a-zäöüßC-]+~", word) for word in words if word.endswith("~")), term
    assert all(adjective.de.endswith("~") for group in adjectives().values() for adjective in group)


def test_drugs_have_doses_and_laboratory_values_a_range():
    assert all(re.fullmatch(r"[\d.]+ (mg|g|µg|IU)", dose) for drug in lexicon()["drug"] for dose in drug.settings)
    for lab in lexicon()["lab"]:
        _, low, high, decimals = lab.settings
        assert float(low) < float(high)
        assert int(decimals) in (0, 1)


def test_phrases_are_complete_in_both_languages():
    assert all(phrase.en and phrase.de for group in phrases().values() for phrase in group)
