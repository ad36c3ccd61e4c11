"""Documents: layout, spans and the form of the English sources."""

import csv
import gzip
import io
import random

import pytest
from lxml import etree

from gmlm.demo.documents import ABSTRACT, NOTE_TYPES, render, write_document
from gmlm.demo.mimic import noteevents_csv
from gmlm.demo.pubmed import body, pubmed_xml, title
from gmlm.demo.world import World
from gmlm.translation.segmentation import segment


def document(type_="Discharge summary", seed=1):
    return write_document(World(random.Random(seed), "corpus").patient(), type_, {**NOTE_TYPES, "A": ABSTRACT}[type_])


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("type_", sorted(NOTE_TYPES))
def test_spans_of_a_document_match_its_text(type_, language):
    note = document(type_)
    text, spans = render(note, language)
    expected = [
        (getattr(s, language).text[p.start : p.end]) for s in note.sentences for p in getattr(s, language).spans
    ]
    assert [text[span.start : span.end] for span in spans] == expected
    assert spans


def test_sections_have_headings_and_lists_are_numbered():
    text, _ = render(document(), "de")
    assert "\nEntlassungsdiagnosen:\n1. " in text
    assert "\nVerlauf:\n" in text
    assert text == text.strip()


def test_headings_may_be_left_out():
    assert "Verlauf:" not in render(document(), "de", with_headings=False)[0]


def test_the_translator_meets_the_very_sentences():
    for seed in range(5):
        note = document(seed=seed)
        segments = {piece.text for piece in segment(render(note, "en")[0], "en")}
        missing = [sentence.en.text for sentence in note.sentences if sentence.en.text not in segments]
        assert not missing


def test_abstracts_are_valid_structured_pubmed_xml():
    abstracts = [document("A", seed) for seed in range(3)]
    data = pubmed_xml(abstracts, first=0, choose=random.Random(1))
    root = etree.fromstring(gzip.decompress(data))
    assert [e.text for e in root.iter("PMID")] == ["90000001", "90000002", "90000003"]
    assert [e.text for e in root.iter("ArticleTitle")] == [title(abstract) for abstract in abstracts]
    labels = [e.get("Label") for e in next(root.iter("Abstract"))]
    assert labels[:3] == ["BACKGROUND", "METHODS", "RESULTS"]
    assert all(len(list(article.iter("DescriptorName"))) > 3 for article in root)


def test_a_title_is_not_repeated_in_its_abstract():
    abstract = document("A")
    assert title(abstract) not in [sentence.en.text for sentence in body(abstract).sentences]
    assert len(body(abstract).sentences) == len(abstract.sentences) - 1


def test_notes_are_a_table_like_mimic():
    notes = [document(type_) for type_ in NOTE_TYPES]
    rows = list(csv.DictReader(io.StringIO(noteevents_csv(notes, random.Random(1)).decode())))
    assert [row["TEXT"] for row in rows] == [render(note, "en")[0] for note in notes]
    assert [row["CATEGORY"] for row in rows] == list(NOTE_TYPES)
    assert list(rows[0])[:3] == ["ROW_ID", "SUBJECT_ID", "HADM_ID"]
    assert any("\n" in row["TEXT"] for row in rows)
