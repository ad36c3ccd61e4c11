from __future__ import annotations

import pytest

from gmlm.corpus.readers import BadRecord

IDS = '<article-id pub-id-type="pmc">77</article-id><article-id pub-id-type="pmid">5</article-id>'


def article(body: str, ids: str = IDS, abstract: str = "<abstract><p>Short.</p></abstract>") -> str:
    return (
        '<!DOCTYPE article PUBLIC "-//NLM//DTD" "archivearticle.dtd"><article xmlns:xlink="http://www.w3.org/1999/xlink">'
        f"<front><journal-meta><journal-title>J Test</journal-title></journal-meta><article-meta>{ids}<title-group>"
        f"<article-title>On <italic>tests</italic></article-title></title-group>{abstract}</article-meta></front>"
        f"<body>{body}</body><back><ref-list><ref><article-title>Other</article-title></ref></ref-list></back></article>"
    )


def text_of(write_file, read_all, body: str, **parts: str) -> str:
    (record,) = read_all(write_file("a.nxml", article(body, **parts)), reader="jats")
    return record.text


def test_title_abstract_and_sections_with_headings(write_file, read_all):
    body = "<sec><title>Methods</title><p>One.</p><p>Two.</p><sec><title>Patients</title><p>Three.</p></sec></sec>"
    text = text_of(write_file, read_all, body)
    assert text == "On tests\n\nShort.\n\nMethods\nOne.\n\nTwo.\n\nPatients\nThree."


def test_id_and_metadata(write_file, read_all):
    (record,) = read_all(write_file("a.nxml", article("<p>One.</p>")), reader="jats")
    assert (record.id, record.meta) == ("PMC77", {"pmid": "5", "journal": "J Test"})


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ('<article-id pub-id-type="pmcid">PMC8</article-id>', "PMC8"),
        ('<article-id pub-id-type="pmid">5</article-id>', "5"),
        ('<article-id pub-id-type="doi">10.1/x</article-id>', "10.1/x"),
    ],
)
def test_the_id_is_that_of_pmc_else_pmid_else_doi(write_file, read_all, ids, expected):
    (record,) = read_all(write_file("a.nxml", article("<p>One.</p>", ids=ids)), reader="jats")
    assert record.id == expected


def test_tables_figures_and_formulas_are_left_out_and_lists_are_kept(write_file, read_all):
    body = (
        "<sec><title>Results</title><table-wrap><caption><p>Table.</p></caption></table-wrap><fig><caption><p>Figure."
        "</p></caption></fig><p>Seen<disp-formula>x=1</disp-formula>then.</p><list><list-item><p>First.</p></list-item>"
        "</list></sec>"
    )
    assert text_of(write_file, read_all, body).endswith("Results\nSeen then.\n\nFirst.")


CITATION = '<xref ref-type="bibr" rid="B1">{}</xref>'


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (f"Known [{CITATION.format(1)},{CITATION.format(2)}].", "Known."),
        (f"Known {CITATION.format('[1]')}–{CITATION.format('[5]')}.", "Known."),
        (f"Known<sup>{CITATION.format(1)}</sup> since.", "Known since."),
        (f"As {CITATION.format('Smith et al. (2001)')} say.", "As Smith et al. (2001) say."),
        ('See <xref ref-type="fig" rid="F1">Figure 1</xref>.', "See Figure 1."),
        ("Ranges of 3–5 [mg] and (2, 3).", "Ranges of 3–5 [mg] and (2, 3)."),
    ],
)
def test_citation_numbers_are_removed_with_their_brackets(write_file, read_all, sentence, expected):
    assert text_of(write_file, read_all, f"<p>{sentence}</p>").endswith(f"\n\n{expected}")


def test_teasers_and_graphical_abstracts_are_left_out(write_file, read_all):
    abstract = '<abstract abstract-type="graphical"><p>No.</p></abstract><abstract><p>Yes.</p></abstract>'
    assert text_of(write_file, read_all, "<p>Body.</p>", abstract=abstract) == "On tests\n\nYes.\n\nBody."


def test_articles_without_id_or_without_text_are_rejected(write_file, read_all):
    assert read_all(write_file("a.nxml", article("<p>x</p>", ids="")), reader="jats") == [
        BadRecord("article 1", "article id missing")
    ]
    (bad,) = read_all(write_file("b.nxml", article("", abstract="")), reader="jats")
    assert (bad.position, bad.reason) == ("PMC77", "no text")


def test_an_undefined_entity_of_the_document_type_is_resolved_where_html_knows_it(write_file, read_all):
    assert text_of(write_file, read_all, "<p>5&nbsp;mg &alpha;&unknown;.</p>").endswith("5 mg α.")
