"""Translates suspicious segments once more, in another way, and keeps the better of both outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gmlm.config import RetryConfig
from gmlm.translation.assessment import assess
from gmlm.translation.batching import fold, translate_segments
from gmlm.translation.engines import Engine
from gmlm.translation.quality import LengthLimits, has_letters


@dataclass(frozen=True)
class _Retrying:
    """The engine, decoding in the way of a retry."""

    engine: Engine
    retry: RetryConfig

    @property
    def source_limit(self) -> int:
        return self.engine.source_limit

    def lengths(self, texts: Sequence[str]) -> list[int]:
        return self.engine.lengths(texts)

    def translate(self, batch: Sequence[str], retry: RetryConfig | None = None) -> list[str]:
        return self.engine.translate(batch, retry or self.retry)


def retried(
    engine: Engine,
    retry: RetryConfig,
    texts: Sequence[str],
    outputs: Sequence[str],
    budget: int,
    limits: LengthLimits,
) -> list[str]:
    """The outputs, with those of flagged segments replaced where the retry scores higher; equal ones are retried once.

    Args:
        engine: Translates batches.
        retry: How it decodes this time.
        texts: Segments.
        outputs: Their translations, one to one.
        budget: Tokens of a batch, padding included.
        limits: Plausible ratios of lengths.
    """
    first = {fold(text): output for text, output in zip(texts, outputs, strict=True) if has_letters(text)}
    before = {text: assess(text, output, limits) for text, output in first.items()}
    suspicious = [text for text, assessment in before.items() if assessment.flags]
    second = translate_segments(_Retrying(engine, retry), suspicious, budget, lambda count: None)
    better = {
        text: output
        for text, output in zip(suspicious, second, strict=True)
        if assess(text, output, limits).score > before[text].score
    }
    return [better.get(fold(text), output) for text, output in zip(texts, outputs, strict=True)]
