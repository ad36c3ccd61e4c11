"""Markers of finished shards: what workers and interrupted runs find of each other in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from gmlm.errors import InputNotFoundError
from gmlm.manifest import FileEntry
from gmlm.stage import StageRun

FOLDER = "unfinished"
"""Folder of all that is kept within the output until the manifest is there: markers, leases, batches."""
MARKERS = f"{FOLDER}/shards"
"""Folder of the markers."""


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


def mark_finished(run: StageRun, number: int, shard: FinishedShard) -> None:
    """Record that a shard is published. Whoever made it, the bytes are the same."""
    run.store.write(_key(run, number), shard.model_dump_json().encode())


def finished_numbers(run: StageRun) -> set[int]:
    """Numbers of all shards that have a marker, by one listing."""
    return {int(key.rpartition("/")[2].removesuffix(".json")) for key in run.store.list(run.key(MARKERS))}


def is_marked(run: StageRun, number: int) -> bool:
    """Whether a shard has a marker."""
    return run.store.exists(_key(run, number))


def find_finished(run: StageRun, number: int) -> FinishedShard | None:
    """A shard of the same work that some worker published, if its files are what was written."""
    try:
        shard = FinishedShard.model_validate_json(run.store.read(_key(run, number)))
    except (InputNotFoundError, ValidationError):
        return None
    same_work = shard.fingerprint == run.fingerprint
    return shard if same_work and all(_is_intact(run, file) for file in shard.files) else None


def drop_damaged(run: StageRun) -> None:
    """Remove the markers of shards that are not what was written, so that they are made again."""
    for number in sorted(finished_numbers(run)):
        if find_finished(run, number) is None:
            run.store.delete(_key(run, number))


def remove_unfinished(run: StageRun) -> None:
    """Remove markers, leases and batches, once the manifest lists what they led to."""
    for key in list(run.store.list(run.key(FOLDER))):
        run.store.delete(key)


def _key(run: StageRun, number: int) -> str:
    return run.key(f"{MARKERS}/{number:05d}.json")


def _is_intact(run: StageRun, file: FileEntry) -> bool:
    key = run.key(file.path)
    return run.store.exists(key) and hashlib.sha256(run.store.read(key)).hexdigest() == file.sha256
