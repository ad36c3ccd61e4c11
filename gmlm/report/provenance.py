"""Where everything came from: the account of records and the lineage of every data set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gmlm.manifest import InputManifest, Manifest, RawInput

STAGE_ORDER = (
    "ingest",
    "task",
    "translator",
    "translator-score",
    "translate",
    "task-translation",
    "corpus",
    "treatment",
    "tokenizer",
    "base-model",
    "vocabulary",
    "tokens",
    "pretrain",
    "checkpoint",
    "finetune",
    "floor",
    "import",
    "evaluate",
    "audit",
)
"""The stages in the order in which a study runs them."""
FILES_LISTED = 12
"""Raw inputs of a node up to this number are listed one by one."""
REASONS = ("rejected: ", "dropped: ", "left out: ", "test texts ", "test documents ")
"""Beginnings of the counters that explain an account or warn of it."""


@dataclass(frozen=True)
class Account:
    """Records that went into a stage and what became of them."""

    node: str
    taken: int
    out: int
    rejected: int
    dropped: int
    balanced: bool
    """Whether in = out + rejected + dropped."""
    reasons: dict[str, int]


@dataclass(frozen=True)
class RawInputs:
    """The files from outside that a stage read. A few are listed one by one; all are in the node's manifest."""

    files: int
    bytes: int
    sha256: str
    """Of all together: over the lines `SHA256  NAME` of the files, sorted; for one file its own."""
    listed: tuple[RawInput, ...]


@dataclass(frozen=True)
class LineageNode:
    """A data set of the study, with the hashes of what it was made from."""

    node: str
    kind: str
    fingerprint: str
    manifest_sha256: str
    code_version: str
    files: int
    bytes: int
    inputs: tuple[InputManifest, ...]
    raw: RawInputs | None


def in_order(inputs: Mapping[str, Manifest]) -> dict[str, Manifest]:
    """The study's nodes by id, stage after stage and by name within."""

    def position(node: str) -> tuple[int, str]:
        stage = node.partition("/")[0]
        return (STAGE_ORDER.index(stage) if stage in STAGE_ORDER else len(STAGE_ORDER), node)

    return {node: inputs[node] for node in sorted(inputs, key=position)}


def account_of(node: str, manifest: Manifest) -> Account | None:
    """The account of one node; None where it counts no records."""
    counters = manifest.counters
    if "in" not in counters or "out" not in counters:
        return None
    taken, out = counters["in"], counters["out"]
    rejected, dropped = counters.get("rejected", 0), counters.get("dropped", 0)
    reasons = {name: n for name, n in sorted(counters.items()) if name.startswith(REASONS) and n}
    return Account(node, taken, out, rejected, dropped, taken == out + rejected + dropped, reasons)


def lineage_of(node: str, manifest: Manifest) -> LineageNode:
    """What one node was made from."""
    return LineageNode(
        node=node,
        kind=manifest.kind,
        fingerprint=manifest.fingerprint,
        manifest_sha256=manifest.sha256,
        code_version=manifest.code_version,
        files=len(manifest.files),
        bytes=sum(entry.bytes for entry in manifest.files),
        inputs=manifest.inputs,
        raw=_raw_inputs(manifest.raw_inputs) if manifest.raw_inputs else None,
    )


def _raw_inputs(raw: Sequence[RawInput]) -> RawInputs:
    lines = sorted(f"{file.sha256}  {file.name}\n" for file in raw)
    together = hashlib.sha256("".join(lines).encode()).hexdigest()
    return RawInputs(
        files=len(raw),
        bytes=sum(file.bytes for file in raw),
        sha256=raw[0].sha256 if len(raw) == 1 else together,
        listed=tuple(raw) if len(raw) <= FILES_LISTED else (),
    )
