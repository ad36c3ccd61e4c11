"""Lineage: from any finished data set back to the raw inputs, with every hash on the way checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import PurePosixPath

from gmlm.errors import ConfigError, InputNotFoundError, StorageError
from gmlm.manifest import MANIFEST_NAME, InputManifest, Manifest, RawInput
from gmlm.storage import Store, open_store
from gmlm.usage.environment import described
from gmlm.usage.record import records_of

DIGITS = 16
"""Digits of a sha256 that the tree shows."""


class Finding(StrEnum):
    """What became of a data set's manifest since it was used."""

    OK = "ok"
    MISSING = "MISSING"
    MISMATCH = "MISMATCH"
    """Its bytes have another sha256 than recorded: what it names now is not what was used, so the trace ends here."""
    DAMAGED = "DAMAGED"


@dataclass(frozen=True)
class LineageNode:
    """A data set and what it was made from.

    Attributes:
        role: What it was to the data set made from it; empty for the root.
        prefix: Its folder in the store.
        sha256: sha256 (hex) of its manifest as recorded by the data set made from it; the root's is what is there.
        finding: Whether the manifest is there and is the one recorded.
        kind: Kind of the data set, such as `documents`; empty where the manifest is not to be trusted.
        raw_inputs: Files from outside the store.
        inputs: The data sets that it was made from.
        fingerprint: Identity of the work that made it; empty where the kind is.
    """

    role: str
    prefix: str
    sha256: str
    finding: Finding
    kind: str = ""
    raw_inputs: tuple[RawInput, ...] = ()
    inputs: tuple[LineageNode, ...] = ()
    fingerprint: str = ""

    @cached_property
    def intact(self) -> bool:
        """Whether every manifest from here back to the raw inputs is the one recorded."""
        return self.finding is Finding.OK and all(node.intact for node in self.inputs)


def lineage(store: Store, prefix: str) -> LineageNode:
    """Trace a data set back to its raw inputs; a data set that several were made from is read once.

    Raises:
        InputNotFoundError: The folder has no manifest.
        StorageError: Its manifest is damaged.
    """
    data = store.read(f"{prefix}/{MANIFEST_NAME}")
    itself = InputManifest(role="", prefix=prefix, sha256=hashlib.sha256(data).hexdigest())
    node = _Tracer(store).trace(itself)
    if node.finding is Finding.DAMAGED:
        raise StorageError("damaged manifest", where=f"{prefix}/{MANIFEST_NAME}", fix="run the stage again")
    return node


class _Tracer:
    """Remembers what it has traced, so that shared inputs cost one read, not one per path."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[str, str], LineageNode] = {}

    def trace(self, recorded: InputManifest) -> LineageNode:
        identity = (recorded.prefix, recorded.sha256)
        if identity not in self._known:
            self._known[identity] = self._read(recorded)
        return replace(self._known[identity], role=recorded.role)

    def _read(self, recorded: InputManifest) -> LineageNode:
        def node(finding: Finding) -> LineageNode:
            return LineageNode(recorded.role, recorded.prefix, recorded.sha256, finding)

        try:
            data = self._store.read(f"{recorded.prefix}/{MANIFEST_NAME}")
        except InputNotFoundError:
            return node(Finding.MISSING)
        if hashlib.sha256(data).hexdigest() != recorded.sha256:
            return node(Finding.MISMATCH)
        try:
            manifest = Manifest.from_bytes(data)
        except ValueError:
            return node(Finding.DAMAGED)
        # A verified manifest holds its inputs' hashes, so no chain of them can come back to itself.
        inputs = tuple(self.trace(made_from) for made_from in manifest.inputs)
        return LineageNode(
            recorded.role,
            recorded.prefix,
            recorded.sha256,
            Finding.OK,
            manifest.kind,
            manifest.raw_inputs,
            inputs,
            manifest.fingerprint,
        )


def render(node: LineageNode) -> str:
    """The tree for a terminal. A part that occurs again is shown once, and referred to by `(above)` afterwards."""
    lines = list(_lines(node, "", "", set()))
    if not node.intact:
        lines.append("Not everything here is what was used: the data set cannot be traced to all of its inputs.")
    return "\n".join(lines)


def _lines(node: LineageNode, first: str, rest: str, shown: set[tuple[str, str]]) -> Iterator[str]:
    role = f"{node.role}: " if node.role else ""
    kind = f"  {node.kind}" if node.kind else ""
    line = f"{first}{role}{node.prefix}{kind}  sha256 {node.sha256[:DIGITS]}  {node.finding}"
    identity = (node.prefix, node.sha256)
    if identity in shown and (node.inputs or node.raw_inputs):
        yield f"{line} (above)"
        return
    shown.add(identity)
    yield line
    last = len(node.raw_inputs) + len(node.inputs) - 1
    for number, raw in enumerate(node.raw_inputs):
        branch = "└─ " if number == last else "├─ "
        yield f"{rest}{branch}raw: {raw.name}  {raw.bytes:,} bytes  sha256 {raw.sha256[:DIGITS]}"
    for number, made_from in enumerate(node.inputs, len(node.raw_inputs)):
        branch, below = ("└─ ", "   ") if number == last else ("├─ ", "│  ")
        yield from _lines(made_from, rest + branch, rest + below, shown)


def environments(store: Store, node: LineageNode) -> dict[str, list[str]]:
    """Outputs on the way back to the raw inputs, `STAGE/NAME`, by what they were computed with.

    An output that was interrupted may have several; one that was made before this was recorded has none.
    """
    found: dict[str, list[str]] = {}
    for made in _parts(node, {}).values():
        stage, name, _ = made.prefix.split("/")
        records = records_of(store, stage, name, made.fingerprint) if made.fingerprint else []
        for text in sorted({described(record.environment) for record in records if record.environment}):
            found.setdefault(text, []).append(f"{stage}/{name}")
    return found


def _parts(node: LineageNode, seen: dict[str, LineageNode]) -> dict[str, LineageNode]:
    """A data set and all that it was made from, each once, by prefix."""
    if node.prefix not in seen:
        seen[node.prefix] = node
        for made_from in node.inputs:
            _parts(made_from, seen)
    return seen


def locate(uri: str) -> tuple[Store, str]:
    """Open the store that holds a data set, given the address of its folder or manifest, and return its prefix too.

    The store's root is the folder above `STAGE/NAME/FINGERPRINT`.

    Raises:
        ConfigError: The address is too short to be a data set's.
        InputNotFoundError: There is no finished data set.
    """
    remote = uri.startswith("s3://")
    path = PurePosixPath(uri.removeprefix("s3://") if remote else os.path.abspath(uri))
    folder = path.parent if path.name == MANIFEST_NAME else path
    parts = folder.parts
    if len(parts) < 4:  # a bucket, or the root folder, before the three
        fix = "give the folder STORE/STAGE/NAME/FINGERPRINT, for example runs/report/report/0123456789ab"
        raise ConfigError("not the address of a data set", where=uri, fix=fix)
    root, prefix = PurePosixPath(*parts[:-3]), "/".join(parts[-3:])
    store = open_store(f"s3://{root}" if remote else str(root))
    if not store.exists(f"{prefix}/{MANIFEST_NAME}"):
        fix = "give the folder STORE/STAGE/NAME/FINGERPRINT of a finished stage"
        raise InputNotFoundError("no finished data set", where=uri, fix=fix)
    return store, prefix
