"""Groups of pods come back from what befalls them, and leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm.kubernetes.launcher.names import JOB_LABEL, RUN_LABEL
from gmlm.kubernetes.launcher.reap import reap
from gmlm.kubernetes.launcher.state import state_of

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

LAUNCHERS = ("job", "trainjob", "jobset")
NODE = "pretrain/base"
KILL = """
import os, signal
for pid in filter(str.isdigit, os.listdir('/proc')):
    words = open(f'/proc/{pid}/cmdline', 'rb').read().split(b'\\0')
    if b'gmlm.kubernetes.launcher.rank' in words:
        os.kill(int(pid), signal.SIGKILL)
        print(pid)
"""


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_killed_rank_restarts_the_group_which_resumes(
    groups: Any, long: Any, two_ranks: list[float], until: Any, launcher: str
) -> None:
    with long.followed(groups.using(launcher)) as group:
        before, first = until(group.checkpoint), set(group.pods())
        assert group.execute(group.running(1), KILL).strip(), "there was a rank to kill"
        until(lambda: group.replaced(first))
        resumed = until(group.first_step)
        print(f"{launcher}: killed behind checkpoint {before}, went on with step {resumed}", file=sys.stderr)
        assert resumed > before, "it did not begin anew"
        assert group.restarts() >= 1
        assert group.result().status == "done"
    assert long.curve() == two_ranks, "bit for bit"


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_an_evicted_pod_leaves_a_checkpoint(
    groups: Any, long: Any, two_ranks: list[float], until: Any, launcher: str
) -> None:
    """SIGTERM: all ranks write a checkpoint together and end with the exit code that means "resume me".

    An Indexed Job with no restart to spend shows that an interruption costs none.
    """
    with long.followed(groups.using(launcher, restarts=0)) as group:
        until(group.checkpoint)
        first = set(group.pods())
        assert groups.kubectl("delete", "pod", group.running(1), "--wait=false").returncode == 0
        until(lambda: group.replaced(first))
        resumed = until(group.first_step)
        print(f"{launcher}: evicted, went on with step {resumed}", file=sys.stderr)
        assert resumed > 1, "it did not begin anew"
        assert group.result().status == "done"
    assert long.curve() == two_ranks, "bit for bit"


def test_a_launcher_that_died_finds_its_group_again(groups: Any, short: Any, until: Any, tmp_path: Path) -> None:
    profile = groups.using("trainjob")
    (file := tmp_path / "profile.yaml").write_text(yaml.safe_dump(profile.model_dump(mode="json", exclude_unset=True)))
    name = short.manifests(profile)[0]["metadata"]["name"]
    options = ["--store", short.store, "--plan", short.plan, "--profile", str(file)]
    launch = [sys.executable, "-m", "gmlm", "kubernetes", "launch", NODE, *options]
    launch += ["--namespace", groups.cluster.namespace]
    dying = subprocess.Popen(launch)
    made = until(lambda: groups.cluster.find("TrainJob", name))
    dying.kill()
    dying.wait()
    again = subprocess.Popen(launch, stderr=subprocess.PIPE, text=True)
    seen = set()
    while again.poll() is None:
        seen |= {job["metadata"]["uid"] for job in groups.cluster.select("TrainJob", f"{JOB_LABEL}={name}")}
    assert again.stderr is not None
    said = again.stderr.read()
    assert again.returncode == 0, said
    assert "found the group that an earlier attempt has made" in said
    assert seen == {made["metadata"]["uid"]}, "there was one group, and no second"


LAUNCH = "import sys; from gmlm.kubernetes.launcher.launch import launch_node; print(launch_node(*sys.argv[1:]).status)"


def workflow_of(run: str) -> dict[str, Any]:
    """An Argo workflow, as Kubeflow Pipelines makes one per run; no controller works on it in this namespace."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": f"run-{run[:8]}", "labels": {"pipeline/runid": run}},
        "spec": {"entrypoint": "x", "suspend": True, "templates": [{"name": "x", "suspend": {}}]},
        "status": {"phase": "Running"},
    }


def test_launched_in_a_pod_of_a_run_the_group_goes_with_the_run(groups: Any, long: Any, until: Any) -> None:
    """With the service account and the rights of `k8s/base`; the workflow's removal takes launcher and group along."""
    run, cluster = uuid.uuid4().hex, groups.cluster
    cluster.create(workflow_of(run))
    workflow = cluster.find("Workflow", f"run-{run[:8]}")
    owner = {key: workflow[key] for key in ("apiVersion", "kind")}
    owner |= {key: workflow["metadata"][key] for key in ("name", "uid")} | {"controller": True}
    spec = long.manifests(groups.using("job"))[0]["spec"]["template"]["spec"]
    profile = groups.using("trainjob").model_dump_json(exclude_unset=True)
    (container,) = spec["containers"]
    container["command"] = ["python3", "-c", LAUNCH, long.store, long.plan, NODE, profile]
    container["env"] = [item for item in container["env"] if not item["name"].startswith("PET_")]
    spec |= {"serviceAccountName": "gmlm-pipeline", "automountServiceAccountToken": True, "enableServiceLinks": True}
    metadata = {"name": f"launcher-{run[:8]}", "labels": {"pipeline/runid": run}, "ownerReferences": [owner]}
    cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    (trainjob,) = until(lambda: cluster.select("TrainJob", f"{RUN_LABEL}={run}"))
    (reference,) = trainjob["metadata"]["ownerReferences"]
    assert (reference["kind"], reference["uid"]) == ("Workflow", owner["uid"])
    until(lambda: "step, loss" in cluster.tail(metadata["name"], 100))
    cluster.delete("Workflow", owner["name"], seconds=None)
    until(lambda: cluster.find("TrainJob", trainjob["metadata"]["name"]) is None)
    until(lambda: not cluster.pods(f"{JOB_LABEL}={trainjob['metadata']['name']}"))


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_the_reaper_removes_what_a_cancelled_run_has_left(groups: Any, long: Any, until: Any, launcher: str) -> None:
    run, cluster = uuid.uuid4().hex, groups.cluster
    cluster.create(workflow_of(run))
    made = long.manifests(groups.using(launcher), run)
    kind, name = str(made[0]["kind"]), str(made[0]["metadata"]["name"])
    for manifest in made:
        cluster.create(manifest)
    until(lambda: any(pod["status"].get("phase") == "Running" for pod in cluster.pods(f"{JOB_LABEL}={name}")))
    assert f"{kind}/{name}" not in reap(cluster), "its run is under way"
    cluster.patch("Workflow", f"run-{run[:8]}", {"status": {"phase": "Failed"}})
    assert f"{kind}/{name}" in reap(cluster, dry_run=True)
    assert cluster.find(kind, name) is not None
    assert f"{kind}/{name}" in reap(cluster)
    until(lambda: cluster.find(kind, name) is None)
    until(lambda: not cluster.pods(f"{JOB_LABEL}={name}"))
    for manifest in made[1:]:  # without a launcher, nothing has made it the group's
        cluster.delete(manifest["kind"], name, seconds=30)
    cluster.delete("Workflow", f"run-{run[:8]}", seconds=30)


def test_what_lacks_the_labels_is_left_alone(groups: Any) -> None:
    """A job that looks like ours, but was not made by the launcher."""
    run = uuid.uuid4().hex
    name = f"foreign-{run[:8]}"
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "x", "image": groups.profile.image}]}}
    foreign = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {RUN_LABEL: run, JOB_LABEL: name}},
        "spec": {"suspend": True, "template": pod},
    }
    groups.cluster.create(foreign)
    assert reap(groups.cluster, run=run) == []
    assert state_of(groups.cluster.find("Job", name) or {}).phase == "suspended"
    groups.cluster.delete("Job", name, seconds=30)
