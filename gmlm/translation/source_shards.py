"""The documents of a data set, cut into shards of equal size however its files are cut."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa

from gmlm.manifest import Manifest
from gmlm.shards import Document, read_shard, shard_entries
from gmlm.storage import Store


class SourceShards:
    """Shard `n` holds the documents from `n * size` on. The file that was read last is kept in memory."""

    def __init__(self, store: Store, manifest: Manifest, size: int) -> None:
        self._store, self._manifest, self._size = store, manifest, size
        self._entries = shard_entries(manifest)
        self._last: tuple[int, pa.Table] | None = None
        self.documents = sum(entry.rows or 0 for entry in self._entries)
        """Documents in all."""

    def __len__(self) -> int:
        return -(-self.documents // self._size)

    def rows(self, number: int) -> int:
        """Number of documents of a shard."""
        return min(self._size, self.documents - number * self._size)

    def read(self, number: int) -> list[Document]:
        """The documents of a shard, in order."""
        return [
            Document(row["id"], row["source"], row["language"], row["text"], json.loads(row["meta"]))
            for table in self._tables(number)
            for row in table.to_pylist()
        ]

    def ids(self, number: int) -> list[str]:
        """The ids of a shard's documents, in order."""
        return [name for table in self._tables(number) for name in table.column("id").to_pylist()]

    def _tables(self, number: int) -> Iterator[pa.Table]:
        begin, end, start = number * self._size, min((number + 1) * self._size, self.documents), 0
        for index, entry in enumerate(self._entries):
            stop = start + (entry.rows or 0)
            if start < end and begin < stop:
                first, last = max(begin, start), min(end, stop)
                yield self._table(index).slice(first - start, last - first)
            start = stop

    def _table(self, index: int) -> pa.Table:
        if self._last is None or self._last[0] != index:
            self._last = index, read_shard(self._store, self._manifest, self._entries[index])
        return self._last[1]
