"""Queues, launchers and rights: what would make pods wait for ever, or a launcher fail."""

from __future__ import annotations

from typing import Any

import pytest

from gmlm.kubernetes.doctor.queues import check_launcher, check_queues
from gmlm.kubernetes.doctor.rights import check_rights

KUEUE = {"preferredVersion": {"groupVersion": "kueue.x-k8s.io/v1beta2"}}
QUEUE = "/apis/kueue.x-k8s.io/v1beta2/namespaces/team/localqueues/gpu"
QUEUED = "{overrides: {pretrain: {queue: gpu}, finetune_cell: {queue: gpu}}}"
ACCOUNT = "/api/v1/namespaces/team/serviceaccounts/pipeline-runner"


def verdicts(findings: Any) -> list[str]:
    return [str(finding.verdict) for finding in findings]


def test_without_queues_nothing_is_asked(profile: Any, api: Any) -> None:
    assert list(check_queues(profile(), api)) == []


def test_without_kueue_the_label_means_nothing(profile: Any, api: Any) -> None:
    (finding,) = check_queues(profile(QUEUED), api)
    assert (str(finding.verdict), finding.what) == ("warn", "the cluster has no Kueue; gpu is ignored")


def test_a_missing_queue_fails(profile: Any, api: Any) -> None:
    api.objects["/apis/kueue.x-k8s.io"] = KUEUE
    assert verdicts(check_queues(profile(QUEUED), api)) == ["fail"]


@pytest.mark.parametrize(("active", "verdict"), [("True", "ok"), ("False", "warn")])
def test_a_queue_must_take_work(profile: Any, api: Any, active: str, verdict: str) -> None:
    conditions = [{"type": "Active", "status": active, "message": "Can't submit new workloads"}]
    api.objects |= {"/apis/kueue.x-k8s.io": KUEUE, QUEUE: {"status": {"conditions": conditions}}}
    (finding,) = check_queues(profile(QUEUED), api)
    assert str(finding.verdict) == verdict
    assert ("Can't submit" in finding.what) == (verdict == "warn")


def test_a_queue_that_may_not_be_read_is_a_warning(profile: Any, api: Any) -> None:
    api.objects["/apis/kueue.x-k8s.io"] = KUEUE
    api.hidden.add(QUEUE)
    assert verdicts(check_queues(profile(QUEUED), api)) == ["warn"]


TRAINER = "/apis/trainer.kubeflow.org/v1alpha1"


@pytest.mark.parametrize(
    ("settings", "objects", "verdict"),
    [
        ("launcher: job", [], None),
        ("launcher: jobset", [], "fail"),
        ("launcher: jobset", ["/apis/jobset.x-k8s.io/v1alpha2"], "ok"),
        ("launcher: trainjob", [], "fail"),
        ("launcher: trainjob", [TRAINER], "fail"),
        ("launcher: trainjob", [TRAINER, f"{TRAINER}/namespaces/team/trainingruntimes/gmlm-torch"], "ok"),
        ("runtime_kind: ClusterTrainingRuntime", [TRAINER, f"{TRAINER}/clustertrainingruntimes/gmlm-torch"], "ok"),
    ],
)
def test_the_launcher_finds_its_kind(
    profile: Any, api: Any, settings: str, objects: list[str], verdict: str | None
) -> None:
    api.objects |= {path: {} for path in objects}
    found = verdicts(check_launcher(profile(f"multi_node: {{scratch_claim: c, {settings}}}"), api))
    assert found == ([] if verdict is None else [verdict])


def test_single_node_needs_no_launcher(profile: Any, api: Any) -> None:
    assert list(check_launcher(profile(), api)) == []


def test_all_rights_are_fine(profile: Any, api: Any) -> None:
    api.objects[ACCOUNT] = {}
    assert verdicts(check_rights(profile(), api)) == ["ok", "ok"]


def test_a_user_who_may_not_read_pods_is_warned(profile: Any, api: Any) -> None:
    api.objects[ACCOUNT] = {}
    api.rights["get", "pods/log", "", None] = False
    yours, _ = check_rights(profile(), api)
    assert str(yours.verdict) == "warn"
    assert "get pods/log" in yours.what


def test_a_run_that_may_not_list_pods_still_runs(profile: Any, api: Any) -> None:
    api.objects[ACCOUNT] = {}
    api.rights["list", "pods", "", "pipeline-runner"] = False
    assert verdicts(check_rights(profile(), api)) == ["ok", "warn"]


@pytest.mark.parametrize(
    ("launcher", "right"),
    [
        ("trainjob", ("create", "trainjobs", "trainer.kubeflow.org")),
        ("jobset", ("delete", "jobsets", "jobset.x-k8s.io")),
        ("job", ("create", "jobs", "batch")),
        ("job", ("create", "services", "")),
    ],
)
def test_a_launcher_without_its_right_fails(profile: Any, api: Any, launcher: str, right: tuple[str, str, str]) -> None:
    api.objects[ACCOUNT] = {}
    wanted = profile(f"multi_node: {{scratch_claim: c, launcher: {launcher}}}")
    assert verdicts(check_rights(wanted, api)) == ["ok", "ok"]
    api.rights[(*right, "pipeline-runner")] = False
    _, finding = check_rights(wanted, api)
    assert str(finding.verdict) == "fail"
    assert f"{right[0]} {right[1]}" in finding.what


def test_rights_that_cannot_be_asked_for_are_a_warning(profile: Any, api: Any) -> None:
    api.objects[ACCOUNT] = {}
    api.rights["list", "pods", "", "pipeline-runner"] = None
    assert verdicts(check_rights(profile(), api)) == ["ok", "warn"]


def test_an_unknown_service_account_is_a_warning(profile: Any, api: Any) -> None:
    assert verdicts(check_rights(profile(), api)) == ["ok", "warn"]


def test_the_account_of_the_profile_is_the_one_that_counts(profile: Any, api: Any) -> None:
    api.objects[ACCOUNT] = {}
    api.rights["list", "pods", "", "own"] = False
    assert [str(it) for it in check_rights(profile("service_account: own"), api)][1].startswith("fail  account own")
    api.objects[ACCOUNT.replace("pipeline-runner", "own")] = {}
    assert verdicts(check_rights(profile("service_account: own"), api)) == ["ok", "warn"]


def test_the_account_of_the_workers_must_be_there(profile: Any, api: Any) -> None:
    api.objects[ACCOUNT] = {}
    wanted = profile("multi_node: {scratch_claim: c, launcher: job, service_account: trainer}")
    found = {it.subject: str(it.verdict) for it in check_rights(wanted, api)}
    assert found == {"your rights": "ok", "account trainer": "fail", "rights of pipeline-runner": "ok"}


def test_an_account_that_may_not_be_read_is_not_held_to_be_missing(profile: Any, api: Any) -> None:
    api.hidden.add(ACCOUNT.replace("pipeline-runner", "own"))
    assert verdicts(check_rights(profile("service_account: own"), api)) == ["ok", "ok"]
