"""`audit` runs the node that it is given and shows the node's manifest and metrics."""

from __future__ import annotations

from typing import Any

import pytest

from components.evaluation.audit.component import audit
from gmlm.kubernetes import node as node_module
from gmlm.kubernetes.node import NodeResult
from gmlm.manifest import Manifest

MANIFEST = Manifest(
    kind="documents",
    stage="audit",
    name="x",
    fingerprint="f" * 64,
    code_version="1",
    config={},
    counters={"in": 3, "out": 2, "rejected": 1},
    metrics={"score": 0.5},
)


def run(monkeypatch: pytest.MonkeyPatch, output: Any, result: NodeResult) -> tuple[list[Any], Any, Any]:
    asked: list[Any] = []
    monkeypatch.setattr(node_module, "run_planned_node", lambda *arguments: asked.append(arguments) or result)
    manifest, metrics = output("manifest"), output("metrics")
    audit.python_func("store", "plans/x/1.json", "audit/continued", manifest, metrics, "folder")
    return asked, manifest, metrics


def test_a_finished_node_shows_manifest_and_metrics(monkeypatch: pytest.MonkeyPatch, output: Any) -> None:
    result = NodeResult("audit/continued", "done", manifest=MANIFEST)
    asked, manifest, metrics = run(monkeypatch, output, result)
    assert asked == [("store", "plans/x/1.json", "audit/continued", "folder")]
    assert manifest.json()["fingerprint"] == "f" * 64
    assert metrics.metadata == metrics.json() == {"in": 3, "out": 2, "rejected": 1, "score": 0.5}


def test_a_failed_node_shows_its_status(monkeypatch: pytest.MonkeyPatch, output: Any) -> None:
    result = NodeResult("audit/continued", "failed", "what to do")
    _, manifest, metrics = run(monkeypatch, output, result)
    assert manifest.json() == {"node": "audit/continued", "status": "failed", "message": "what to do"}
    assert metrics.json() == {}
