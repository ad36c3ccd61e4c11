"""A node that a group runs ends as one that runs here: manifest, recorded failure, or a retry."""

from __future__ import annotations

from typing import Any

import pytest

from gmlm.errors import TrainingError
from gmlm.kubernetes.launcher.launch import by_group, launch_node
from gmlm.kubernetes.launcher.names import RUN_LABEL
from gmlm.kubernetes.launcher.ownership import own_run
from gmlm.kubernetes.node import NodeResult, run_planned_node
from gmlm.kubernetes.profile import Profile
from gmlm.kubernetes.statuses import failure_of, list_failures, write_failure
from gmlm.study.plan_file import read_plan

NODE = "ingest/german"
COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}]}


@pytest.fixture
def pods(study: Any, opened: Any, cluster: Any) -> Any:
    """A cluster whose pods finish the node while the launcher follows."""
    cluster.script = [COMPLETE]
    cluster.outcome = lambda: run_planned_node(str(study.store), study.plan, NODE, str(study.file.parent))
    removing = cluster.delete

    def delete(kind: str, name: str, *, seconds: float | None) -> None:
        cluster.outcome()
        removing(kind, name, seconds=seconds)

    cluster.delete = delete
    return cluster


def launched(study: Any, cluster: Any, profile: Profile) -> NodeResult:
    work = by_group(profile, str(study.store), study.plan, str(study.file.parent), cluster)
    return run_planned_node(str(study.store), study.plan, NODE, work=work)


def test_the_manifest_of_the_group_is_the_nodes(study: Any, pods: Any, profile: Profile) -> None:
    result = launched(study, pods, profile)
    assert result.status == "done"
    assert result.manifest is not None
    assert study.ran == [NODE], "it ran in the pods, and not in the launcher too"


def test_a_finished_node_launches_nothing(study: Any, pods: Any, profile: Profile) -> None:
    launched(study, pods, profile)
    pods.calls.clear()
    assert launch_node(str(study.store), study.plan, NODE, profile.model_dump_json(exclude_unset=True)).status == "done"
    assert pods.calls == []


def test_a_node_without_its_inputs_launches_nothing(study: Any, pods: Any, profile: Profile) -> None:
    work = by_group(profile, str(study.store), study.plan, "", pods)
    result = run_planned_node(str(study.store), study.plan, "pretrain/base", work=work)
    assert result.status == "left out"
    assert pods.calls == []


def test_an_error_that_the_pods_recorded_is_told_and_not_tried_again(
    study: Any, opened: Any, pods: Any, profile: Profile
) -> None:
    fingerprint = read_plan(opened, study.plan).nodes[NODE].fingerprint
    error = failure_of(NODE, fingerprint, ValueError())
    pods.outcome = lambda: write_failure(opened, "small", error.model_copy(update={"error": "ModelMismatchError"}))
    result = launched(study, pods, profile)
    assert result.status == "failed"
    assert "ModelMismatchError" in result.message
    (failure,) = list_failures(opened, "small")
    assert "ModelMismatchError" in failure.message


def test_a_group_that_leaves_nothing_is_worth_a_retry(study: Any, pods: Any, profile: Profile) -> None:
    pods.outcome = lambda: None
    with pytest.raises(TrainingError, match="left no manifest"):
        launched(study, pods, profile)


def test_in_a_pipeline_the_group_belongs_to_its_workflow(
    study: Any, pods: Any, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "w", "uid": "7", "controller": True}
    pod = {"kind": "Pod", "metadata": {"name": "me", "labels": {"pipeline/runid": "r-1"}, "ownerReferences": [owner]}}
    pods.create(pod)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KFP_POD_NAME", "me")
    seen: list[Any] = []
    making = pods.create
    pods.create = lambda manifest: (seen.append(manifest), making(manifest))[1]
    launched(study, pods, profile)
    (group,) = seen
    assert group["metadata"]["labels"][RUN_LABEL] == "r-1"
    (reference,) = group["metadata"]["ownerReferences"]
    assert reference == {key: owner[key] for key in ("apiVersion", "kind", "name", "uid")} | {
        "blockOwnerDeletion": False
    }


def test_outside_of_a_cluster_there_is_no_run(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert own_run(cluster).workflow is None
