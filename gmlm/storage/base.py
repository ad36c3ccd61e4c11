"""The interface of a store. Keys are relative, separated by `/`, and never start with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class StoredFile:
    """What a store knows of one object: its key, size in bytes and sha256 (hex)."""

    key: str
    bytes: int
    sha256: str


class Store(Protocol):
    """Objects by key. A write is atomic: a reader sees the old object or the new one, never a part.

    Every method raises errors of `gmlm.errors`: InputNotFoundError, AccessDeniedError, DiskFullError, StorageError.
    """

    @property
    def uri(self) -> str:
        """Address of the store: an absolute folder or `s3://bucket/prefix`."""
        ...

    def read(self, key: str) -> bytes:
        """The object's bytes."""
        ...

    def write(self, key: str, data: bytes) -> StoredFile:
        """Write or replace the object."""
        ...

    def create(self, key: str, data: bytes) -> StoredFile:
        """Write the object only if the key is free; AlreadyExistsError if it is not. Safe between processes."""
        ...

    def upload(self, path: Path, key: str) -> StoredFile:
        """Write the object from a local file, in parallel parts where it is large."""
        ...

    def download(self, key: str, path: Path, *, sha256: str | None = None) -> None:
        """Write the object to a local file, atomically; StorageError if its sha256 is not the one expected."""
        ...

    def local_path(self, key: str) -> Path | None:
        """Where the object or folder lies on this machine's disk; None for a remote store."""
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object with this key."""
        ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys under a folder-like prefix, sorted."""
        ...

    def versions(self, prefix: str = "") -> dict[str, str]:
        """Keys under a folder-like prefix, sorted, each with a mark that changes whenever the object is written anew.

        On S3 that is the ETag, which stays the same where the content does.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object; no error if there is none."""
        ...
