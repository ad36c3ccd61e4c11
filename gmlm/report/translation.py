"""How well the study translated: scores on references, flagged segments, length ratios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gmlm.manifest import Manifest
from gmlm.report.files import read_json
from gmlm.report.histogram import Histogram, length_ratios
from gmlm.storage import Store

FLAGGED = "flagged: "
"""Prefix of the counters of flagged segments."""


@dataclass(frozen=True)
class TranslatorScore:
    """A translator on one reference; BLEU and chrF run from 0 to 100."""

    name: str
    bleu: float | None
    chrf: float | None
    segments: int | None
    signatures: dict[str, str]


@dataclass(frozen=True)
class Translation:
    """One translated source. A translated segment may carry several flags; others are copied as they are."""

    name: str
    documents: int | None
    rejected: int | None
    segments: int
    translated: int
    flagged: int
    flags: dict[str, int]
    ratios: Histogram | None
    min_length_ratio: float | None
    max_length_ratio: float | None

    @property
    def flagged_ratio(self) -> float | None:
        """Share of the translated segments that carry a flag."""
        return self.flagged / self.translated if self.translated else None


def read_translator_score(store: Store, name: str, manifest: Manifest) -> TranslatorScore:
    """The `scores.json` of one translator-score node."""
    scores = read_json(store, manifest, "scores.json") or {}
    return TranslatorScore(
        name=name,
        bleu=scores.get("bleu"),
        chrf=scores.get("chrf"),
        segments=scores.get("segments"),
        signatures={str(metric): str(text) for metric, text in sorted(scores.get("signatures", {}).items())},
    )


def read_translation(store: Store, name: str, manifest: Manifest) -> Translation:
    """One translate node: its counters, and the length ratios of its alignment in the aggregate."""
    counters = manifest.counters
    limits: Any = manifest.config.get("translation") or {}
    return Translation(
        name=name,
        documents=counters.get("out"),
        rejected=counters.get("rejected"),
        segments=counters.get("segments", 0),
        translated=counters.get("translated", 0),
        flagged=counters.get("flagged", 0),
        flags={key.removeprefix(FLAGGED): n for key, n in sorted(counters.items()) if key.startswith(FLAGGED)},
        ratios=length_ratios(store, manifest),
        min_length_ratio=limits.get("min_length_ratio"),
        max_length_ratio=limits.get("max_length_ratio"),
    )
