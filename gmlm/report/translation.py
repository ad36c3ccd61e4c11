"""How well the study translated: scores on references, flagged segments, length ratios."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gmlm.manifest import Manifest
from gmlm.report.files import read_json
from gmlm.report.histogram import Histogram, evenly_spread, length_ratios
from gmlm.shards import read_shard, shard_entries
from gmlm.storage import Store


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
    """One translated source. Segments are counted on the shards that `ratios` was measured on."""

    name: str
    documents: int | None
    rejected: int | None
    segments: int
    segments_read: int
    flagged: int
    flags: dict[str, int]
    ratios: Histogram | None
    min_length_ratio: float | None
    max_length_ratio: float | None


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
    """One translate node: its counters and what its alignment shows in the aggregate."""
    entries = shard_entries(manifest, "alignment")
    flags, flagged, read = _count_flags(store, manifest)
    limits: Any = manifest.config.get("translation") or {}
    return Translation(
        name=name,
        documents=manifest.counters.get("out"),
        rejected=manifest.counters.get("rejected"),
        segments=sum(entry.rows or 0 for entry in entries),
        segments_read=read,
        flagged=flagged,
        flags=dict(sorted(flags.items())),
        ratios=length_ratios(store, manifest),
        min_length_ratio=limits.get("min_length_ratio"),
        max_length_ratio=limits.get("max_length_ratio"),
    )


def _count_flags(store: Store, manifest: Manifest) -> tuple[Counter[str], int, int]:
    """Segments by flag, segments with any flag, and segments looked at."""
    flags: Counter[str] = Counter()
    flagged = read = 0
    for entry in evenly_spread(shard_entries(manifest, "alignment")):
        column = read_shard(store, manifest, entry)["flags"]
        read += len(column)
        flagged += pc.sum(pc.greater(pc.list_value_length(column), 0)).as_py() or 0
        flags.update(_flag_counts(column))
    return flags, flagged, read


def _flag_counts(column: pa.ChunkedArray) -> dict[str, int]:
    counted = pc.value_counts(pc.list_flatten(column))
    return {pair["values"]: pair["counts"] for pair in counted.to_pylist()}
