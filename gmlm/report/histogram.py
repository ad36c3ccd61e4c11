"""Distributions as counts per bin: all that a report may say about single texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gmlm.manifest import FileEntry, Manifest
from gmlm.shards import read_shard, shard_entries
from gmlm.storage import Store

SHARDS_READ = 16
"""Shards that a distribution is measured on at most; they are spread evenly over the data set."""
LENGTH_EDGES = (0, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
RATIO_EDGES = tuple(round(step / 10, 1) for step in range(31))


@dataclass(frozen=True)
class Histogram:
    """Counts between neighbouring edges; the last count is of all values from the last edge on."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    quantiles: dict[str, float]
    """Values at 5, 25, 50, 75 and 95 percent."""
    values: int
    shards_read: int
    shards: int


def document_lengths(store: Store, manifest: Manifest, folder: str) -> Histogram | None:
    """Lengths in characters of the documents under a folder of a data set; None where there are none."""
    return _measure(store, manifest, folder, LENGTH_EDGES, lambda table: _numpy(pc.utf8_length(table["text"])))


def length_ratios(store: Store, manifest: Manifest) -> Histogram | None:
    """Words of the translation per word of the source, segment by segment; segments without words do not count."""
    return _measure(store, manifest, "alignment", RATIO_EDGES, _ratios)


def evenly_spread(entries: Sequence[FileEntry], limit: int = SHARDS_READ) -> list[FileEntry]:
    """At most `limit` shards, the first among them, at even distances."""
    kept = min(limit, len(entries))
    return [entries[index * len(entries) // kept] for index in range(kept)]


def _measure(
    store: Store, manifest: Manifest, folder: str, edges: tuple[float, ...], values_of: Any
) -> Histogram | None:
    entries = shard_entries(manifest, folder)
    chosen = evenly_spread(entries)
    measured = [values_of(read_shard(store, manifest, entry)) for entry in chosen]
    values = np.concatenate(measured) if measured else np.empty(0)
    if not len(values):
        return None
    counts, _ = np.histogram(values, bins=[*edges, np.inf])
    quantiles = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
    return Histogram(
        edges=tuple(float(edge) for edge in edges),
        counts=tuple(int(n) for n in counts),
        quantiles={f"{p}": round(float(value), 3) for p, value in zip((5, 25, 50, 75, 95), quantiles, strict=True)},
        values=len(values),
        shards_read=len(chosen),
        shards=len(entries),
    )


def _ratios(table: pa.Table) -> Any:
    source, target = _words(table["source"]), _words(table["target"])
    return target[source > 0] / source[source > 0]


def _words(column: pa.ChunkedArray) -> Any:
    """Number of words, separated by white space, of each text."""
    trimmed = pc.utf8_trim_whitespace(column)
    words = _numpy(pc.list_value_length(pc.utf8_split_whitespace(trimmed)))
    return np.where(_numpy(pc.utf8_length(trimmed)) == 0, 0, words)


def _numpy(column: pa.ChunkedArray) -> Any:
    return column.to_numpy()
