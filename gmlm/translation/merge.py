"""Merges the shards of a translation into one data set, and checks that no document was lost, doubled or mixed up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from io import BytesIO

import pyarrow.parquet as pq

from gmlm.config import TranslateConfig
from gmlm.errors import EmptyCorpusError, StorageError
from gmlm.manifest import FileEntry, Manifest
from gmlm.shards import DOCUMENTS, Quarantine
from gmlm.stage import StageRun
from gmlm.translation.finished_shards import FinishedShard, find_finished, remove_unfinished
from gmlm.translation.shard_translator import ALIGNMENT
from gmlm.translation.work import source_shards


def merge(config: TranslateConfig, run: StageRun) -> Manifest:
    """Publish what the workers made. The bytes are the same whoever made which shard.

    Raises:
        StorageError: A shard is missing or damaged, or its documents are not those of the source.
        EmptyCorpusError: No document is left after the quality filter.
    """
    quarantine, counts, files = Quarantine(run), Counter[str](), list[FileEntry]()
    for shard in _shards(config, run):
        counts.update(shard.counts)
        files.extend(shard.files)
        for rejected in shard.rejected:
            quarantine.reject(**rejected.model_dump())
    files.extend(quarantine.write())
    _require_output(run, counts)
    counters = {**counts, **quarantine.counters()}
    manifest = run.publish("documents", config, files, counters=counters, metrics=_metrics(counts))
    remove_unfinished(run)
    return manifest


def _shards(config: TranslateConfig, run: StageRun) -> Iterator[FinishedShard]:
    """The shards in order, each checked."""
    shards = source_shards(config, run)
    for number in range(len(shards)):
        shard = find_finished(run, number)
        if shard is None:
            raise StorageError(
                f"shard {number} of {len(shards)} is not finished, or its files are damaged",
                where=f"{run.stage}/{run.name}",
                fix="run the translation again: it makes what is missing",
            )
        _check_ids(run, number, shard, shards.ids(number))
        yield shard


def _check_ids(run: StageRun, number: int, shard: FinishedShard, ids: list[str]) -> None:
    """Every document of the source is kept or rejected, once and in order; each kept one has its alignment."""
    kept = _column(run, shard, DOCUMENTS, "id")
    rejected = [document.position for document in shard.rejected]
    set_aside, aligned = Counter(rejected), list(dict.fromkeys(_column(run, shard, ALIGNMENT, "document")))
    expected = []
    for name in ids:
        if set_aside[name]:
            set_aside[name] -= 1
        else:
            expected.append(name)
    with_segments = set(aligned)
    agrees = kept == expected and not set_aside.total() and aligned == [name for name in kept if name in with_segments]
    if not agrees or shard.counts["in"] != len(ids) or shard.counts["out"] != len(kept):
        raise StorageError(
            f"the documents of shard {number} are not those of its source",
            where=f"{run.stage}/{run.name}",
            fix="make it again with 'gmlm translate --force', and report this as a bug",
        )


def _column(run: StageRun, shard: FinishedShard, folder: str, name: str) -> list[str]:
    """A column of a shard's file in a folder; empty if the shard has no such file."""
    entries = [entry for entry in shard.files if entry.path.startswith(f"{folder}/")]
    tables = (pq.read_table(BytesIO(run.store.read(run.key(entry.path))), columns=[name]) for entry in entries)
    return [value for table in tables for value in table.column(name).to_pylist()]


def _require_output(run: StageRun, counts: Counter[str]) -> None:
    if not counts["out"]:
        raise EmptyCorpusError(
            f"none of {counts['in']} documents is left after translation",
            where=f"{run.stage}/{run.name}",
            fix="look into quarantine.jsonl; try another translator or a higher 'max_flagged_ratio'",
        )


def _metrics(counts: Counter[str]) -> dict[str, float]:
    return {
        "flagged_ratio": counts["flagged"] / max(counts["translated"], 1),
        "length_ratio": counts["target_words"] / max(counts["source_words"], 1),
    }
