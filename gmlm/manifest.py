"""The manifest: what a data set consists of and what it was made from. Written last; no manifest, no data set.

It ends with a digest over the rest, so a bit that flips in it, or in a file that it lists, is found before it is used.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from gmlm.errors import AlreadyExistsError, InputNotFoundError, StorageError
from gmlm.storage import Store

SCHEMA_VERSION = 1
MANIFEST_NAME = "manifest.json"
DIGEST = "sha256"
"""Key of a stored manifest's digest: the sha256 (hex) of the manifest without it."""

Kind = Literal["documents", "tokenizer", "tokens", "model", "task", "predictions", "scores", "report"]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Closed):
    """One file of the data set; `path` is relative to the manifest's folder."""

    path: str
    bytes: int
    sha256: str
    rows: int | None = None
    tokens: int | None = None


class RawInput(_Closed):
    """A file from outside the store: its name (never its full path), size and sha256."""

    name: str
    bytes: int
    sha256: str


class InputManifest(_Closed):
    """A data set that this one was made from: its role for the stage, its folder, its manifest's sha256."""

    role: str
    prefix: str
    sha256: str


class Manifest(_Closed):
    """A finished data set. It holds no time, host or absolute path, so equal work gives equal bytes in every store."""

    schema_version: int = SCHEMA_VERSION
    kind: Kind
    stage: str
    name: str
    fingerprint: str
    """sha256 over stage, code version, configuration and inputs: what recognises finished work."""
    code_version: str
    config: dict[str, JsonValue]
    inputs: tuple[InputManifest, ...] = ()
    raw_inputs: tuple[RawInput, ...] = ()
    files: tuple[FileEntry, ...] = ()
    counters: dict[str, int] = Field(default_factory=dict)
    """Counts such as `in`, `out`, `rejected`, with in = out + rejected."""
    metrics: dict[str, float] = Field(default_factory=dict)
    prefix: str = Field("", exclude=True)
    """Folder in the store; known from where it was read, not stored."""

    def to_bytes(self) -> bytes:
        """The manifest as stored: JSON with sorted keys and a digest."""
        content = json.loads(self.__pydantic_serializer__.to_json(self, exclude={"prefix"}))
        return _sorted_json({**content, DIGEST: hashlib.sha256(_sorted_json(content)).hexdigest()})

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """The manifest that is stored as `data`; one of an older version has no digest.

        Raises:
            ValueError: It is none, or its digest is not that of its content.
        """
        try:
            content = json.loads(data)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if not isinstance(content, dict):
            raise ValueError("not a JSON object")
        digest = content.pop(DIGEST, None)
        manifest = cls.model_validate(content)
        if digest is not None and manifest.to_bytes() != data:
            raise ValueError("its digest is not that of its content")
        return manifest

    @property
    def sha256(self) -> str:
        """sha256 of the stored bytes."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def key(self, path: str) -> str:
        """Key in the store of one of the data set's files."""
        return f"{self.prefix}/{path}"


def _sorted_json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def read_manifest(store: Store, prefix: str) -> Manifest:
    """Read the manifest of the data set in a folder of the store.

    Raises:
        InputNotFoundError: There is none: the data set is not finished.
        StorageError: It is damaged.
    """
    key = f"{prefix}/{MANIFEST_NAME}"
    try:
        manifest = Manifest.from_bytes(store.read(key))
    except ValueError:
        raise StorageError("damaged manifest", where=key, fix="delete the folder and run the stage again") from None
    return manifest.model_copy(update={"prefix": prefix})


def read_file(store: Store, manifest: Manifest, path: str) -> bytes:
    """One file of a data set, checked against its recorded sha256.

    Raises:
        InputNotFoundError: The data set has no such file, or it is gone.
        StorageError: It is not what was written.
    """
    key = manifest.key(path)
    recorded = next((entry.sha256 for entry in manifest.files if entry.path == path), None)
    if recorded is None:
        raise InputNotFoundError("the data set has no such file", where=key, fix="run the stage again")
    data = store.read(key)
    if hashlib.sha256(data).hexdigest() != recorded:
        raise StorageError("its sha256 is not the one recorded", where=key, fix="restore it or run the stage again")
    return data


def find_manifest(store: Store, prefix: str) -> Manifest | None:
    """The manifest of the data set in a folder, or None where it is not finished."""
    return read_manifest(store, prefix) if store.exists(f"{prefix}/{MANIFEST_NAME}") else None


def publish_manifest(store: Store, manifest: Manifest) -> Manifest:
    """Write the manifest, once. A second writer of the same data set must have made the same bytes.

    Raises:
        StorageError: The folder holds another manifest.
    """
    key = manifest.key(MANIFEST_NAME)
    data = manifest.to_bytes()
    try:
        store.create(key, data)
    except AlreadyExistsError:
        if store.read(key) != data:
            raise StorageError("another manifest is there", where=key, fix="two runs made different data") from None
    return manifest


def fingerprint_of(parts: dict[str, Any]) -> str:
    """sha256 (hex) over a JSON-like value, independent of key order."""
    canonical = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
