"""`pretrain_trainjob` launches the node that it is given and shows the node's manifest and metrics."""

from __future__ import annotations

from typing import Any

import pytest

from components.training.pretrain_trainjob.component import pretrain_trainjob
from gmlm.kubernetes.launcher import launch as launch_module
from gmlm.kubernetes.node import NodeResult
from gmlm.manifest import Manifest

MANIFEST = Manifest(
    kind="model",
    stage="pretrain",
    name="x",
    fingerprint="f" * 64,
    code_version="1",
    config={},
    counters={"in": 3, "out": 2, "rejected": 1},
    metrics={"holdout_loss": 0.5},
)
PROFILE = '{"name": "x", "image": "i", "multi_node": {"scratch_claim": "c"}}'


def run(monkeypatch: pytest.MonkeyPatch, output: Any, result: NodeResult) -> tuple[list[Any], Any, Any]:
    asked: list[Any] = []
    monkeypatch.setattr(launch_module, "launch_node", lambda *arguments: asked.append(arguments) or result)
    manifest, metrics = output("manifest"), output("metrics")
    pretrain_trainjob.python_func("store", "plans/x/1.json", "pretrain/base", PROFILE, manifest, metrics, "folder")
    return asked, manifest, metrics


def test_a_finished_node_shows_manifest_and_metrics(monkeypatch: pytest.MonkeyPatch, output: Any) -> None:
    asked, manifest, metrics = run(monkeypatch, output, NodeResult("pretrain/base", "done", manifest=MANIFEST))
    assert asked == [("store", "plans/x/1.json", "pretrain/base", PROFILE, "folder")]
    assert manifest.json()["fingerprint"] == "f" * 64
    assert metrics.json() == {"in": 3, "out": 2, "rejected": 1, "holdout_loss": 0.5}


def test_a_failed_node_shows_its_status(monkeypatch: pytest.MonkeyPatch, output: Any) -> None:
    _, manifest, metrics = run(monkeypatch, output, NodeResult("pretrain/base", "failed", "what to do"))
    assert manifest.json() == {"node": "pretrain/base", "status": "failed", "message": "what to do"}
    assert metrics.json() == {}
