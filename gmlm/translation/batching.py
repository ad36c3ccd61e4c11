"""Batches by length under a token budget; outputs come back in the order of the inputs, one to one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from gmlm.telemetry.metrics import observe_reused, observe_translated
from gmlm.translation.clauses import split_overlong
from gmlm.translation.engines import Engine
from gmlm.translation.quality import has_letters
from gmlm.translation.segmentation import Segment, join

Advance = Callable[[int], None]
"""Told the number of segments finished since the last call."""


def batches_by_length(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Positions of texts in batches of similar length, longest first; no batch exceeds `budget` tokens when padded.

    A single text over the budget makes a batch of its own.
    """
    order = sorted(range(len(lengths)), key=lambda position: (-lengths[position], position))
    batch = list[int]()
    for position in order:
        if batch and lengths[batch[0]] * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


def fold(text: str) -> str:
    """The text with white space folded: a line break inside a sentence is layout of the source only."""
    return " ".join(text.split())


def segments_to_translate(texts: Iterable[str]) -> list[str]:
    """The distinct texts that hold a letter, folded, in the order in which they come."""
    return list(dict.fromkeys(folded for text in texts if has_letters(folded := fold(text))))


def translate_segments(
    engine: Engine, texts: Sequence[str], budget: int, advance: Advance, memory: Mapping[str, str] | None = None
) -> list[str]:
    """Translate texts that fit the engine. Equal ones are translated once; those without a letter are passed through.

    Args:
        engine: Translates batches.
        texts: Segments; white space within them is folded.
        budget: Tokens of a batch, padding included.
        advance: Told of finished segments.
        memory: Translations of folded texts that are known.
    """
    folded = [fold(text) for text in texts]
    known = dict(memory or {})
    pending = [text for text in segments_to_translate(folded) if text not in known]
    copies, waiting = _counts(folded), set(pending)
    advance(sum(count for text, count in copies.items() if text not in waiting))
    observe_reused(
        shard=sum(copies[text] - 1 for text in pending), memory=sum(copies.get(text, 0) for text in memory or ())
    )
    lengths = engine.lengths(pending)
    for batch in batches_by_length(lengths, budget):
        sources = [pending[position] for position in batch]
        started = time.monotonic()
        known.update(zip(sources, engine.translate(sources), strict=True))
        observe_translated(sum(lengths[position] for position in batch), time.monotonic() - started)
        advance(sum(copies[source] for source in sources))
    return [known.get(key, text) for key, text in zip(folded, texts, strict=True)]


def translate_lines(engine: Engine, lines: Sequence[str], budget: int, advance: Advance) -> list[str]:
    """Translate lines of any length, one to one; those too long for the engine are split, translated and joined."""
    pieces = [split_overlong([Segment(line, "")], engine.source_limit, engine.lengths) for line in lines]
    outputs = iter(translate_segments(engine, [piece.text for split in pieces for piece in split], budget, advance))
    return [join([Segment(next(outputs), piece.separator) for piece in split]) for split in pieces]


def _counts(texts: Sequence[str]) -> dict[str, int]:
    counts = dict[str, int]()
    for text in texts:
        counts[text] = counts.get(text, 0) + 1
    return counts
