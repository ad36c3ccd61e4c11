"""PubMed citations (MEDLINE XML): titles and abstracts.

Format: www.nlm.nih.gov/bsd/licensee/elements_descriptions.html
"""

from __future__ import annotations

from collections.abc import Iterator

from gmlm.config.corpora import SourceConfig
from gmlm.corpus.readers.fields import JOINT
from gmlm.corpus.readers.record import BadRecord, Deletion, InputFile, Record
from gmlm.corpus.readers.xml import Element, children, flat_text, local_name, stream_elements

LANGUAGES = {"en": "eng", "de": "ger"}
"""PubMed's codes of the languages that a source can have."""


def read_pubmed(file: InputFile, source: SourceConfig) -> Iterator[Record | BadRecord | Deletion]:
    """One record an abstract in the source's language: title, then the abstract; its labels become headings.

    For a source in English these are `Abstract` and any `OtherAbstract` in English (such as a plain-language summary),
    for one in German the German `OtherAbstract`, under the article's title in its own language. A further abstract
    of an article has the id `PMID-2`, and so on. Update files revise citations and delete them (`DeleteCitation`).

    Metadata: `mesh` (descriptors), `journal`, `year`, `language` of the article, and of a further abstract its `type`.
    Citations without an abstract in the language are rejected, but are no fault of the file: about a third of PubMed
    has none, and few have a German one.
    """
    number = 0
    for element in stream_elements(file, ("PubmedArticle", "PubmedBookArticle", "DeleteCitation")):
        if local_name(element) == "DeleteCitation":
            yield from (Deletion(pmid) for child in children(element, "PMID") if (pmid := flat_text(child)))
            continue
        number += 1
        yield from _records(element, number, source.language)


def _records(article: Element, number: int, language: str) -> Iterator[Record | BadRecord]:
    identifier = next(article.iter("{*}PMID"), None)
    pmid = "" if identifier is None else flat_text(identifier)
    if not pmid:
        yield BadRecord(f"article {number}", "PMID missing")
        return
    position, version = f"PMID {pmid}", _version(identifier, number)
    records = list(_abstracts(article, language))
    for count, (text, kind) in enumerate(records, start=1):
        meta = _meta(article) | ({"type": kind} if kind else {})
        yield Record(position, pmid if count == 1 else f"{pmid}-{count}", text, meta, revises=pmid, version=version)
    if not records:
        german = language == "de"
        yield BadRecord(position, "no German abstract" if german else "no abstract", fault=False, listed=not german)


def _version(identifier: Element, number: int) -> int:
    """Order among the versions of a citation in one file: by its `Version`, then by its place."""
    version = identifier.get("Version", "1")
    return (int(version) if version.isdecimal() and len(version) < 6 else 1) << 32 | number


def _abstracts(article: Element, language: str) -> Iterator[tuple[str, str]]:
    """The texts of the abstracts in a language, each with its type; the main abstract of PubMed is always English."""
    found = [element for element in article.iter("{*}Abstract")][:1] if language == "en" else []
    code = LANGUAGES[language]
    found += [other for other in article.iter("{*}OtherAbstract") if other.get("Language", "").lower() == code]
    title = _title(article, language)
    for element in found:
        if parts := list(_sections(element)):
            yield JOINT.join([title, *parts] if title else parts), element.get("Type", "").strip()


def _title(article: Element, language: str) -> str:
    """The title in the language; PubMed keeps the original one of a German article as its vernacular title."""
    if language == "en":
        return _first(article, "ArticleTitle") or _first(article, "BookTitle")
    return _first(article, "VernacularTitle") if _first(article, "Language").lower() == LANGUAGES[language] else ""


def _sections(abstract: Element) -> Iterator[str]:
    for section in children(abstract, "AbstractText"):
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
