"""Shows a node's result in the pipeline: a small manifest, metrics and pages, never the data set itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

from gmlm.deployment import Exported
from gmlm.kubernetes.node import NodeResult


class OutputArtifact(Protocol):
    """What kfp hands a component for an output: a local path to write to, and metadata."""

    path: str
    metadata: dict[str, Any]


def write_manifest(result: NodeResult, artifact: OutputArtifact) -> None:
    """Write the manifest, or the status of a node without one, and its address in the store."""
    if result.manifest is None:
        _write(artifact, json.dumps({"node": result.node, "status": result.status, "message": result.message}))
    else:
        _write(artifact, result.manifest.to_bytes().decode())
        artifact.metadata["prefix"] = result.manifest.prefix
    artifact.metadata |= {"node": result.node, "status": result.status}


def write_metrics(result: NodeResult, artifact: OutputArtifact) -> None:
    """Show counters and metrics; the file is written too, as kfp's local cache takes one without for a miss."""
    found = {**result.manifest.counters, **result.manifest.metrics} if result.manifest else {}
    artifact.metadata |= found
    _write(artifact, json.dumps(found, sort_keys=True))


def write_page(result: NodeResult, ending: str, artifact: OutputArtifact) -> None:
    """Show a page of the report, `html` or `md`; what is missing is said in its place."""
    _write(artifact, result.pages.get(ending, f"{result.node}: {result.status}. {result.message}"))


def write_export(exported: Exported, artifact: OutputArtifact) -> None:
    """Show the card of an exported model, and where the model lies."""
    _write(artifact, exported.card)
    artifact.metadata |= {"node": exported.node, "target": exported.target, "bytes": exported.bytes}


def _write(artifact: OutputArtifact, text: str) -> None:
    path = Path(artifact.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
