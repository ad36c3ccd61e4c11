"""What the doctor says of a real API server, a real scheduler and a real service is so.

Needs a kube context whose user may make a namespace; `KF_PIPELINES_ENDPOINT` for the part on runs.
"""

import base64
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import dsl
from kfp.compiler import Compiler

from gmlm.kubernetes.doctor.api import KubernetesApi
from gmlm.kubernetes.doctor.nodes import check_nodes, why_none
from gmlm.kubernetes.doctor.objects import check_objects
from gmlm.kubernetes.doctor.queues import check_launcher, check_queues
from gmlm.kubernetes.doctor.rights import check_rights
from gmlm.kubernetes.profile import Profile, TaskSettings

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

STUDY = "name: {}\nsources:\n  german: {{reader: text, path: texts, language: de}}\n"


@pytest.fixture
def api(namespace: str) -> KubernetesApi:
    return KubernetesApi(namespace)


def profile(text: str) -> Profile:
    return Profile.model_validate({"name": "p", "image": "gmlm@sha256:0", **yaml.safe_load(text)})


def verdicts(findings: Any) -> dict[str, str]:
    return {finding.subject: str(finding.verdict) for finding in findings}


def test_secrets_and_config_maps_are_seen_as_they_are(core: Any, api: KubernetesApi) -> None:
    wanted = profile("secrets: [{name: store, variables: {A: a, B: b}}]")
    assert verdicts(check_objects(wanted, api)) == {"secret store": "fail"}
    value = base64.b64encode(b"x").decode()
    core.CoreV1Api().create_namespaced_secret(api.namespace, {"metadata": {"name": "store"}, "data": {"a": value}})
    (finding,) = check_objects(wanted, api)
    assert finding.what == "lacks the keys b"
    core.CoreV1Api().patch_namespaced_secret("store", api.namespace, {"data": {"b": value}})
    assert verdicts(check_objects(wanted, api)) == {"secret store": "ok"}


def test_claims_are_checked_for_how_they_can_be_mounted(core: Any, api: KubernetesApi) -> None:
    wanted = profile("multi_node: {scratch_claim: scratch, launcher: job}")
    claim = {
        "metadata": {"name": "scratch"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    core.CoreV1Api().create_namespaced_persistent_volume_claim(api.namespace, claim)
    assert verdicts(check_objects(wanted, api)) == {"claim scratch": "fail"}


def test_rights_are_those_that_roles_give(core: Any, api: KubernetesApi) -> None:
    core.CoreV1Api().create_namespaced_service_account(api.namespace, {"metadata": {"name": "pipeline-runner"}})
    wanted = profile("multi_node: {scratch_claim: c, launcher: job}")
    assert verdicts(check_rights(wanted, api)) == {"your rights": "ok", "rights of pipeline-runner": "fail"}
    verbs = ["create", "get", "list", "patch", "delete"]
    rules = [
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": verbs},
        {"apiGroups": [""], "resources": ["services"], "verbs": verbs},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]
    roles = core.RbacAuthorizationV1Api()
    roles.create_namespaced_role(api.namespace, {"metadata": {"name": "runner"}, "rules": rules})
    binding = {
        "metadata": {"name": "runner"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "runner"},
        "subjects": [{"kind": "ServiceAccount", "name": "pipeline-runner", "namespace": api.namespace}],
    }
    roles.create_namespaced_role_binding(api.namespace, binding)
    deadline = time.monotonic() + 30
    while verdicts(check_rights(wanted, api))["rights of pipeline-runner"] != "ok":
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_user_without_rights_gets_warnings_and_no_failures(
    core: Any, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core.CoreV1Api().create_namespaced_service_account(namespace, {"metadata": {"name": "nobody"}})
    request = {"spec": {"audiences": [], "expirationSeconds": 600}}
    token = core.CoreV1Api().create_namespaced_service_account_token("nobody", namespace, request).status.token
    kubeconfig = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    kubeconfig["users"] = [{"name": user["name"], "user": {"token": token}} for user in kubeconfig["users"]]
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    command = [sys.executable, "-c", NOBODY, namespace]
    environment = {**os.environ, "KUBECONFIG": str(tmp_path / "kubeconfig")}
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found = json.loads(result.stdout)
    assert set(found.values()) == {"warn"}
    assert {"your rights", "secret store", "claim data", "queue gpu", "nodes"} <= set(found) | {"queue gpu"}


NOBODY = """
import json, sys
from gmlm.kubernetes.doctor.api import KubernetesApi
from gmlm.kubernetes.doctor.nodes import check_nodes
from gmlm.kubernetes.doctor.objects import check_objects
from gmlm.kubernetes.doctor.rights import check_rights
from gmlm.kubernetes.profile import Profile

profile = Profile.model_validate({
    "name": "p", "image": "gmlm@sha256:0",
    "secrets": [{"name": "store", "variables": {"A": "a"}}], "volumes": [{"claim": "data", "path": "/data"}],
})
api = KubernetesApi(sys.argv[1])
print(json.dumps({
    finding.subject: str(finding.verdict)
    for check in (check_rights, check_objects, check_nodes) for finding in check(profile, api)
}))
"""
"""The kubernetes client keeps the first kubeconfig of a process, hence another one."""


@pytest.mark.parametrize(
    ("settings", "fits"),
    [
        ({"cpu": "10m", "memory": "10Mi"}, True),
        ({"cpu": "10000", "memory": "10Mi"}, False),
        ({"cpu": "10m", "memory": "100Ti"}, False),
        ({"cpu": "10m", "memory": "10Mi", "accelerator": "example.com/none", "accelerators": 1}, False),
        ({"cpu": "10m", "memory": "10Mi", "node_selector": {"example.com/none": "1"}}, False),
    ],
)
def test_the_scheduler_agrees(core: Any, api: KubernetesApi, settings: dict[str, Any], fits: bool) -> None:
    wanted = TaskSettings.model_validate(settings)
    nodes = api.get("/api/v1/nodes").body["items"]
    assert (why_none(wanted, nodes) is None) == fits
    assert scheduled(core, api.namespace, wanted) == fits


def scheduled(core: Any, namespace: str, wanted: TaskSettings) -> bool:
    """Whether the real scheduler binds such a pod; it is never started."""
    limits = {"cpu": wanted.cpu, "memory": wanted.memory}
    if wanted.accelerator is not None:
        limits[wanted.accelerator] = str(wanted.accelerators)
    container = {
        "name": "main",
        "image": "example.invalid/none",
        "imagePullPolicy": "Never",
        "resources": {"limits": limits},
    }
    name = f"probe-{uuid.uuid4().hex[:8]}"
    spec = {"containers": [container], "nodeSelector": wanted.node_selector, "restartPolicy": "Never"}
    pods = core.CoreV1Api()
    pods.create_namespaced_pod(namespace, {"metadata": {"name": name}, "spec": spec})
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        conditions = pods.read_namespaced_pod(name, namespace).status.conditions or []
        for condition in conditions:
            if condition.type == "PodScheduled":
                pods.delete_namespaced_pod(name, namespace, grace_period_seconds=0)
                return bool(condition.status == "True")
        time.sleep(0.2)
    pytest.fail("the scheduler said nothing in 60 s")


def test_queues_and_launchers_are_seen_as_they_are(core: Any, api: KubernetesApi) -> None:
    wanted = profile("{tasks: {queue: gpu}, multi_node: {scratch_claim: c}}")
    kueue = api.get("/apis/kueue.x-k8s.io")
    assert verdicts(check_queues(wanted, api)) == ({"queue gpu": "fail"} if kueue.found else {"queues": "warn"})
    assert verdicts(check_launcher(wanted, api)) == {"launcher": "fail"}
    if not kueue.found:
        return
    version = kueue.body["preferredVersion"]["version"]
    queue = {
        "apiVersion": f"kueue.x-k8s.io/{version}",
        "kind": "LocalQueue",
        "metadata": {"name": "gpu"},
        "spec": {"clusterQueue": "all"},
    }
    core.CustomObjectsApi().create_namespaced_custom_object(
        "kueue.x-k8s.io", version, api.namespace, "localqueues", queue
    )
    assert verdicts(check_queues(wanted, api))["queue gpu"] in ("ok", "warn")


def test_the_nodes_of_the_cluster_take_small_tasks(api: KubernetesApi) -> None:
    assert verdicts(check_nodes(profile("tasks: {cpu: 10m, memory: 10Mi}"), api)) == {"nodes": "ok"}


def doctor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gmlm", "doctor", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_a_wrong_endpoint_is_told_at_once() -> None:
    result = doctor("--profile", "smoke-cpu", KF_PIPELINES_ENDPOINT="http://127.0.0.1:9")
    assert result.returncode == 22
    assert "fail  pipelines: http://127.0.0.1:9: does not answer" in result.stdout


@dsl.component(base_image="example.invalid/none", install_kfp_package=False)
def never() -> None:
    """Never runs: its image cannot be pulled."""
    print("never")


@dsl.pipeline(name="never")
def pipeline(store: str) -> None:
    """One task that waits for its image."""
    never()


def test_a_study_is_not_run_twice_at_once(tmp_path: Path) -> None:
    if not os.environ.get("KF_PIPELINES_ENDPOINT"):
        pytest.skip("KF_PIPELINES_ENDPOINT is not set")
    from pipelines.client import PipelinesClient

    name, store = f"doctor-{uuid.uuid4().hex[:8]}", "s3://gmlm-doctor/x"
    study, package = tmp_path / "study.yaml", tmp_path / "never.yaml"
    study.write_text(STUDY.format(name), encoding="utf-8")
    Compiler().compile(pipeline, str(package))
    client = PipelinesClient()
    run = client.submit(package, {"store": store}, name=f"{name} study", experiment="gmlm-e2e")
    try:
        line = f"fail  study {name}: run {run} is at work on it in {store}"
        assert line in doctor(str(study), "--profile", "smoke-cpu", "--store", store).stdout
        submit = [sys.executable, "-m", "gmlm", "pipeline", "submit", str(study), "--store", store]
        refused = subprocess.run([*submit, "--profile", "smoke-cpu"], capture_output=True, text=True, check=False)
        assert refused.returncode == 22
        assert line in refused.stderr
    finally:
        client.cancel(run)
    deadline = time.monotonic() + 120
    while line in doctor(str(study), "--profile", "smoke-cpu", "--store", store).stdout:
        assert time.monotonic() < deadline
        time.sleep(2)
