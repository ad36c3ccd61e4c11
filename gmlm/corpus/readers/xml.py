"""Safe, streaming XML: no external entities, no network, no document type definitions, libxml2's size limits kept."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree

from gmlm.corpus.readers.record import BLOCK, InputFile

Element = Any
"""An lxml element; lxml has no types."""

SAFE = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
"""Parser settings: entities stay references, so neither files nor addresses nor expansion bombs are followed."""

_LAYOUT_BEFORE_INDEX = re.compile(r"\s*\n\s*$")
_SPACES = re.compile(r"\s+")


def stream_elements(file: InputFile, tags: tuple[str, ...]) -> Iterator[Element]:
    """Yield each element with one of the local names when it is complete, then free its memory.

    Raises:
        DataFormatError: The XML is not well formed; it names line and column.
    """
    parser = etree.XMLPullParser(events=("end",), tag=tuple(f"{{*}}{tag}" for tag in tags), **SAFE)
    try:
        with file.open_binary() as stream:
            for block in iter(lambda: stream.read(BLOCK), b""):
                parser.feed(block)
                yield from _completed(parser)
        parser.close()
        yield from _completed(parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        fix = "the file is damaged or cut off; fetch it again"
        raise file.fault("malformed XML", fix, f"line {line}, column {column}") from None


def _completed(parser: etree.XMLPullParser) -> Iterator[Element]:
    for _, element in parser.read_events():
        yield element
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


def local_name(element: Element) -> str:
    """The element's name without its namespace; empty for comments, entities and processing instructions."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def children(element: Element, *names: str) -> Iterator[Element]:
    """The children with one of the local names."""
    return (child for child in element if local_name(child) in names)


def flat_text(element: Element, replacement: Callable[[Element], str | None] = lambda _: None) -> str:
    """The text of an element and all within it, markup removed, each run of white space one space.

    Line breaks that pretty-printing put before a `sub` or `sup` are removed, and named entities of HTML resolved.

    Args:
        element: Where the text is taken from.
        replacement: What to put in the place of an inner element; None takes its text.
    """
    return _SPACES.sub(" ", "".join(_pieces(element, replacement))).strip()


def _pieces(element: Element, replacement: Callable[[Element], str | None]) -> Iterator[str]:
    text = element.text or ""
    for child in element:
        name = local_name(child)
        yield _LAYOUT_BEFORE_INDEX.sub("", text) if name in ("sub", "sup") else text
        if child.tag is etree.Entity:
            yield _named_character(child.text)
        elif name:
            replaced = replacement(child)
            yield from _pieces(child, replacement) if replaced is None else (replaced,)
        text = child.tail or ""
    yield text


def _named_character(reference: str) -> str:
    character = html.unescape(reference)
    return "" if character == reference else character
