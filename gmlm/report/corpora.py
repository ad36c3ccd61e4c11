"""The texts of the study: documents, tokens, what was dropped and why, and how long documents are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gmlm.manifest import Manifest
from gmlm.report.files import read_json
from gmlm.report.histogram import Histogram, document_lengths
from gmlm.shards import DOCUMENTS, shard_entries
from gmlm.storage import Store


@dataclass(frozen=True)
class DocumentSet:
    """Documents that a stage made: ingested, translated or built into a corpus."""

    node: str
    documents: int
    holdout: int
    lengths: Histogram | None
    """Length of the documents in characters."""


@dataclass(frozen=True)
class SourceDrops:
    """What a corpus took from one source and left out of it, in documents; `repeats` are copies made by its weight."""

    source: str
    taken: int
    dropped: dict[str, int]
    out: int
    repeats: int


@dataclass(frozen=True)
class Drops:
    """What a corpus left out, by source and filter, and how many documents held text of a task's test data."""

    corpus: str
    filters: tuple[str, ...]
    sources: tuple[SourceDrops, ...]
    contaminated: dict[str, int]


@dataclass(frozen=True)
class TokenSet:
    """A tokenised corpus."""

    name: str
    train_documents: int
    train_tokens: int
    holdout_documents: int
    holdout_tokens: int


def read_documents_of(store: Store, node: str, manifest: Manifest) -> DocumentSet:
    """Sizes and lengths of the documents of one node."""
    return DocumentSet(
        node=node,
        documents=_rows(manifest, DOCUMENTS),
        holdout=_rows(manifest, "holdout"),
        lengths=document_lengths(store, manifest, DOCUMENTS),
    )


def read_drops(store: Store, name: str, manifest: Manifest) -> Drops:
    """The `drops.json` of one corpus node."""
    drops = read_json(store, manifest, "drops.json") or {}
    sources = tuple(_source_drops(source, counts) for source, counts in drops.get("sources", {}).items())
    filters = dict.fromkeys((*drops.get("filters", ()), *(reason for source in sources for reason in source.dropped)))
    return Drops(
        corpus=name,
        filters=tuple(filters),
        sources=sources,
        contaminated={str(task): int(n) for task, n in sorted(drops.get("contaminated", {}).items())},
    )


def _source_drops(source: str, counts: Mapping[str, Any]) -> SourceDrops:
    return SourceDrops(
        source=source,
        taken=int(counts.get("in", 0)),
        dropped={str(reason): int(n) for reason, n in counts.get("dropped", {}).items()},
        out=int(counts.get("out", 0)),
        repeats=int(counts.get("repeats", 0)),
    )


def read_tokens(name: str, manifest: Manifest) -> TokenSet:
    """Sizes of one tokenised corpus."""
    return TokenSet(
        name=name,
        train_documents=_rows(manifest, "train"),
        train_tokens=_tokens(manifest, "train"),
        holdout_documents=_rows(manifest, "holdout"),
        holdout_tokens=_tokens(manifest, "holdout"),
    )


def _rows(manifest: Manifest, folder: str) -> int:
    return sum(entry.rows or 0 for entry in shard_entries(manifest, folder))


def _tokens(manifest: Manifest, folder: str) -> int:
    return sum(entry.tokens or 0 for entry in shard_entries(manifest, folder))
