"""Abstracts of the world as PubMed XML (the National Library of Medicine's PubmedArticleSet)."""

from __future__ import annotations

import gzip
import random
from collections.abc import Sequence

from lxml import etree

from gmlm.demo.documents import Document, Section
from gmlm.demo.templates import headings

_FIRST_PMID = 90_000_001
_JOURNALS = ("Journal of Invented Medicine", "Annals of Generated Cases", "The Synthetic Clinician")
_DOCTYPE = (
    '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN" '
    '"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">'
)


def pubmed_xml(abstracts: Sequence[Document], *, first: int, choose: random.Random) -> bytes:
    """A gzipped file of abstracts; `first` is the number of its first abstract among all."""
    root = etree.Element("PubmedArticleSet")
    for number, abstract in enumerate(abstracts, start=first):
        _add_article(root, _FIRST_PMID + number, abstract, choose)
    xml = etree.tostring(root, xml_declaration=True, encoding="utf-8", doctype=_DOCTYPE, pretty_print=True)
    return gzip.compress(xml, mtime=0)


def title(abstract: Document) -> str:
    """The title of an abstract: its last section's last sentence."""
    return abstract.sections[-1].sentences[-1].en.text


def body(abstract: Document) -> Document:
    """The abstract without the sentence that is its title."""
    *others, last = abstract.sections
    rest = Section(last.key, last.sentences[:-1])
    return Document(abstract.type, (*others, rest) if rest.sentences else tuple(others))


def _add_article(root: etree._Element, pmid: int, abstract: Document, choose: random.Random) -> None:
    entry = etree.SubElement(root, "PubmedArticle")
    citation = etree.SubElement(entry, "MedlineCitation", Status="MEDLINE", Owner="NLM")
    _text(citation, "PMID", str(pmid), Version="1")
    article = etree.SubElement(citation, "Article", PubModel="Print")
    journal = etree.SubElement(article, "Journal")
    issue = etree.SubElement(journal, "JournalIssue", CitedMedium="Internet")
    _text(etree.SubElement(issue, "PubDate"), "Year", str(choose.randint(1998, 2024)))
    _text(journal, "Title", choose.choice(_JOURNALS))
    _text(article, "ArticleTitle", title(abstract))
    text = etree.SubElement(article, "Abstract")
    for section in body(abstract).sections:
        label = headings()[section.key].en
        sentences = " ".join(sentence.en.text for sentence in section.sentences)
        _text(text, "AbstractText", sentences, Label=label, NlmCategory=label)
    _text(article, "Language", "eng")
    _add_headings(citation, abstract)
    data = etree.SubElement(entry, "PubmedData")
    _text(etree.SubElement(data, "ArticleIdList"), "ArticleId", str(pmid), IdType="pubmed")


def _add_headings(citation: etree._Element, abstract: Document) -> None:
    names = {span.term.en for sentence in abstract.sentences for span in sentence.en.spans}
    terms = etree.SubElement(citation, "MeshHeadingList")
    for name in ["Humans", *sorted(name[:1].upper() + name[1:] for name in names)]:
        _text(etree.SubElement(terms, "MeshHeading"), "DescriptorName", name, MajorTopicYN="N")


def _text(parent: etree._Element, tag: str, text: str, **attributes: str) -> None:
    etree.SubElement(parent, tag, attributes).text = text
