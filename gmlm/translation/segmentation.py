"""Sentence segmentation of English and German clinical text that can be inverted exactly.

Rules and abbreviation lists rather than a model: clinical notes are full of "b.i.d.", "Z. n.", headings without a full
stop, list items and de-identification placeholders, on which general splitters fail. A segment ends at a sentence
boundary or a line break; what lies between two segments (white space, list marks) is layout and is never translated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from gmlm.translation.abbreviations import (
    BEFORE_NUMBER,
    LETTERED_THINGS,
    NEVER_FINAL,
    PERHAPS_FINAL,
    SENTENCE_STARTERS_DE,
    Language,
)

LIST_MARK = r"(?:[-*•·–#>]+|\(?\d{1,2}[.)](?!\d)|\(?[a-z]\))"
LIST_MARKS = re.compile(rf"(?:{LIST_MARK}\s+)*")
WHITE_SPACE = re.compile(r"\s+")
LINE_END = re.compile(r"\r\n|\r|\n")
SENTENCE_END = re.compile(r"(?<![.!?…])([.!?…]+)[\"'”’“»«)\]]*(\s+)(?=\S)")
PLACEHOLDER = re.compile(r"\[\*\*.{0,200}?\*\*\]", re.DOTALL)
LAST_TOKEN = re.compile(r"[^\s(\[\"'„“«»,;]*\Z")

Span = tuple[int, int]


class Segment(NamedTuple):
    """A piece of text to translate and the layout that follows it. Both may be empty at the edges of a text."""

    text: str
    separator: str


def segment(text: str, language: Language) -> list[Segment]:
    """Cut a text into segments; `"".join(s.text + s.separator for s in segments)` is the text again, byte for byte.

    Segments have no white space at their ends. Layout before the first sentence becomes a segment with empty text.
    """
    segments, start = list[Segment](), 0
    for begin, end in _merged(_separators(text, language)):
        if begin > start or end > begin:
            segments.append(Segment(text[start:begin], text[begin:end]))
        start = end
    if start < len(text):
        segments.append(Segment(text[start:], ""))
    return segments


def join(segments: list[Segment]) -> str:
    """The text that the segments were cut from, or its translation in the same layout."""
    return "".join(part for piece in segments for part in piece)


def _separators(text: str, language: Language) -> list[Span]:
    """Spans of layout, sorted by position; they may touch."""
    spans = list(_edges(text))
    held = [match.span() for match in PLACEHOLDER.finditer(text)]
    wrapped = _is_hard_wrapped(text)
    spans += [s for s in _line_breaks(text, wrapped=wrapped) if not _within(s[0], held)]
    spans += [s for s in _sentence_ends(text, language) if not _within(s[0], held)]
    return sorted(spans)


def _edges(text: str) -> Iterator[Span]:
    """Layout before the first word and after the last."""
    first = len(text) - len(text.lstrip())
    if (marks := LIST_MARKS.match(text, first)) and marks.end():
        yield 0, marks.end()
    if (last := len(text.rstrip())) < len(text):
        yield last, len(text)


def _merged(spans: list[Span]) -> Iterator[Span]:
    """The spans with overlapping and touching ones joined."""
    current: Span | None = None
    for span in spans:
        if current is None or span[0] > current[1]:
            if current is not None:
                yield current
            current = span
        else:
            current = (current[0], max(current[1], span[1]))
    if current is not None:
        yield current


def _within(position: int, spans: list[Span]) -> bool:
    return any(begin < position < end for begin, end in spans)


def _line_breaks(text: str, *, wrapped: bool) -> Iterator[Span]:
    """White space that holds the end of a line, with the list marks that follow it."""
    for match in WHITE_SPACE.finditer(text):
        breaks = len(LINE_END.findall(match.group()))
        if not breaks:
            continue
        marks = LIST_MARKS.match(text, match.end())
        end = marks.end() if marks else match.end()
        if breaks > 1 or end > match.end() or not _is_soft(text, match.span(), wrapped=wrapped):
            yield match.start(), end


def _is_soft(text: str, layout: Span, *, wrapped: bool) -> bool:
    """Whether a line break only wraps a sentence: a long line that goes on in lower case, or any in wrapped text."""
    line = text[max(text.rfind("\n", 0, layout[0]), text.rfind("\r", 0, layout[0])) + 1 : layout[0]]
    following = text[layout[1] : layout[1] + 1]
    if len(line) < 40 or line[-1] in ".!?:;…" or not following:
        return False
    return following.islower() or (wrapped and following.isalnum())


def _is_hard_wrapped(text: str) -> bool:
    """Whether lines were broken at a fixed width: none is long, and several are near the longest."""
    lengths = [len(line) for line in text.splitlines()]
    width = max(lengths, default=0)
    return 60 <= width <= 100 and sum(length >= 0.85 * width for length in lengths) >= 3


def _sentence_ends(text: str, language: Language) -> Iterator[Span]:
    for match in SENTENCE_END.finditer(text):
        before, after = text[max(0, match.start() - 60) : match.start()], text[match.end() : match.end() + 40]
        if after[0].islower():
            continue
        if match.group(1) == "." and not _stop_is_final(before, after, language):
            continue
        yield match.span(2)


def _stop_is_final(before: str, after: str, language: Language) -> bool:
    """Whether a single full stop between two texts ends a sentence, given that the next word is not in lower case."""
    found = LAST_TOKEN.search(before)
    token = found.group() if found else ""
    folded = token.lower()
    if folded in NEVER_FINAL[language]:
        return False
    if folded in PERHAPS_FINAL[language]:
        return _can_begin(after, language)
    if folded in BEFORE_NUMBER:
        return not after[0].isdigit()
    if len(token) == 1 and token.isalpha():
        words = before.split()
        return len(words) > 1 and words[-2].lower() in LETTERED_THINGS and _can_begin(after, language)
    if token.isdigit():
        return _number_is_final(before, token, after, language)
    return True


def _number_is_final(before: str, number: str, after: str, language: Language) -> bool:
    """A number with a full stop is a list mark at the start of a line, and up to two digits an ordinal in German."""
    line = before[max(before.rfind("\n"), before.rfind("\r")) + 1 :]
    if line.strip() == number and len(number) <= 2:
        return False
    return language != "de" or len(number) > 2 or _can_begin(after, language)


def _can_begin(after: str, language: Language) -> bool:
    if language == "en":
        return after[0].isupper() or after[0] in "\"'([“"
    return re.split(r"\W", after, maxsplit=1)[0] in SENTENCE_STARTERS_DE
