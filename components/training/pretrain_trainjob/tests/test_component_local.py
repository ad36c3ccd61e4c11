"""`pretrain_trainjob` in a process of its own: a node that is finished needs no cluster, another one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.training.pretrain_trainjob.component import pretrain_trainjob

pytestmark = pytest.mark.usefixtures("setup_and_teardown_subprocess_runner")
PROFILE = '{"name": "x", "image": "i", "multi_node": {"scratch_claim": "c", "launcher": "job"}}'


def run(planned: Any, stub_study: Path) -> Any:
    return pretrain_trainjob(
        store=planned.store,
        plan=planned.plan,
        node="pretrain/continued",
        profile=PROFILE,
        study_folder=str(stub_study.parent),
    )


def test_a_finished_node_is_recognised(planned: Any, stub_study: Path) -> None:
    task = run(planned, stub_study)
    assert Path(task.outputs["manifest"].path).read_bytes() == planned.manifest("pretrain/continued").read_bytes()
    assert task.outputs["metrics"].metadata == {"f1": 0.5}


def test_without_a_cluster_it_says_so(
    planned: Any, stub_study: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    planned.forget("pretrain/continued")
    task = run(planned, stub_study)
    assert "no cluster is configured" in Path(task.outputs["manifest"].path).read_text()
    assert not planned.manifest("pretrain/continued").exists()
