"""One document's way through translation: segments, their translations, what is suspicious, and the German text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from gmlm.shards import TRANSLATION_QUALITY, Document
from gmlm.translation.assessment import assess
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

SCORED_SCHEMA = ALIGNMENT_SCHEMA.append(pa.field("score", pa.float32()))
"""With the score of each segment; null where there was nothing to translate. Further opinions are columns like it."""


def segments_of(document: Document, limit: int, lengths: TokenLengths) -> list[Segment]:
    """The document's segments, none longer than `limit` tokens."""
    return split_overlong(segment(document.text, "en"), limit, lengths)


@dataclass(frozen=True)
class TranslatedDocument:
    """A document with its segments, their translations, flags and (where asked for) scores, aligned one to one.

    `opinions` are further scores by name.
    """

    document: Document
    segments: Sequence[Segment]
    targets: Sequence[str]
    flags: Sequence[Sequence[Flag]]
    scores: Sequence[float | None] | None = None
    opinions: Mapping[str, Sequence[float | None]] = field(default_factory=dict)

    @classmethod
    def score(
        cls, document: Document, segments: Sequence[Segment], targets: Sequence[str], limits: LengthLimits
    ) -> TranslatedDocument:
        """Flag the translations by all checks, and score them; segments that were passed through have neither."""
        found = [
            assess(piece.text, target, limits) if has_letters(piece.text) else None
            for piece, target in zip(segments, targets, strict=True)
        ]
        flags = [each.flags if each else () for each in found]
        return cls(document, segments, targets, flags, [each.score if each else None for each in found])

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

    @property
    def quality(self) -> float | None:
        """Mean score of the segments, weighted by their words; None without scores, 1 if none was translated."""
        return None if self.scores is None else self._mean(self.scores)

    def _mean(self, scores: Sequence[float | None]) -> float:
        scored = zip(self.segments, scores, strict=True)
        weights = [(word_count(piece.text), score) for piece, score in scored if score is not None]
        total = sum(words for words, _ in weights)
        return sum(words * score for words, score in weights) / total if total else 1.0

    def german(self, source: str, translator: str) -> Document:
        """The German document: same id and metadata, and the layout of the original."""
        pieces = zip(self.targets, self.segments, strict=True)
        text = join([Segment(target, piece.separator) for target, piece in pieces])
        meta = {**self.document.meta, "translator": translator}
        if (quality := self.quality) is not None:
            meta[TRANSLATION_QUALITY] = f"{quality:.4f}"
        meta |= {name: f"{self._mean(values):.4f}" for name, values in self.opinions.items()}
        return Document(self.document.id, source, "de", text, meta)

    def alignment(self) -> Iterator[dict[str, Any]]:
        """Rows of `ALIGNMENT_SCHEMA`, or of `SCORED_SCHEMA` where there are scores."""
        scores = self.opinions if self.scores is None else {"score": self.scores, **self.opinions}
        for position, (piece, target, flags) in enumerate(zip(self.segments, self.targets, self.flags, strict=True)):
            yield {
                "document": self.document.id,
                "position": position,
                "source": piece.text,
                "target": target,
                "separator": piece.separator,
                "flags": list(flags),
                **{name: values[position] for name, values in scores.items()},
            }

    def counts(self) -> Counter[str]:
        """Segments, those translated and flagged (in all and by flag), and words of both languages among them."""
        counts = Counter({"segments": len(self.segments)})
        for piece, target, flags in zip(self.segments, self.targets, self.flags, strict=True):
            if has_letters(piece.text):
                counts.update(translated=1, source_words=word_count(piece.text), target_words=word_count(target))
                counts.update(flagged=int(bool(flags)), **{f"flagged: {flag}": 1 for flag in flags})
        return counts
