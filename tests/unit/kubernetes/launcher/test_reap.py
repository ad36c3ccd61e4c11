"""The reaper removes what runs have left behind that are over, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gmlm.errors import AccessDeniedError, ClusterError
from gmlm.kubernetes.launcher import reap as reap_module
from gmlm.kubernetes.launcher.group import PodGroup
from gmlm.kubernetes.launcher.names import RUN_LABEL
from gmlm.kubernetes.launcher.reap import reap, reap_own
from gmlm.kubernetes.launcher.render import render_group
from gmlm.kubernetes.notification import notify_exit

Make = Callable[..., PodGroup]


def workflow(phase: str, run: str = "run-1") -> dict[str, Any]:
    status = {"status": {"phase": phase}} if phase else {}
    return {"kind": "Workflow", "metadata": {"name": f"w-{run}", "labels": {"pipeline/runid": run}}, **status}


def made(cluster: Any, group: PodGroup) -> str:
    for manifest in render_group(group):
        cluster.create(manifest)
    return f"{render_group(group)[0]['kind']}/{group.name}"


@pytest.mark.parametrize("launcher", ["trainjob", "jobset", "job"])
@pytest.mark.parametrize("phase", ["Failed", "Error", "Succeeded"])
def test_a_group_whose_run_has_ended_is_removed(cluster: Any, make_group: Make, launcher: str, phase: str) -> None:
    name = made(cluster, make_group(launcher))
    cluster.create(workflow(phase))
    assert reap(cluster) == [name]
    assert tuple(name.split("/")) not in cluster.objects


def test_a_group_whose_run_is_forgotten_is_removed(cluster: Any, make_group: Make) -> None:
    assert reap(cluster) == [] == cluster.calls
    name = made(cluster, make_group())
    assert reap(cluster) == [name]


@pytest.mark.parametrize("condition", ["Failed", "Complete", "Completed"])
def test_a_group_that_has_ended_stays_to_be_looked_at(cluster: Any, make_group: Make, condition: str) -> None:
    """It holds no resources, and goes with its workflow."""
    made(cluster, make_group())
    for found in cluster.objects.values():
        found["status"] = {"conditions": [{"type": condition, "status": "True"}]}
    assert reap(cluster) == []


def test_a_group_that_waits_in_a_queue_is_removed(cluster: Any, make_group: Make) -> None:
    name = made(cluster, make_group())
    for found in cluster.objects.values():
        found["status"] = {"conditions": [{"type": "Suspended", "status": "True"}]}
    assert reap(cluster) == [name]


@pytest.mark.parametrize("phase", ["Running", "Pending", ""])
def test_a_group_whose_run_goes_on_stays(cluster: Any, make_group: Make, phase: str) -> None:
    made(cluster, make_group())
    cluster.create(workflow(phase))
    assert reap(cluster) == []
    assert len(cluster.objects) == 2


@pytest.mark.parametrize("spec", [{"activeDeadlineSeconds": 0}, {"shutdown": "Stop"}, {"shutdown": "Terminate"}])
def test_a_group_whose_run_was_cancelled_is_removed_though_argo_calls_it_running(
    cluster: Any, make_group: Make, spec: dict[str, Any]
) -> None:
    name = made(cluster, make_group())
    cluster.create(workflow("Running") | {"spec": spec})
    assert reap(cluster) == [name]


@pytest.mark.parametrize("spec", [{"activeDeadlineSeconds": 3600}, {"shutdown": ""}])
def test_a_run_with_a_deadline_ahead_is_not_cancelled(cluster: Any, make_group: Make, spec: dict[str, Any]) -> None:
    made(cluster, make_group())
    cluster.create(workflow("Running") | {"spec": spec})
    assert reap(cluster) == []


def test_looking_removes_nothing(cluster: Any, make_group: Make) -> None:
    name = made(cluster, make_group())
    assert reap(cluster, dry_run=True) == [name]
    assert len(cluster.objects) == 1


def test_a_run_that_is_known_to_be_over_is_not_looked_up(cluster: Any, make_group: Make) -> None:
    name = made(cluster, make_group())
    cluster.create(workflow("Running"))
    assert reap(cluster, run="another") == []
    assert reap(cluster, run="run-1") == [name]


@pytest.mark.parametrize("missing", ["app.kubernetes.io/managed-by", "app.kubernetes.io/part-of", RUN_LABEL])
def test_what_lacks_a_label_of_ours_is_left_alone(cluster: Any, make_group: Make, missing: str) -> None:
    """Without a run nobody can say that it is over: `gmlm kubernetes launch` from a shell makes such groups."""
    (manifest,) = render_group(make_group())
    del manifest["metadata"]["labels"][missing]
    cluster.create(manifest)
    assert reap(cluster) == []
    assert len(cluster.objects) == 1


def test_the_jobset_of_a_trainjob_goes_with_it(cluster: Any, make_group: Make) -> None:
    """Labels are passed on to what controllers make; deleting it there would only have it made again."""
    (manifest,) = render_group(make_group("jobset"))
    manifest["metadata"]["ownerReferences"] = [{"kind": "TrainJob", "controller": True, "uid": "1"}]
    cluster.create(manifest)
    assert reap(cluster) == []


def test_a_child_with_the_labels_of_its_parent_is_left_alone(cluster: Any, make_group: Make) -> None:
    (manifest, _) = render_group(make_group("job"))
    manifest["metadata"]["name"] += "-node-0"
    cluster.create(manifest)
    assert reap(cluster) == []


def test_nothing_is_removed_where_runs_cannot_be_asked_for(cluster: Any, make_group: Make) -> None:
    made(cluster, make_group())
    selecting = cluster.select

    def select(kind: str, selector: str) -> list[dict[str, Any]]:
        if kind == "Workflow":
            raise AccessDeniedError("workflows is forbidden")
        return list(selecting(kind, selector))

    cluster.select = select
    with pytest.raises(AccessDeniedError):
        reap(cluster)
    assert len(cluster.objects) == 1


@pytest.fixture
def in_a_pod(cluster: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """This process, as if it ran in a pod of a namespace."""
    (tmp_path / "namespace").write_text("gmlm")
    monkeypatch.setattr(reap_module, "NAMESPACE_FILE", tmp_path / "namespace")
    monkeypatch.setattr(reap_module, "Cluster", lambda: cluster)
    return cluster


def test_a_run_that_ends_takes_its_groups_along(in_a_pod: Any, make_group: Make, tmp_path: Path) -> None:
    name = made(in_a_pod, make_group())
    in_a_pod.create(workflow("Running"))
    assert f"removed {name}" in notify_exit(str(tmp_path), "name: x\n", "run-1").splitlines()
    assert tuple(name.split("/")) not in in_a_pod.objects


def test_without_rights_or_cluster_the_word_on_a_run_is_given_all_the_same(
    in_a_pod: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(error: Exception) -> None:
        def select(kind: str, selector: str) -> list[dict[str, Any]]:
            raise error

        monkeypatch.setattr(in_a_pod, "select", select, raising=False)

    refuse(AccessDeniedError("jobs is forbidden"))
    assert reap_own("run-1") == []
    refuse(ClusterError("the server does not answer"))
    assert reap_own("run-1") == ["the server does not answer"]
    monkeypatch.setattr(reap_module, "NAMESPACE_FILE", tmp_path / "none")
    assert reap_own("run-1") == []
