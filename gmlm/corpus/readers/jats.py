"""Full-text articles in JATS (PubMed Central): title, abstract and body.

Format: jats.nlm.nih.gov/archiving/tag-library
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gmlm.config.corpora import SourceConfig
from gmlm.corpus.readers.fields import JOINT
from gmlm.corpus.readers.record import BadRecord, InputFile, Record
from gmlm.corpus.readers.xml import Element, children, flat_text, local_name, stream_elements

CONTAINERS = frozenset(
    {"sec", "list", "list-item", "boxed-text", "disp-quote", "statement", "def-list", "def-item", "def"}
)
"""Elements whose paragraphs belong to the running text."""
NOISE = frozenset(
    {"table-wrap", "fig", "fig-group", "disp-formula", "fn", "supplementary-material", "graphic", "media"}
)
"""Elements within a paragraph that are no running text."""

_CITATION = "\x00"
"""Stands for a citation number while the text around it is tidied; XML cannot hold this character."""
_IS_NUMBER = re.compile(r"[\d\s,;–\[\]()-]*")
_CITATIONS = "\x00(?:[\\s,;–-]*\x00)*"
_CITATIONS_IN_TEXT = re.compile(rf"\s*[\[(]\s*{_CITATIONS}\s*[\])]|\s*{_CITATIONS}")


def read_jats(file: InputFile, source: SourceConfig) -> Iterator[Record | BadRecord]:
    """One record an article: headings and paragraphs, without references, tables, figures and citation numbers.

    The id is the PMC id, else PMID or DOI. Metadata: `pmid`, `doi`, `journal`.
    """
    for number, article in enumerate(stream_elements(file, ("article",)), start=1):
        yield _record(article, f"article {number}")


def _record(article: Element, position: str) -> Record | BadRecord:
    front = next(article.iter("{*}article-meta"), None)
    ids = {} if front is None else {item.get("pub-id-type"): flat_text(item) for item in children(front, "article-id")}
    identity = _pmc_id(ids) or ids.get("pmid") or ids.get("doi")
    if front is None or not identity:
        return BadRecord(position, "article id missing")
    title = next(front.iter("{*}article-title"), None)
    blocks = [_paragraph(title)] if title is not None else []
    for part in (*_main_abstracts(front), *children(article, "body")):
        blocks.extend(_blocks(part))
    if len(blocks) <= 1:
        return BadRecord(identity, "no text", fault=False)
    journal = next(article.iter("{*}journal-title"), None)
    meta = {"pmid": ids.get("pmid"), "doi": ids.get("doi"), "journal": None if journal is None else flat_text(journal)}
    return Record(identity, identity, JOINT.join(blocks), {name: value for name, value in meta.items() if value})


def _pmc_id(ids: dict[str, str]) -> str | None:
    number = ids.get("pmcid") or ids.get("pmc")
    return number and f"PMC{number.removeprefix('PMC')}"


def _main_abstracts(front: Element) -> Iterator[Element]:
    """The abstract proper; graphical abstracts, teasers and translations carry a type or another element name."""
    return (abstract for abstract in children(front, "abstract") if abstract.get("abstract-type") is None)


def _blocks(part: Element) -> Iterator[str]:
    """Headings and paragraphs in order; a heading stands on the line before its section's first paragraph."""
    heading = ""
    for block in part:
        name = local_name(block)
        if name == "title":
            heading = _paragraph(block)
            continue
        found = [_paragraph(block)] if name == "p" else _blocks(block) if name in CONTAINERS else []
        for text in found:
            if text:
                yield f"{heading}\n{text}" if heading else text
                heading = ""


def _paragraph(element: Element) -> str:
    return _CITATIONS_IN_TEXT.sub("", flat_text(element, _replacement)).strip()


def _replacement(element: Element) -> str | None:
    name = local_name(element)
    if name == "xref" and element.get("ref-type") == "bibr" and _IS_NUMBER.fullmatch(flat_text(element)):
        return _CITATION
    return " " if name in NOISE else None
