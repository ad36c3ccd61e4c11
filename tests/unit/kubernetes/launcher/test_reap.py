"""The reaper removes what runs have left behind that are over, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gmlm.errors import AccessDeniedError
from gmlm.kubernetes.launcher.group import PodGroup
from gmlm.kubernetes.launcher.names import RUN_LABEL
from gmlm.kubernetes.launcher.reap import reap
from gmlm.kubernetes.launcher.render import render_group

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


@pytest.mark.parametrize("phase", ["Running", "Pending", ""])
def test_a_group_whose_run_goes_on_stays(cluster: Any, make_group: Make, phase: str) -> None:
    made(cluster, make_group())
    cluster.create(workflow(phase))
    assert reap(cluster) == []
    assert len(cluster.objects) == 2


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
