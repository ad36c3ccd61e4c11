"""Parallel text: a fair split, and truth for every sentence."""

import random

import pytest

from gmlm.demo.documents import ABSTRACT, write_document
from gmlm.demo.parallel import reference, training_pairs, truth
from gmlm.demo.templates import headings
from gmlm.demo.terms import lexicon
from gmlm.demo.world import World


@pytest.fixture(scope="module")
def pairs():
    return training_pairs(random.Random(1), 3_000)


@pytest.fixture(scope="module")
def documents():
    world = World(random.Random(2), "corpus")
    return [(f"pubmed-{n}", write_document(world.patient(), "Abstract", ABSTRACT)) for n in range(20)]


def test_pairs_are_distinct_and_complete(pairs):
    assert len({pair["en"] for pair in pairs}) == len(pairs) >= 3_000
    assert all(pair["en"] and pair["de"] and "~" not in pair["de"] for pair in pairs)


def test_every_term_and_heading_is_seen_in_training(pairs):
    english = {pair["en"].lower() for pair in pairs}
    assert all(term.en.lower() in english for terms in lexicon().values() for term in terms)
    assert {heading.en.lower() for heading in headings().values()} <= english


def test_no_sentence_of_the_documents_is_in_the_training_pairs(pairs, documents):
    trained = {pair["en"] for pair in pairs}
    assert not trained & {pair["en"] for pair in reference((d for _, d in documents), random.Random(3), 80)}


def test_truth_has_each_sentence_in_order(documents):
    rows = list(truth(documents))
    assert [row["en"] for row in rows] == [s.en.text for _, document in documents for s in document.sentences]
    assert rows[0]["document"] == "pubmed-0"
