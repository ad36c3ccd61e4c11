"""What cannot run says why: by the name of the fault, with an exit code, and never silently.

Needs what test_cluster.py needs. Runs that cannot start are cancelled as soon as their fault is named.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600)]


def more(cluster: Any, **evaluation: Any) -> dict[str, Any]:
    """The cluster's study with another evaluation."""
    study = yaml.safe_load(cluster.study.read_text())
    study["evaluation"] |= evaluation
    return study


@pytest.fixture(scope="module")
def finished(cluster: Any) -> str:
    """A store in which all of the study is finished; `gmlm run` is as good as pods for that."""
    address = f"{cluster.store}/finished"
    cluster.gmlm("run", str(cluster.study), "--store", address)
    return "finished"


def test_a_cell_that_fails_leaves_its_status_and_the_report_appears(cluster: Any, finished: str) -> None:
    study = more(cluster)
    good = next(iter(study["tasks"]))
    study["tasks"]["wrong"] = study["tasks"][good] | {"labels": ["NO_SUCH_LABEL"]}
    study["evaluation"]["tasks"] = [good, "wrong"]
    reports = set(cluster.opened(finished).list("report"))
    run_id, state = cluster.run(finished, cluster.write("wrong.yaml", study))
    assert state == "FAILED"
    store = cluster.opened(finished)
    failure = json.loads(store.read(f"status/{study['name']}/task/wrong.json"))
    assert failure["error"] == "LabelError"
    assert set(store.list("report")) > reports
    for task in ("notify-exit", "check-study"):
        assert "task/wrong: LabelError" in cluster.gmlm("pipeline", "logs", run_id, task)


def test_a_pod_that_is_killed_for_memory_is_named_and_the_report_appears(cluster: Any, finished: str) -> None:
    study = cluster.write("memory.yaml", more(cluster, seeds=[1, 2, 3]))
    reports = set(cluster.opened(finished).list("report"))
    tasks = {"cpu": "100m", "memory": "60Mi", "retry": {"attempts": 0}}
    run_id, state = cluster.run(finished, study, overrides={"finetune_cell": tasks})
    assert state == "FAILED"
    assert set(cluster.opened(finished).list("report")) > reports
    assert "OOMKilled" in cluster.gmlm("pipeline", "status", run_id)
    assert "OOMKilled" in cluster.gmlm("pipeline", "logs", run_id, "notify-exit")
    assert cluster.worked_on(run_id) == ["finetune/base--chapters--3"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image": "gmlm.invalid/absent:1"}, "ErrImagePull ImagePullBackOff"),
        ({"tasks": {"cpu": "1000", "memory": "1Gi"}}, "Unschedulable"),
        ({"secrets": [{"name": "absent", "variables": {"AWS_REGION": "region"}}]}, "CreateContainerConfigError"),
        ({"overrides": {"plan_study": {"memory": "40Mi"}}}, "OOMKilled"),
    ],
    ids=["image", "resources", "secret", "memory"],
)
def test_a_pod_that_cannot_work_is_named_by_its_reason(cluster: Any, changes: dict[str, Any], reason: str) -> None:
    run_id = cluster.submit("unstarted", **changes)
    try:
        line = cluster.until(
            300,
            lambda: [line for line in cluster.pods.troubles(run_id) if any(word in line for word in reason.split())],
        )[0]
        assert "(" in line or "exit code 137" in line, "Kubernetes' own word on the cause is shown"
        assert line in cluster.gmlm("pipeline", "status", run_id) or "Image" in line  # the two reasons alternate
    finally:
        cluster.gmlm("pipeline", "cancel", run_id)


def test_a_missing_bucket_fails_the_run_and_is_named(cluster: Any) -> None:
    bucket = f"s3://absent-{uuid.uuid4().hex[:12]}"
    run_id, state = cluster.run(f"{bucket}/x")
    assert state == "FAILED"
    assert bucket.removeprefix("s3://") in cluster.gmlm("pipeline", "logs", run_id, "plan-study")


def test_a_service_that_is_not_there_is_said_at_once(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", "http://127.0.0.1:1")
    assert "does not answer" in cluster.gmlm("pipeline", "status", "r1", expect=22)


def test_a_run_that_is_not_there_is_named(cluster: Any) -> None:
    assert "no such run" in cluster.gmlm("pipeline", "status", str(uuid.uuid4()), expect=11)
    assert "no such pod" in cluster.gmlm("pipeline", "logs", str(uuid.uuid4()), expect=11)


@pytest.fixture
def powerless(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A kubeconfig whose service account may do nothing; no address in the environment."""
    from kubernetes import client, config

    config.load_kube_config()
    core, name = client.CoreV1Api(), f"gmlm-e2e-{uuid.uuid4().hex[:8]}"
    body = client.V1ServiceAccount(metadata=client.V1ObjectMeta(name=name))
    core.create_namespaced_service_account(cluster.namespace, body)
    request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[]))
    token = core.create_namespaced_service_account_token(name, cluster.namespace, request).status.token
    settings = client.ApiClient().configuration
    authority = {"certificate-authority": settings.ssl_ca_cert} if settings.ssl_ca_cert else {}
    given = {
        "current-context": "powerless",
        "clusters": [{"name": "c", "cluster": {"server": settings.host, **authority}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "powerless", "context": {"cluster": "c", "user": "u"}}],
    }
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT")
    (tmp_path / "config").write_text(yaml.safe_dump(given))
    yield given
    core.delete_namespaced_service_account(name, cluster.namespace)


def test_missing_rights_are_an_error_of_access(cluster: Any, powerless: dict[str, Any]) -> None:
    assert "access denied (403)" in cluster.gmlm("pipeline", "status", "r1", expect=12)
    assert "pods/log" in cluster.gmlm("pipeline", "logs", "r1", expect=12)


def test_a_token_that_is_not_known_is_an_error_of_access(
    cluster: Any, powerless: dict[str, Any], tmp_path: Path
) -> None:
    powerless["users"][0]["user"]["token"] = "wrong"
    (tmp_path / "config").write_text(yaml.safe_dump(powerless))
    assert "access denied (401)" in cluster.gmlm("pipeline", "status", "r1", expect=12)


def test_the_service_is_found_through_the_kube_context_alone(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT")
    assert "no such run" in cluster.gmlm("pipeline", "status", str(uuid.uuid4()), expect=11)


def test_a_schedule_is_kept_by_the_service_until_it_is_ended(cluster: Any) -> None:
    package, cron = cluster.package(cluster.study), "0 0 3 * * 0"
    given = ["--store", f"{cluster.store}/scheduled", "--package", str(package), "--cron", cron]
    schedule_id = cluster.gmlm("pipeline", "schedule", str(cluster.study), *given).strip()
    assert f"{schedule_id}  on   {cron}" in cluster.gmlm("pipeline", "schedules")
    cluster.gmlm("pipeline", "unschedule", schedule_id)
    assert schedule_id not in cluster.gmlm("pipeline", "schedules")
    assert "no such" in cluster.gmlm("pipeline", "unschedule", schedule_id, expect=11)


def test_a_cron_expression_that_is_none_is_refused(cluster: Any) -> None:
    package = cluster.package(cluster.study)
    given = ["--store", f"{cluster.store}/scheduled", "--package", str(package), "--cron", "every sunday"]
    assert "cron" in cluster.gmlm("pipeline", "schedule", str(cluster.study), *given, expect=10)
