"""Spans of characters: checked against their text, made flat, and turned into tags of tokens and back (IOB2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gmlm.errors import LabelError
from gmlm.finetuning.examples import Span
from gmlm.finetuning.intake import Intake

OUTSIDE = "O"
Offsets = tuple[int, int]
"""First character of a token and the one behind its last."""


def trimmed(span: Span, text: str, *, where: str) -> Span:
    """The span without white space at its ends, which no tokenizer can mark.

    Raises:
        LabelError: It lies outside the text, or holds nothing but white space.
    """
    fix = "offsets count Unicode characters from 0, 'end' is exclusive"
    if not 0 <= span.start < span.end <= len(text):
        what = f"span {span.start}-{span.end} ({span.label}) is empty or outside the text of {len(text)} characters"
        raise LabelError(what, where=where, fix=fix)
    marked = text[span.start : span.end]
    start = span.start + len(marked) - len(marked.lstrip())
    end = span.end - (len(marked) - len(marked.rstrip()))
    if start >= end:
        raise LabelError(f"span {span.start}-{span.end} ({span.label}) holds white space only", where=where, fix=fix)
    return Span(start, end, span.label)


def flatten(spans: Iterable[Span], intake: Intake, level: int = 1) -> tuple[Span, ...]:
    """The spans of one level of those that nest or overlap; all others are counted.

    Level 1 has the longest spans (the first of equally long ones), level 2 the longest of what level 1 left, and so on:
    the layers of Alex, Haddow and Grover (2007), outermost first, each of which tags of tokens can render.
    """
    layers: list[list[Span]] = [[] for _ in range(level)]
    for span in sorted(set(spans), key=lambda span: (span.start - span.end, span)):
        rivals = [_rival(span, layer) for layer in layers]
        if None in rivals:
            layers[rivals.index(None)].append(span)
        else:
            rival = rivals[-1]
            assert rival is not None
            nested = rival.start <= span.start and span.end <= rival.end
            intake.leave_out("nested spans" if nested else "overlapping spans")
    for layer in layers[:-1]:
        intake.leave_out("spans of outer levels", len(layer))
    return tuple(sorted(layers[-1]))


def _rival(span: Span, layer: Iterable[Span]) -> Span | None:
    return next((other for other in layer if span.start < other.end and other.start < span.end), None)


def tag_names(labels: Sequence[str]) -> list[str]:
    """The IOB2 tags of some labels: `O`, then `B-` and `I-` of each."""
    return [OUTSIDE, *(f"{prefix}-{label}" for label in labels for prefix in "BI")]


def encode_spans(spans: Iterable[Span], offsets: Sequence[Offsets]) -> tuple[list[str], int]:
    """One IOB2 tag a token, and how many spans the tokens cannot render.

    A span can be rendered when it starts where a token starts and ends where a token ends, and no other span has
    taken its tokens. One that cannot still tags the tokens that it touches, if they are free: the nearest target.
    """
    tags, unplaceable = [OUTSIDE] * len(offsets), 0
    for span in sorted(spans):
        touched = [i for i, (start, end) in enumerate(offsets) if start < span.end and end > span.start and end > start]
        free = [i for i in touched if tags[i] == OUTSIDE]
        exact = bool(touched) and offsets[touched[0]][0] == span.start and offsets[touched[-1]][1] == span.end
        unplaceable += not exact or free != touched
        for position, token in enumerate(free):
            tags[token] = f"{'I' if position else 'B'}-{span.label}"
    return tags, unplaceable


def decode_spans(tags: Sequence[str], offsets: Sequence[Offsets]) -> tuple[Span, ...]:
    """The spans of a valid IOB2 sequence: from the first character of `B-` to the last of its `I-`."""
    spans: list[Span] = []
    for tag, (start, end) in zip(tags, offsets, strict=True):
        prefix, _, label = tag.partition("-")
        if prefix == "B":
            spans.append(Span(start, end, label))
        elif prefix == "I":
            spans[-1] = Span(spans[-1].start, end, label)
    return tuple(spans)
