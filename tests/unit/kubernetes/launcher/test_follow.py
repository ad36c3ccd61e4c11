"""A group is made once, found again, followed to its end, and started again as often as it may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gmlm.errors import ClusterError, StageFailedError, TrainingError
from gmlm.kubernetes.launcher import follow
from gmlm.kubernetes.launcher.follow import BLOCKED_SECONDS, POLL_SECONDS, Follower
from gmlm.kubernetes.launcher.group import PodGroup
from gmlm.kubernetes.launcher.names import RESTARTS_ANNOTATION, RUN_LABEL
from gmlm.kubernetes.launcher.render import render_group

Make = Callable[..., PodGroup]


def status(kind: str, reason: str = "", message: str = "") -> dict[str, Any]:
    """What a group shows: `Running` has no condition yet."""
    conditions = [{"type": kind, "status": "True", "reason": reason, "message": message}] if kind != "Running" else []
    return {"conditions": conditions}


RUNNING, COMPLETE, SUSPENDED = status("Running"), status("Complete"), status("Suspended")
BROKEN = status("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
INTERRUPTED = status("Failed", "PodFailurePolicy", "Container node for pod x failed with exit code 130")


class Clock:
    """Time that passes by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def run(cluster: Any, group: PodGroup, *script: dict[str, Any]) -> Clock:
    cluster.script = list(script)
    clock = Clock()
    Follower(cluster, group, clock=clock, sleep=clock.sleep).run()
    return clock


def created(cluster: Any) -> list[str]:
    return [kind for verb, kind, _ in cluster.calls if verb == "create"]


@pytest.mark.parametrize(("launcher", "kind"), [("trainjob", "TrainJob"), ("jobset", "JobSet")])
def test_a_group_is_made_followed_and_removed(cluster: Any, make_group: Make, launcher: str, kind: str) -> None:
    clock = run(
        cluster, make_group(launcher), RUNNING, RUNNING, status("Completed" if kind == "JobSet" else "Complete")
    )
    assert [(verb, what) for verb, what, _ in cluster.calls] == [("create", kind), ("delete", kind)]
    assert clock.now == 2 * POLL_SECONDS
    assert cluster.objects == {}


def test_the_service_belongs_to_its_job(cluster: Any, make_group: Make) -> None:
    kept: list[Any] = []
    removing = cluster.delete
    cluster.delete = lambda *a, **k: (kept.append(cluster.objects.get(a)), removing(*a, **k))
    run(cluster, make_group("job"), RUNNING, COMPLETE)
    service = next(item for item in kept if item["kind"] == "Service")
    (owner,) = service["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Job", "uid-1")
    assert created(cluster) == ["Job", "Service"]


def test_a_second_launcher_makes_nothing(cluster: Any, make_group: Make, capsys: pytest.CaptureFixture[str]) -> None:
    group = make_group("trainjob")
    cluster.create(render_group(group)[0])
    cluster.calls.clear()
    run(cluster, group, RUNNING, COMPLETE)
    assert created(cluster) == []
    assert "found the group that an earlier attempt has made" in capsys.readouterr().err


def test_a_group_that_was_found_lives_as_long_as_the_new_run_too(cluster: Any, make_group: Make) -> None:
    group = make_group("trainjob")
    (manifest,) = render_group(group)
    old = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "old", "uid": "1"}
    manifest["metadata"] |= {"labels": group.labels | {RUN_LABEL: "an-older-run"}, "ownerReferences": [old]}
    cluster.create(manifest)
    patched: list[Any] = []
    cluster.patch = lambda kind, name, change: patched.append(change)
    run(cluster, group, RUNNING, COMPLETE)
    (change,) = patched
    assert change["metadata"]["labels"] == {RUN_LABEL: "run-1"}
    assert [owner["name"] for owner in change["metadata"]["ownerReferences"]] == ["old", "study-x7k2p"]


@pytest.mark.parametrize("ended", [BROKEN, COMPLETE])
def test_what_has_ended_without_finishing_the_node_is_made_again(
    cluster: Any, make_group: Make, ended: dict[str, Any]
) -> None:
    """A retry of the task comes here only while the store has no manifest."""
    group = make_group("jobset")
    cluster.create(render_group(group)[0])
    cluster.calls.clear()
    run(cluster, group, ended, RUNNING, COMPLETE)
    assert [verb for verb, _, _ in cluster.calls] == ["delete", "create", "delete"]


def test_a_group_that_is_being_removed_is_waited_for(cluster: Any, make_group: Make) -> None:
    group = make_group("trainjob")
    (manifest,) = render_group(group)
    manifest["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    cluster.create(manifest)
    cluster.calls.clear()
    run(cluster, group, RUNNING, COMPLETE)
    assert [verb for verb, _, _ in cluster.calls] == ["delete", "create", "delete"]


def test_a_failed_job_is_made_again_and_counts_it(cluster: Any, make_group: Make) -> None:
    seen: list[str] = []
    making = cluster.create

    def create(manifest: dict[str, Any]) -> bool:
        if manifest["kind"] == "Job":
            seen.append(manifest["metadata"]["annotations"][RESTARTS_ANNOTATION])
        return bool(making(manifest))

    cluster.create = create
    run(cluster, make_group("job", restarts=2), RUNNING, RUNNING, BROKEN, RUNNING, RUNNING, BROKEN, RUNNING, COMPLETE)
    assert seen == ["0", "1", "2"]


def test_a_job_that_fails_too_often_fails_the_task_and_stays(cluster: Any, make_group: Make) -> None:
    cluster.its_pods = [
        {
            "metadata": {"name": "x-1", "labels": {}},
            "status": {
                "phase": "Failed",
                "containerStatuses": [
                    {"name": "node", "state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}
                ],
            },
        }
    ]
    group = make_group("job", restarts=0)
    with pytest.raises(TrainingError, match=r"backoff limit; x-1: node: OOMKilled, exit code 137"):
        run(cluster, group, RUNNING, RUNNING, BROKEN)
    assert ("Job", group.name) in cluster.objects, "it stays to be looked at"


def test_an_interruption_is_no_failure(cluster: Any, make_group: Make) -> None:
    """A drained node, a preemption: as often as it comes."""
    run(cluster, make_group("job", restarts=0), RUNNING, RUNNING, INTERRUPTED, RUNNING, INTERRUPTED, RUNNING, COMPLETE)
    assert created(cluster).count("Job") == 3


@pytest.mark.parametrize("launcher", ["trainjob", "jobset"])
def test_the_others_start_again_by_themselves_until_they_fail(cluster: Any, make_group: Make, launcher: str) -> None:
    with pytest.raises(TrainingError, match="reached the specified backoff limit"):
        run(cluster, make_group(launcher), RUNNING, BROKEN)
    assert len(created(cluster)) == 1


def test_a_deadline_of_kubernetes_is_final(cluster: Any, make_group: Make) -> None:
    with pytest.raises(StageFailedError, match="not finished after 3600 s"):
        run(cluster, make_group("job"), RUNNING, RUNNING, status("Failed", "DeadlineExceeded"))


def test_the_launcher_keeps_the_deadline_itself(cluster: Any, make_group: Make) -> None:
    with pytest.raises(StageFailedError, match="not finished after 3600 s"):
        run(cluster, make_group("jobset"), RUNNING)
    assert cluster.objects == {}


def test_a_group_that_someone_removes_is_worth_a_retry(cluster: Any, make_group: Make) -> None:
    clock = Clock()
    group = make_group("trainjob")

    def vanish(seconds: float) -> None:
        cluster.objects.clear()

    with pytest.raises(ClusterError, match="removed by someone else"):
        Follower(cluster, group, clock=clock, sleep=vanish).run()


def waiting(reason: str) -> list[dict[str, Any]]:
    container = {"name": "node", "state": {"waiting": {"reason": reason, "message": "secret gmlm-store not found"}}}
    return [
        {"metadata": {"name": "x-0", "labels": {}}, "status": {"phase": "Pending", "containerStatuses": [container]}}
    ]


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "CreateContainerConfigError", "ErrImageNeverPull"])
def test_what_time_does_not_cure_is_not_waited_for(cluster: Any, make_group: Make, reason: str) -> None:
    cluster.its_pods, cluster.script, clock = waiting(reason), [RUNNING], Clock()
    with pytest.raises(ClusterError, match=f"{reason}.*secret gmlm-store not found"):
        Follower(cluster, make_group("job"), clock=clock, sleep=clock.sleep).run()
    assert BLOCKED_SECONDS < clock.now < BLOCKED_SECONDS + 3 * POLL_SECONDS
    assert cluster.objects == {}


def test_an_image_that_comes_late_is_waited_for(cluster: Any, make_group: Make) -> None:
    clock = Clock()
    cluster.its_pods, cluster.script = waiting("ErrImagePull"), [RUNNING]

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now > BLOCKED_SECONDS - 20:
            cluster.its_pods = []
        if clock.now > 2 * BLOCKED_SECONDS:
            cluster.script = [COMPLETE]

    Follower(cluster, make_group("job"), clock=clock, sleep=sleep).run()
    assert clock.now > 2 * BLOCKED_SECONDS


LOG = """{"time": "x", "message": "stage started"}
Patient Mustermann, 3 of 9 documents (33%), loss of weight
Pretrain base on general: 20 of 600 step (3%), 1:10 left, 8 step/s, loss 5.061
"""


def test_progress_of_rank_0_is_passed_on_and_no_other_line(
    cluster: Any, make_group: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.log = LOG
    index = {"batch.kubernetes.io/job-completion-index": "0"}
    cluster.its_pods = [{"metadata": {"name": "x-0", "labels": index}, "status": {"phase": "Running"}}]
    group = make_group("trainjob")
    run(cluster, group, RUNNING, RUNNING, RUNNING, COMPLETE)
    said = capsys.readouterr().err.splitlines()
    assert said == [f"TrainJob/{group.name}: made, 2 pods", f"TrainJob/{group.name}: 20 of 600 step, loss 5.061"]


def test_a_suspended_group_waits_for_its_queue(
    cluster: Any, make_group: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.its_pods = waiting("ImagePullBackOff")
    run(cluster, make_group("trainjob"), SUSPENDED, SUSPENDED, COMPLETE)
    assert capsys.readouterr().err.count("suspended: it waits for its queue") == 1


def test_a_poll_is_no_burden() -> None:
    assert follow.POLL_SECONDS >= 1
