"""Markers of finished shards: an interrupted translation goes on behind the last shard that it published."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from gmlm.errors import InputNotFoundError
from gmlm.manifest import FileEntry
from gmlm.stage import StageRun

FOLDER = "unfinished"
"""Folder of the markers within the output; removed when the manifest is there."""


class RejectedDocument(BaseModel):
    """A document for the quarantine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    position: str
    reason: str
    record: str


class FinishedShard(BaseModel):
    """What a shard contributes to the manifest. Written after the shard's files: they are there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fingerprint: str
    files: tuple[FileEntry, ...]
    counts: Mapping[str, int]
    rejected: tuple[RejectedDocument, ...]


def mark_finished(run: StageRun, number: int, shard: FinishedShard) -> FinishedShard:
    """Record that a shard is published."""
    run.store.write(_key(run, number), shard.model_dump_json().encode())
    return shard


def find_finished(run: StageRun, number: int) -> FinishedShard | None:
    """A shard of the same work that an earlier, interrupted run published, if its files are what was written."""
    try:
        shard = FinishedShard.model_validate_json(run.store.read(_key(run, number)))
    except (InputNotFoundError, ValidationError):
        return None
    same_work = shard.fingerprint == run.fingerprint
    return shard if same_work and all(_is_intact(run, file) for file in shard.files) else None


def remove_markers(run: StageRun, count: int) -> None:
    """Remove the markers of all shards, once the manifest lists what they did."""
    for number in range(count):
        run.store.delete(_key(run, number))


def _key(run: StageRun, number: int) -> str:
    return run.key(f"{FOLDER}/{number:05d}.json")


def _is_intact(run: StageRun, file: FileEntry) -> bool:
    key = run.key(file.path)
    return run.store.exists(key) and hashlib.sha256(run.store.read(key)).hexdigest() == file.sha256
