from __future__ import annotations

import pytest

from gmlm.corpus.readers import BadRecord, Record
from gmlm.errors import DataFormatError

ABSTRACT = "<Abstract><AbstractText>Plain abstract.</AbstractText></Abstract>"


def citation(pmid: str = "1", abstract: str = ABSTRACT, title: str = "A title.", extra: str = "") -> str:
    return (
        f'<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID><Article><Journal><JournalIssue><PubDate>'
        f"<Year>2020</Year></PubDate></JournalIssue><Title>J Test</Title></Journal><ArticleTitle>{title}</ArticleTitle>"
        f"{abstract}<Language>eng</Language></Article>{extra}</MedlineCitation></PubmedArticle>"
    )


def article_set(*citations: str, doctype: str = "") -> str:
    return f'<?xml version="1.0"?>{doctype}<PubmedArticleSet>{"".join(citations)}</PubmedArticleSet>'


def test_title_and_abstract_are_the_text(write_file, read_all):
    (record,) = read_all(write_file("a.xml", article_set(citation("42"))), reader="pubmed_xml")
    meta = {"journal": "J Test", "year": "2020", "language": "eng"}
    text = "A title.\n\nPlain abstract."
    assert record == Record("PMID 42", "42", text, meta, revises="42", version=(1 << 32) + 1)


def test_labels_of_a_structured_abstract_become_headings(write_file, read_all):
    abstract = (
        '<Abstract><AbstractText Label="BACKGROUND">Why.</AbstractText><AbstractText Label="UNLABELLED">What.'
        "</AbstractText><AbstractText/><CopyrightInformation>Someone's</CopyrightInformation></Abstract>"
    )
    (record,) = read_all(write_file("a.xml", article_set(citation(abstract=abstract))), reader="pubmed_xml")
    assert record.text == "A title.\n\nBACKGROUND\nWhy.\n\nWhat."


def test_markup_entities_and_pretty_printing_leave_only_text(write_file, read_all):
    text = "Of <i>E. coli</i> &lt;5 &#946;\n\t\t<sub>2</sub>-agonists at 10<sup>6</sup>\n  units &amp;<!-- no --> more."
    abstract = f"<Abstract><AbstractText>{text}</AbstractText></Abstract>"
    (record,) = read_all(write_file("a.xml", article_set(citation(abstract=abstract))), reader="pubmed_xml")
    assert record.text.endswith("\n\nOf E. coli <5 β2-agonists at 106 units & more.")


def test_mesh_descriptors_are_kept_as_metadata(write_file, read_all):
    mesh = "".join(
        f"<MeshHeading><DescriptorName>{name}</DescriptorName><QualifierName>q</QualifierName></MeshHeading>"
        for name in ("Asthma", "Adult")
    )
    path = write_file("a.xml", article_set(citation(extra=f"<MeshHeadingList>{mesh}</MeshHeadingList>")))
    assert read_all(path, reader="pubmed_xml")[0].meta["mesh"] == "Asthma; Adult"


def test_citations_without_abstract_or_pmid_are_rejected_and_the_rest_is_read(write_file, read_all):
    path = write_file("a.xml.gz", article_set(citation("1", abstract=""), citation(""), citation("3")))
    first, second, third = read_all(path, reader="pubmed_xml")
    assert first == BadRecord("PMID 1", "no abstract", fault=False)
    assert second == BadRecord("article 2", "PMID missing")
    assert third.id == "3"


def test_the_first_pmid_is_the_articles_own_not_one_that_it_comments_on(write_file, read_all):
    extra = (
        "<CommentsCorrectionsList><CommentsCorrections><PMID>9</PMID></CommentsCorrections></CommentsCorrectionsList>"
    )
    (record,) = read_all(write_file("a.xml", article_set(citation("5", extra=extra))), reader="pubmed_xml")
    assert record.id == "5"


def test_external_entities_are_not_read_and_expansion_bombs_not_expanded(write_file, read_all, tmp_path):
    (tmp_path / "secret").write_text("SECRET")
    doctype = (
        f'<!DOCTYPE PubmedArticleSet [<!ENTITY x SYSTEM "file://{tmp_path}/secret"><!ENTITY a "bomb">'
        '<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    )
    abstract = "<Abstract><AbstractText>Before &x;&b; after.</AbstractText></Abstract>"
    path = write_file("a.xml", article_set(citation(abstract=abstract), doctype=doctype))
    assert read_all(path, reader="pubmed_xml")[0].text == "A title.\n\nBefore after."


def test_malformed_xml_is_named_with_its_line(write_file, read_all):
    path = write_file("a.xml", article_set(citation()).replace("</Abstract>", "\n</Abstrakt>"))
    with pytest.raises(DataFormatError, match=r"a\.xml, line 2, column \d+: malformed XML"):
        read_all(path, reader="pubmed_xml")


def test_xml_that_ends_early_is_malformed_after_its_records_were_read(write_file, run_ingest):
    path = write_file("a.xml", article_set(citation()).removesuffix("</PubmedArticleSet>"))
    with pytest.raises(DataFormatError, match="malformed XML"):
        run_ingest(path, reader="pubmed_xml")


def test_a_truncated_gzip_file_is_named(write_file, run_ingest):
    path = write_file("a.xml.gz", article_set(*(citation(str(n)) for n in range(2000))))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataFormatError, match=r"a\.xml\.gz: the gzip file is truncated"):
        run_ingest(path, reader="pubmed_xml")


def test_a_file_named_gz_that_is_not_packed_is_named(write_file, run_ingest):
    path = write_file("a.xml.gz", "")
    path.write_text(article_set(citation()))
    with pytest.raises(DataFormatError, match="not a sound gzip file"):
        run_ingest(path, reader="pubmed_xml")


def test_citations_without_abstract_do_not_count_as_faults_of_the_file(write_file, run_ingest):
    path = write_file("a.xml", article_set(citation("1"), *(citation(str(n), abstract="") for n in range(2, 12))))
    manifest, documents = run_ingest(path, reader="pubmed_xml", max_rejected_ratio=0)
    assert manifest.counters == {"in": 11, "out": 1, "rejected": 10, "rejected: no abstract": 10}
    assert [document.id for document in documents] == ["1"]


def test_memory_is_freed_behind_each_article(write_file):
    from gmlm.corpus.readers.record import InputFile
    from gmlm.corpus.readers.xml import stream_elements

    path = write_file("a.xml.gz", article_set(*(citation(str(n)) for n in range(500))))
    for article in stream_elements(InputFile(path, path.name), ("PubmedArticle",)):
        assert len(list(article.itersiblings(preceding=True))) <= 1


def test_of_a_citation_in_several_files_the_newest_is_kept_and_the_others_are_no_fault(write_file, run_ingest):
    write_file("pubmed25n0001.xml", article_set(citation("1", title="Old."), citation("2", title="Other.")))
    write_file("pubmed25n1275.xml.gz", article_set(citation("1", title="Revised.")))
    manifest, documents = run_ingest("raw", reader="pubmed_xml", max_rejected_ratio=0)
    assert {document.id: document.text.split("\n")[0] for document in documents} == {"1": "Revised.", "2": "Other."}
    assert manifest.counters["rejected: id occurred before"] == 1


def other(text: str, language: str = "ger", kind: str = "Publisher") -> str:
    return (
        f'<OtherAbstract Type="{kind}" Language="{language}"><AbstractText Label="HINTERGRUND">{text}</AbstractText>'
        "</OtherAbstract>"
    )


def german(pmid: str, text: str = "Ein Befund.", vernacular: str = "Ein Titel.") -> str:
    article = citation(pmid, extra=other(text) + other("Un r&#233;sum&#233;.", "fre"), title="[A title].")
    article = article.replace("<Language>eng", "<Language>ger")
    return article.replace("</Article>", f"<VernacularTitle>{vernacular}</VernacularTitle></Article>")


def test_a_german_source_holds_the_german_abstracts_of_the_same_files(write_file, run_ingest):
    path = write_file("a.xml", article_set(citation("1"), german("2"), citation("3", extra=other("Übersetzt."))))
    manifest, documents = run_ingest(path, reader="pubmed_xml", language="de", max_rejected_ratio=0)
    assert {document.id: document.text for document in documents} == {
        "2": "Ein Titel.\n\nHINTERGRUND\nEin Befund.",
        "3": "HINTERGRUND\nÜbersetzt.",
    }
    assert {document.language for document in documents} == {"de"}
    assert manifest.counters == {"in": 3, "out": 2, "rejected": 1, "rejected: no German abstract": 1}
    # Nearly all of PubMed has none: counted, not listed.
    assert [entry.path for entry in manifest.files] == ["documents/00000.parquet"]


def test_an_english_source_holds_further_english_abstracts_and_no_others(write_file, run_ingest):
    extra = other("In plain words.", "eng", "plain-language-summary") + other("Auf Deutsch.")
    path = write_file("a.xml", article_set(citation("1", extra=extra), german("2")))
    _, documents = run_ingest(path, reader="pubmed_xml")
    assert [(document.id, document.text.split("\n")[-1]) for document in documents] == [
        ("1", "Plain abstract."),
        ("1-2", "In plain words."),
        ("2", "Plain abstract."),
    ]
    assert documents[1].meta["type"] == "plain-language-summary"


def deletion(*pmids: str) -> str:
    return "<DeleteCitation>" + "".join(f'<PMID Version="1">{pmid}</PMID>' for pmid in pmids) + "</DeleteCitation>"


def test_deleted_citations_are_left_out_unless_a_later_file_brings_them_back(write_file, run_ingest):
    write_file("pubmed25n0001.xml", article_set(*(citation(pmid) for pmid in "1234")))
    write_file("pubmed25n1275.xml", article_set(citation("5"), citation("6"), deletion("1", "2", "5", "99")))
    write_file("pubmed25n1276.xml.gz", article_set(citation("2", title="Back."), deletion("3")))
    manifest, documents = run_ingest("raw", reader="pubmed_xml", max_rejected_ratio=0)
    assert {document.id: document.text.split("\n")[0] for document in documents} == {
        "2": "Back.",
        "4": "A title.",
        "6": "A title.",
    }
    assert manifest.counters == {
        "in": 7,
        "out": 3,
        "rejected": 4,
        "rejected: deleted by a later file": 3,
        "rejected: id occurred before": 1,
    }


def test_the_newest_version_of_a_citation_within_a_file_wins_with_all_its_abstracts(write_file, run_ingest):
    extra = other("More.", "eng", "plain-language-summary")
    second = citation("1", title="Second.", extra=extra).replace('Version="1"', 'Version="2"')
    repeated = [citation("2", title="Early."), citation("2", title="Late.")]
    path = write_file("a.xml", article_set(second, citation("1", title="First.", extra=extra), *repeated))
    manifest, documents = run_ingest(path, reader="pubmed_xml")
    assert [(document.id, document.text.split("\n")[0]) for document in documents] == [
        ("1", "Second."),
        ("1-2", "Second."),
        ("2", "Late."),
    ]
    assert manifest.counters["rejected: id occurred before"] == 3


def test_a_revision_may_take_an_abstract_away(write_file, run_ingest):
    extra = other("More.", "eng", "plain-language-summary")
    write_file("n1.xml", article_set(citation("1", extra=extra)))
    write_file("n2.xml", article_set(citation("1", title="Revised.")))
    _, documents = run_ingest("raw", reader="pubmed_xml")
    assert [(document.id, document.text.split("\n")[0]) for document in documents] == [("1", "Revised.")]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_revisions_and_deletions_do_not_depend_on_processes(write_file, run_ingest, monkeypatch, workers):
    monkeypatch.setenv("GMLM_WORKERS", workers)
    for number in range(4):
        pmids = [str(pmid) for pmid in range(number, 12, number + 1)]
        write_file(f"n{number}.xml", article_set(*(citation(p, title=f"T{number}.") for p in pmids), deletion("11")))
    _, documents = run_ingest("raw", reader="pubmed_xml")
    titles = {document.id: document.text.split(".")[0] for document in documents}
    assert titles == {
        str(pmid): f"T{max(n for n in range(4) if pmid >= n and (pmid - n) % (n + 1) == 0)}" for pmid in range(11)
    }
