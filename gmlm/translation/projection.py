"""Finds in a translation the words that a marked piece of the English text became.

Without a word aligner, and with any translator: the marked words are also translated alone, and the run of words of the
translated sentence that is most like them is taken, measured by the F1 of their character trigrams. Names, numbers and
Latin terms that stay as they are count by their English form. Of equally good runs the one nearest to where the words
stood in the English sentence is taken. The score says how sure that is; below a limit nothing is placed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"\w+(?:[-.,/'’]\w+)*|[^\w\s]")
_EDGE = re.compile(r"\w")


@dataclass(frozen=True)
class AlignedSegment:
    """A segment of both texts and where it begins in each."""

    source: str
    source_start: int
    target: str
    target_start: int

    @property
    def source_end(self) -> int:
        """End of the English segment, exclusive."""
        return self.source_start + len(self.source)


@dataclass(frozen=True)
class Placed:
    """Where marked words are in the translation, and how alike they are to the words translated alone, from 0 to 1."""

    start: int
    end: int
    score: float


def place(segments: Sequence[AlignedSegment], start: int, end: int, alone: str) -> Placed | None:
    """The place of the English characters from `start` to `end`; None where they do not lie within one segment.

    Args:
        segments: The text and its translation, aligned.
        start: First marked character of the English text.
        end: The character behind the last.
        alone: The translation of the marked words by themselves.
    """
    segment = next((each for each in segments if each.source_start <= start and end <= each.source_end), None)
    if segment is None or not segment.target.strip():
        return None
    begin, stop = start - segment.source_start, end - segment.source_start
    marked = segment.source[begin:stop]
    if marked == segment.source:
        return Placed(segment.target_start, segment.target_start + len(segment.target), 1.0)
    forms = [found for form in (alone, marked) if (found := _trigrams(form))]
    expected = (begin + stop) / 2 / len(segment.source)
    best: tuple[float, float, int, int] | None = None
    for first, last in _runs(segment.target, alone):
        found = _trigrams(segment.target[first:last])
        score = max((_f1(found, form) for form in forms), default=0.0)
        distance = abs((first + last) / 2 / len(segment.target) - expected)
        if best is None or (score, -distance) > best[:2]:
            best = score, -distance, first, last
    if best is None:
        return None
    return Placed(segment.target_start + best[2], segment.target_start + best[3], best[0])


def _runs(target: str, alone: str) -> Iterator[tuple[int, int]]:
    """Runs of words of the target of about the length of the words alone; none begins or ends with a mark."""
    words = [match.span() for match in _WORD.finditer(target)]
    longest = 2 * max(1, len(_WORD.findall(alone))) + 1
    for number, (first, _) in enumerate(words):
        if _EDGE.match(target, first):
            for _, last in words[number : number + longest]:
                if _EDGE.match(target, last - 1):
                    yield first, last


def _trigrams(text: str) -> Counter[str]:
    """Character trigrams of the words, the edges of the words marked."""
    words = (f" {word} " for word in _WORD.findall(text.casefold()))
    return Counter(word[at : at + 3] for word in words for at in range(len(word) - 2))


def _f1(one: Counter[str], other: Counter[str]) -> float:
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0
