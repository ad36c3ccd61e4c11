"""Translations of segments that are known before a shard is translated: parts of Parquet, looked up by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gmlm.storage import Store

SCHEMA = pa.schema(
    [
        pa.field("hash", pa.uint64(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
    ]
)
"""A row a segment: its hash, its text with white space folded, and its translation."""


def segment_hashes(texts: Sequence[str]) -> np.ndarray:
    """Hashes of 64 bits (BLAKE2b, RFC 7693), the same on every machine; equal hashes are compared by text."""
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8")


class SegmentMemory:
    """Segments with their translations. Memory is that of the texts and some twenty bytes a segment."""

    def __init__(self, tables: Iterable[pa.Table] = ()) -> None:
        table = pa.concat_tables([SCHEMA.empty_table(), *tables])
        hashes = table.column("hash").to_numpy()
        order = np.argsort(hashes, kind="stable")
        self._table = table.take(order)
        self.hashes = hashes[order]
        """Hashes of the segments, ascending."""

    def __len__(self) -> int:
        return len(self.hashes)

    def to_bytes(self) -> bytes:
        """All of it as one part."""
        return _parquet(self._table)

    def lookup(self, texts: Sequence[str]) -> dict[str, str]:
        """The translations of those texts that are known; of several, the one that was added first."""
        if not len(self) or not texts:
            return {}
        hashes = segment_hashes(texts)
        first, last = (np.searchsorted(self.hashes, hashes, side=side) for side in ("left", "right"))
        rows = [row for begin, end in zip(first, last, strict=True) for row in range(begin, end)]
        wanted, found = set(texts), dict[str, str]()
        for row in self._table.take(rows).to_pylist():
            if row["source"] in wanted:
                found.setdefault(row["source"], row["target"])
        return found


def memory_bytes(translations: Mapping[str, str]) -> bytes:
    """A part of a memory as Parquet, ordered by hash and text: equal translations give equal bytes."""
    texts = list(translations)
    rows = sorted(zip(segment_hashes(texts).tolist(), texts, translations.values(), strict=True))
    return _parquet(pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], schema=SCHEMA))


def _parquet(table: pa.Table) -> bytes:
    buffer = BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def read_memory(store: Store, key: str, *, only: np.ndarray | None = None) -> pa.Table:
    """A part of a memory; with `only`, the rows with one of these hashes (sorted)."""
    table = pq.read_table(BytesIO(store.read(key)), schema=SCHEMA)
    if only is None:
        return table
    hashes = table.column("hash").to_numpy()
    return table.filter(pa.array(np.isin(hashes, only)))
