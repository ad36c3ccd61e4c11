"""PubMed citations (MEDLINE XML): title and abstract.

Format: www.nlm.nih.gov/bsd/licensee/elements_descriptions.html
"""

from __future__ import annotations

from collections.abc import Iterator

from gmlm.config.corpora import SourceConfig
from gmlm.corpus.readers.fields import JOINT
from gmlm.corpus.readers.record import BadRecord, InputFile, Record
from gmlm.corpus.readers.xml import Element, children, flat_text, stream_elements


def read_pubmed(file: InputFile, source: SourceConfig) -> Iterator[Record | BadRecord]:
    """One record an article: title, then the abstract; labels of a structured abstract become headings.

    Metadata: `mesh` (descriptors), `journal`, `year`, `language` of the article. Citations without an abstract are
    rejected, but are no fault of the file: about a third of PubMed has none.
    """
    for number, article in enumerate(stream_elements(file, ("PubmedArticle", "PubmedBookArticle")), start=1):
        yield _record(article, f"article {number}")


def _record(article: Element, position: str) -> Record | BadRecord:
    pmid = _first(article, "PMID")
    if not pmid:
        return BadRecord(position, "PMID missing")
    position = f"PMID {pmid}"
    parts = list(_abstract(article))
    if not parts:
        return BadRecord(position, "no abstract", fault=False)
    title = _first(article, "ArticleTitle") or _first(article, "BookTitle")
    return Record(position, pmid, JOINT.join(part for part in (title, *parts) if part), _meta(article))


def _abstract(article: Element) -> Iterator[str]:
    abstract = next(article.iter("{*}Abstract"), None)
    for section in children(abstract, "AbstractText") if abstract is not None else ():
        if text := flat_text(section):
            label = section.get("Label", "").strip()
            yield f"{label}\n{text}" if label and label.upper() != "UNLABELLED" else text


def _meta(article: Element) -> dict[str, str]:
    meta = {
        "mesh": "; ".join(flat_text(name) for name in article.iter("{*}DescriptorName")),
        "journal": _first(next(article.iter("{*}Journal"), None), "Title"),
        "year": _first(next(article.iter("{*}PubDate"), None), "Year"),
        "language": _first(article, "Language"),
    }
    return {name: value for name, value in meta.items() if value}


def _first(element: Element | None, name: str) -> str:
    found = None if element is None else next(element.iter(f"{{*}}{name}"), None)
    return "" if found is None else flat_text(found)
