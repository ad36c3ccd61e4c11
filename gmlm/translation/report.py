"""How well a translation went, from its alignment: distributions for the terminal, worst segments for a file."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from gmlm.config import TranslationConfig
from gmlm.manifest import Manifest
from gmlm.shards import read_shards
from gmlm.storage import Store
from gmlm.translation.assessment import assess
from gmlm.translation.opinions import BACK_CHRF, ESTIMATE
from gmlm.translation.quality import LengthLimits, has_letters, word_count
from gmlm.translation.shard_translator import ALIGNMENT

OPINIONS = (BACK_CHRF, ESTIMATE)
"""Columns that an alignment has where the study names models for them."""
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95)
EDGES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Edges of the classes of scores; the last class is of full scores alone."""


@dataclass(frozen=True)
class TranslationFigures:
    """Figures over the translated segments of one translation; documents in quarantine are not among them."""

    name: str
    segments: int
    flags: dict[str, int]
    scores: dict[str, float]
    classes: dict[str, int]
    ratios: dict[str, float]
    opinions: dict[str, dict[str, float]] = field(default_factory=dict)

    def text(self) -> str:
        """The figures as a few lines."""
        share = {flag: f"{count} ({count / max(self.segments, 1):.1%})" for flag, count in self.flags.items()}
        return "\n".join(
            [
                f"{self.name}: {self.segments} translated segments",
                _line("flagged", share or {"none": "0"}),
                _line("score at quantile", {name: f"{value:.3f}" for name, value in self.scores.items()}),
                _line("segments by score", self.classes),
                _line("German per English word", {name: f"{value:.2f}" for name, value in self.ratios.items()}),
                *(
                    _line(f"{opinion} at quantile", {name: f"{value:.3f}" for name, value in values.items()})
                    for opinion, values in self.opinions.items()
                ),
            ]
        )


def measure(store: Store, manifest: Manifest, worst: int = 0) -> tuple[TranslationFigures, list[dict[str, Any]]]:
    """The figures of a translation, and its worst segments, the worst first.

    Segments are assessed here, by all checks, so a translation without stored scores can be judged as well.
    """
    flags, scores, ratios = Counter[str](), list[float](), list[float]()
    opinions: dict[str, list[float]] = {}
    lowest = list[tuple[float, int, dict[str, Any]]]()
    for number, row in enumerate(_assessed(store, manifest)):
        flags.update(row["flags"])
        scores.append(row["score"])
        for name in OPINIONS:
            if row.get(name) is not None:
                opinions.setdefault(name, []).append(row[name])
        if words := word_count(row["source"]):
            ratios.append(word_count(row["target"]) / words)
        heapq.heappush(lowest, (-row["score"], -number, row))
        if len(lowest) > worst:
            heapq.heappop(lowest)
    figures = TranslationFigures(
        name=manifest.name,
        segments=len(scores),
        flags=dict(sorted(flags.items())),
        scores=_quantiles(scores),
        classes=_classes(scores),
        ratios=_quantiles(ratios),
        opinions={name: _quantiles(values) for name, values in opinions.items()},
    )
    return figures, [row for _, _, row in sorted(lowest, key=lambda item: item[:2], reverse=True)]


def samples_jsonl(name: str, rows: list[dict[str, Any]]) -> str:
    """Segments for a person to read, one a line."""
    return "".join(json.dumps({"translation": name, **row}, ensure_ascii=False) + "\n" for row in rows)


def _assessed(store: Store, manifest: Manifest) -> Iterator[dict[str, Any]]:
    settings = TranslationConfig.model_validate(manifest.config["translation"])
    limits = LengthLimits(settings.min_length_ratio, settings.max_length_ratio)
    for table in read_shards(store, manifest, ALIGNMENT):
        shown = [name for name in ("document", "position", "source", "target", *OPINIONS) if name in table.column_names]
        for row in table.select(shown).to_pylist():
            if has_letters(row["source"]):
                assessment = assess(row["source"], row["target"], limits)
                yield {**row, "score": assessment.score, "flags": list(assessment.flags)}


def _quantiles(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {f"{p:.0%}": float(value) for p, value in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)}


def _classes(scores: list[float]) -> dict[str, int]:
    names = [f"{low:g}-{high:g}" for low, high in pairwise(EDGES)]
    counts, _ = np.histogram([score for score in scores if score < 1], bins=EDGES)
    full = sum(score >= 1 for score in scores)
    return {**dict(zip(names, map(int, counts), strict=True)), "1": full}


def _line(title: str, figures: dict[str, Any]) -> str:
    return f"  {title}: " + ", ".join(f"{name} {value}" for name, value in figures.items())
