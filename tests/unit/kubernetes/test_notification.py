"""The word on a run holds failed nodes and dead pods, and never fails itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gmlm.errors import AccessDeniedError, LabelError
from gmlm.kubernetes.launcher import ownership
from gmlm.kubernetes.node import run_planned_node
from gmlm.kubernetes.notification import notify_exit
from gmlm.kubernetes.pods import pod_failures


def test_it_names_failed_nodes(study: Any) -> None:
    study.failures["ingest/german"] = LabelError("a wrong label")
    run_planned_node(str(study.store), study.plan, "ingest/german", str(study.file.parent))
    word = notify_exit(str(study.store), study.file.read_text(), "run-1")
    assert word.splitlines() == ["run run-1 has ended", "ingest/german: LabelError: a wrong label"]


def test_a_run_that_could_not_read_its_study_still_has_its_word(tmp_path: Path) -> None:
    word = notify_exit(str(tmp_path), "modle: 1\n", "run-1")
    assert word.startswith("run run-1 has ended\n")
    assert "modle" in word


def test_outside_of_a_cluster_there_are_no_pods() -> None:
    assert pod_failures("run-1") == []


class OwnPod:
    """A Kubernetes that knows this pod, or lets nobody read pods."""

    def __init__(self, *, readable: bool) -> None:
        self._readable = readable

    def find(self, kind: str, name: str) -> dict[str, Any]:
        if not self._readable:
            raise AccessDeniedError("pods is forbidden")
        assert (kind, name) == ("Pod", "study-1-notify")
        return {"metadata": {"labels": {"pipeline/runid": "the-run"}}}


@pytest.mark.parametrize(("readable", "expected"), [(True, "the-run"), (False, "{{$.pipeline_job_uuid}}")])
def test_the_pod_itself_knows_its_run_where_the_backend_does_not_fill_in_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readable: bool, expected: str
) -> None:
    (tmp_path / "namespace").write_text("kubeflow")
    monkeypatch.setattr(ownership, "NAMESPACE_FILE", tmp_path / "namespace")
    monkeypatch.setattr(ownership, "Cluster", lambda: OwnPod(readable=readable))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KFP_POD_NAME", "study-1-notify")
    word = notify_exit(str(tmp_path), "name: x\n", "{{$.pipeline_job_uuid}}")
    assert word.splitlines()[0] == f"run {expected} has ended"
