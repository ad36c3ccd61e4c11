"""Splits sentences that are longer than a model takes at clause marks, so that nothing is ever cut off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from gmlm.translation.segmentation import Segment

CLAUSE_MARK = re.compile(r"(?:[;:,)]|\s[–—-])(\s+)(?=\S)")
WHITE_SPACE = re.compile(r"(?<=\S)\s+(?=\S)")

TokenLengths = Callable[[Sequence[str]], Sequence[int]]
"""Lengths in tokens of texts."""


def split_overlong(segments: Sequence[Segment], limit: int, lengths: TokenLengths) -> list[Segment]:
    """Split every segment of more than `limit` tokens; joining the result gives the same text as before."""
    measured = lengths([piece.text for piece in segments])
    split = list[Segment]()
    for piece, length in zip(segments, measured, strict=True):
        split.extend([piece] if length <= limit else _split(piece, limit, lengths))
    return split


def _split(piece: Segment, limit: int, lengths: TokenLengths) -> Iterator[Segment]:
    if len(piece.text) < 2 or lengths([piece.text])[0] <= limit:
        yield piece
        return
    begin, end = _division(piece.text)
    yield from _split(Segment(piece.text[:begin], piece.text[begin:end]), limit, lengths)
    yield from _split(Segment(piece.text[end:], piece.separator), limit, lengths)


def _division(text: str) -> tuple[int, int]:
    """Span of layout nearest the middle: after a clause mark in the middle half, else at any white space, else none."""
    middle = len(text) // 2
    for pattern, group in ((CLAUSE_MARK, 1), (WHITE_SPACE, 0)):
        spans = [match.span(group) for match in pattern.finditer(text)]
        if group == 1:
            spans = [span for span in spans if len(text) // 4 <= span[0] <= 3 * len(text) // 4]
        if spans:
            return min(spans, key=lambda span: abs(span[0] - middle))
    return middle, middle
