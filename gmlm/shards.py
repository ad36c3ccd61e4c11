"""Documents as Parquet shards, and the quarantine of records that could not be read."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gmlm.manifest import FileEntry, Manifest, read_file
from gmlm.stage import StageRun
from gmlm.storage import Store
from gmlm.telemetry.metrics import observe_quarantined

DOCUMENT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("meta", pa.string(), nullable=False),
    ]
)
DOCUMENTS = "documents"
"""Folder of the document shards within a data set."""
CHARACTERS_PER_TOKEN = "characters_per_token"
"""Metric of a tokenised corpus; `characters_per_token: SOURCE` is that of one source."""
TRANSLATION_QUALITY = "translation_quality"
"""Key in a document's metadata of the mean score of its segments, from 0 to 1, where its translation was scored."""


@dataclass(frozen=True)
class Document:
    """One text: its id is unique within its source."""

    id: str
    source: str
    language: str
    text: str
    meta: Mapping[str, str] = field(default_factory=dict)

    def row(self) -> dict[str, str]:
        """The document as a row of `DOCUMENT_SCHEMA`; metadata as JSON with sorted keys."""
        meta = json.dumps(dict(self.meta), ensure_ascii=False, sort_keys=True)
        return {"id": self.id, "source": self.source, "language": self.language, "text": self.text, "meta": meta}


class ShardWriter:
    """Writes rows as numbered Parquet shards under a folder of the stage's output.

    Shards are published one by one, so an interrupted stage can go on behind the last (`first_shard`).
    """

    def __init__(
        self,
        run: StageRun,
        schema: pa.Schema = DOCUMENT_SCHEMA,
        *,
        folder: str = DOCUMENTS,
        rows_per_shard: int = 50_000,
        first_shard: int = 0,
    ) -> None:
        self._run, self._schema, self._folder, self._rows_per_shard = run, schema, folder, rows_per_shard
        self._next, self._rows = first_shard, list[Mapping[str, Any]]()
        self.entries: list[FileEntry] = []

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row; publishes a shard when it is full."""
        self._rows.append(row)
        if len(self._rows) >= self._rows_per_shard:
            self.flush()

    def flush(self) -> None:
        """Publish the rows held back as one shard."""
        if not self._rows:
            return
        table = pa.Table.from_pylist(list(self._rows), schema=self._schema)
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "shard.parquet"
            pq.write_table(table, local, compression="zstd")
            path = f"{self._folder}/{self._next:05d}.parquet"
            self.entries.append(self._run.upload(local, path, rows=len(self._rows)))
        self._next += 1
        self._rows.clear()


def write_documents(run: StageRun, documents: Iterator[Document], *, rows_per_shard: int = 50_000) -> list[FileEntry]:
    """Write all documents as shards and return their entries for the manifest."""
    writer = ShardWriter(run, rows_per_shard=rows_per_shard)
    for document in documents:
        writer.write(document.row())
    writer.flush()
    return writer.entries


def read_shards(store: Store, manifest: Manifest, folder: str = DOCUMENTS) -> Iterator[pa.Table]:
    """The data set's shards under a folder, in order, each checked against its recorded sha256.

    Raises:
        StorageError: A shard is not what was written.
    """
    for entry in shard_entries(manifest, folder):
        yield read_shard(store, manifest, entry)


def shard_entries(manifest: Manifest, folder: str = DOCUMENTS) -> Sequence[FileEntry]:
    """The manifest's entries of the shards under a folder."""
    return [entry for entry in manifest.files if entry.path.startswith(f"{folder}/")]


def read_shard(store: Store, manifest: Manifest, entry: FileEntry) -> pa.Table:
    """One shard, checked against its recorded sha256."""
    return pq.read_table(BytesIO(read_file(store, manifest, entry.path)))


def read_documents(store: Store, manifest: Manifest) -> Iterator[Document]:
    """All documents of a data set, in order."""
    for table in read_shards(store, manifest):
        for row in table.to_pylist():
            yield Document(row["id"], row["source"], row["language"], row["text"], json.loads(row["meta"]))


QUARANTINE = "quarantine.jsonl"
LINES_HELD = 1000
"""Lines of the quarantine held in memory; the rest waits in the scratch folder."""


class Quarantine:
    """Records that a stage rejects: kept with file, position and reason, counted by reason, never logged."""

    def __init__(self, run: StageRun) -> None:
        self._run, self._local = run, run.scratch / QUARANTINE
        self._lines: list[bytes] = []
        self._local.unlink(missing_ok=True)  # of an interrupted run
        self.reasons: Counter[str] = Counter()

    def reject(self, *, file: str, position: str, reason: str, record: str | None = None) -> None:
        """Set a record aside.

        Args:
            file: Name of the input file.
            position: Line, record number or id within it.
            reason: A short fixed phrase, without any of the text; it is counted and may be logged.
            record: The record itself, kept in the store only.
        """
        self.reasons[reason] += 1
        observe_quarantined(self._run.stage)
        line = {"file": file, "position": position, "reason": reason, "record": record}
        text = json.dumps(line, ensure_ascii=False, sort_keys=True)
        # Half a surrogate pair has no UTF-8; escaped it is the JSON that it came from.
        self._lines.append(text.encode("utf-8", "backslashreplace") + b"\n")
        if len(self._lines) >= LINES_HELD:
            self._spill()

    def _spill(self) -> None:
        with self._local.open("ab") as stream:
            stream.writelines(self._lines)
        self._lines.clear()

    @property
    def total(self) -> int:
        """Number of records set aside."""
        return self.reasons.total()

    def counters(self) -> dict[str, int]:
        """`rejected` and one `rejected: REASON` each, for the manifest."""
        return {"rejected": self.total, **{f"rejected: {reason}": n for reason, n in sorted(self.reasons.items())}}

    def write(self) -> list[FileEntry]:
        """Put the records among the outputs as `quarantine.jsonl`; nothing if there are none."""
        if not self.total:
            return []
        self._spill()
        entry = self._run.upload(self._local, QUARANTINE, rows=self.total)
        self._local.unlink()
        return [entry]
