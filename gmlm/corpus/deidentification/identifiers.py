"""What identifies a person in a text: stretches of it, each of a kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import get_args

from gmlm.config.corpora import IdentifierKind

KINDS: tuple[IdentifierKind, ...] = get_args(IdentifierKind)


@dataclass(frozen=True, order=True)
class Identifier:
    """Characters `start` to `end` of a text, of one kind; of an address, `part` says which part of it."""

    start: int
    end: int
    kind: IdentifierKind
    part: str = ""


def without_overlaps(found: Iterable[Identifier], text: str) -> list[Identifier]:
    """The identifiers in order; where some overlap the longest stays, and of the others what stands out beside it."""
    chosen: list[Identifier] = []
    for each in sorted(found, key=lambda each: (each.start - each.end, each.start)):
        chosen += _beside(each, chosen, text)
    return sorted(chosen)


def _beside(one: Identifier, others: Iterable[Identifier], text: str) -> list[Identifier]:
    """The parts of an identifier that no other covers, without those that hold no letter or digit."""
    parts = [one]
    for other in others:
        if other.start < one.end and one.start < other.end:
            ends = [(part.start, min(part.end, other.start), part) for part in parts]
            starts = [(max(part.start, other.end), part.end, part) for part in parts]
            parts = [replace(part, start=start, end=end) for start, end, part in ends + starts if start < end]
    return [part for part in parts if any(character.isalnum() for character in text[part.start : part.end])]
