"""General German: another vocabulary, the same grammar."""

import random

from gmlm.demo.general import general_texts
from gmlm.demo.terms import lexicon


def texts(seed=1, characters=60_000):
    return dict(general_texts(random.Random(seed), characters))


def test_as_much_text_is_written_as_was_asked_for():
    written = sum(map(len, texts().values()))
    assert 60_000 <= written < 64_000


def test_all_domains_occur():
    assert {name.partition("/")[0] for name in texts()} == {"news", "weather", "travel", "sport", "office", "life"}


def test_no_slot_is_left_and_no_article_is_uncontracted():
    text = " ".join(texts().values())
    assert not set("{}|~") & set(text)
    assert " in dem " not in text
    assert " zu der " not in text


def test_no_clinical_term_occurs():
    text = " ".join(texts(characters=200_000).values())
    words = set(text.replace(".", " ").replace(",", " ").split())
    clinical = {term.de for terms in lexicon().values() for term in terms if " " not in term.de}
    assert not words & clinical


def test_sentences_hardly_repeat():
    sentences = [sentence for text in texts().values() for sentence in text.strip().split(". ")]
    assert len(set(sentences)) > 0.9 * len(sentences)
