"""The record of what one attempt at a node has used: one small file each in the store, beside all outputs.

Records lie under `usage/records/`, never among the files of a node, so outputs stay equal byte for byte. A node that
was interrupted and went on has several; together they are what its output has taken.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gmlm.storage import Store
from gmlm.telemetry import get_logger
from gmlm.usage.meter import MeterName

log = get_logger(__name__)

FOLDER = "usage/records"


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Energy(_Closed):
    """What one meter has counted; with `joules` null, `reason` says why it has not."""

    meter: MeterName
    joules: float | None = None
    scope: str = ""
    method: str = ""
    reason: str = ""


class UsageRecord(_Closed):
    """One attempt of one process. It holds no host, user or time of day.

    `seconds` are wall-clock time, and 0 for all ranks of a training but the first. `cpu_seconds` are those of the
    process and its children, `gpu_seconds` its GPUs times wall-clock time. `energy` has an entry for each meter that
    the work calls for.
    """

    schema_version: int = 1
    stage: str
    name: str
    fingerprint: str
    progress: str
    """Identity of the work over attempts: those that went on from one another share it."""
    seconds: float
    cpu_seconds: float
    gpu_seconds: float
    energy: tuple[Energy, ...]
    environment: dict[str, str] = Field(default_factory=dict)
    """Versions, processor, threads and GPUs; empty in records of earlier versions."""

    def to_bytes(self) -> bytes:
        """As stored: JSON."""
        return self.model_dump_json(indent=2).encode() + b"\n"


def record_key(stage: str, name: str, attempt: str) -> str:
    """Where the record of an attempt lies."""
    return f"{FOLDER}/{stage}/{name}/{attempt}.json"


def records_of(store: Store, stage: str, name: str, fingerprint: str) -> list[UsageRecord]:
    """The records of all attempts that led to an output; none where it was made before there were records."""
    records = [record for _, record in _all_records(store, stage, name)]
    work = {record.progress for record in records if record.fingerprint == fingerprint}
    return [record for record in records if record.progress in work]


def forget_records(store: Store, stage: str, name: str, progress: str) -> None:
    """Remove the records of work that is thrown away."""
    for key in [key for key, record in _all_records(store, stage, name) if record.progress == progress]:
        store.delete(key)


def _all_records(store: Store, stage: str, name: str) -> Iterator[tuple[str, UsageRecord]]:
    for key in list(store.list(f"{FOLDER}/{stage}/{name}")):
        try:
            yield key, UsageRecord.model_validate_json(store.read(key))
        except ValidationError:
            log.warning("damaged record of usage", extra={"path": key})
