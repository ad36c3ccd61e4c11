"""One document's way through translation: segments, their translations, what is suspicious, and the German text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from gmlm.shards import Document
from gmlm.translation.clauses import TokenLengths, split_overlong
from gmlm.translation.quality import Flag, LengthLimits, flags_of, has_letters, word_count
from gmlm.translation.segmentation import Segment, join, segment

ALIGNMENT_SCHEMA = pa.schema(
    [
        pa.field("document", pa.string(), nullable=False),
        pa.field("position", pa.int32(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("separator", pa.string(), nullable=False),
        pa.field("flags", pa.list_(pa.string()), nullable=False),
    ]
)
"""One row a segment: joining source and separator gives the English document, target and separator the German one."""


def segments_of(document: Document, limit: int, lengths: TokenLengths) -> list[Segment]:
    """The document's segments, none longer than `limit` tokens."""
    return split_overlong(segment(document.text, "en"), limit, lengths)


@dataclass(frozen=True)
class TranslatedDocument:
    """A document with its segments, their translations and flags, aligned one to one."""

    document: Document
    segments: Sequence[Segment]
    targets: Sequence[str]
    flags: Sequence[Sequence[Flag]]

    @classmethod
    def judge(
        cls, document: Document, segments: Sequence[Segment], targets: Sequence[str], limits: LengthLimits
    ) -> TranslatedDocument:
        """Flag the translations; segments that were passed through have no flags."""
        flags = [
            flags_of(piece.text, target, limits) if has_letters(piece.text) else []
            for piece, target in zip(segments, targets, strict=True)
        ]
        return cls(document, segments, targets, flags)

    @property
    def flagged_ratio(self) -> float:
        """Share of the segments with any flag among those that were translated; 0 if none was."""
        translated = sum(has_letters(piece.text) for piece in self.segments)
        return sum(map(bool, self.flags)) / translated if translated else 0.0

    def german(self, source: str, translator: str) -> Document:
        """The German document: same id and metadata, and the layout of the original."""
        pieces = zip(self.targets, self.segments, strict=True)
        text = join([Segment(target, piece.separator) for target, piece in pieces])
        meta = {**self.document.meta, "translator": translator}
        return Document(self.document.id, source, "de", text, meta)

    def alignment(self) -> Iterator[dict[str, Any]]:
        """Rows of `ALIGNMENT_SCHEMA`."""
        rows = zip(self.segments, self.targets, self.flags, strict=True)
        for position, (piece, target, flags) in enumerate(rows):
            yield {
                "document": self.document.id,
                "position": position,
                "source": piece.text,
                "target": target,
                "separator": piece.separator,
                "flags": list(flags),
            }

    def counts(self) -> Counter[str]:
        """Segments, those translated and flagged (in all and by flag), and words of both languages among them."""
        counts = Counter({"segments": len(self.segments)})
        for piece, target, flags in zip(self.segments, self.targets, self.flags, strict=True):
            if has_letters(piece.text):
                counts.update(translated=1, source_words=word_count(piece.text), target_words=word_count(target))
                counts.update(flagged=int(bool(flags)), **{f"flagged: {flag}": 1 for flag in flags})
        return counts
