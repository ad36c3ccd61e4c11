"""A real Argo controller, set as k8s/argo says, runs workflows in a namespace that refuses all but restricted pods.

The pods have the rights of k8s/base and no others. `GMLM_E2E_ARGO` is an image with workflow-controller and argoexec
that the nodes hold, `GMLM_E2E_PYTHON` one with python3; Argo's definitions must be installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

K8S = Path(__file__).resolve().parents[2] / "k8s"
SPACE = "gmlm-restricted"
ACCOUNT = "gmlm-pipeline"
USER = 65532
WORD = "open('/tmp/word', 'w').write('done')"
"""What a task does: its word reaches the workflow only if the executor may report it."""


def kubectl(*arguments: str, text: str | None = None) -> str:
    """Standard output of kubectl, which must succeed."""
    command = ["kubectl", "--namespace", SPACE, "--request-timeout=60s", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def ask(*arguments: str) -> Any:
    """JSON from the cluster."""
    return json.loads(kubectl("get", *arguments, "--output", "json"))


def controller(image: str) -> list[dict[str, Any]]:
    """Argo's controller for one namespace, itself restricted."""
    name = {"metadata": {"name": "workflow-controller"}}
    settings = yaml.safe_load((K8S / "argo" / "workflow-controller.yaml").read_text())
    rules = [
        {"apiGroups": ["argoproj.io"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["pods", "configmaps", "events"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["serviceaccounts", "secrets"], "verbs": ["get", "list"]},
        {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": ["*"]},
    ]
    container = {
        "name": "controller",
        "image": image,
        "command": ["workflow-controller"],
        "args": ["--configmap", "workflow-controller-configmap", "--executor-image", image, "--namespaced"],
        "env": [{"name": "LEADER_ELECTION_DISABLE", "value": "true"}, {"name": "DEFAULT_REQUEUE_TIME", "value": "1s"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    identity = {"runAsNonRoot": True, "runAsUser": USER, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = {"serviceAccountName": "workflow-controller", "securityContext": identity, "containers": [container]}
    labels = {"app": "workflow-controller"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "workflow-controller"}
    subject = {"kind": "ServiceAccount", "name": "workflow-controller", "namespace": SPACE}
    rbac = "rbac.authorization.k8s.io/v1"
    template = {"metadata": {"labels": labels}, "spec": pod}
    across = [
        {"apiGroups": ["argoproj.io"], "resources": ["clusterworkflowtemplates"], "verbs": ["get", "list", "watch"]}
    ]
    named = {"metadata": {"name": SPACE}}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", **name},
        {"apiVersion": rbac, "kind": "Role", **name, "rules": rules},
        {"apiVersion": rbac, "kind": "RoleBinding", **name, "roleRef": role, "subjects": [subject]},
        {"apiVersion": rbac, "kind": "ClusterRole", **named, "rules": across},
        {
            "apiVersion": rbac,
            "kind": "ClusterRoleBinding",
            **named,
            "roleRef": {**role, "kind": "ClusterRole", "name": SPACE},
            "subjects": [subject],
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "workflow-controller-configmap"}, **settings},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            **name,
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        },
    ]


@pytest.fixture(scope="module")
def restricted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """k8s/base in a namespace of its own, with a controller; the image of its workflows."""
    missing = [name for name in ("KUBECONFIG", "GMLM_E2E_ARGO", "GMLM_E2E_PYTHON") if not os.environ.get(name)]
    if missing:
        pytest.skip(f"not set: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("base")
    base = os.path.relpath(K8S / "base", folder.resolve())
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({"resources": [base], "namespace": SPACE}))
    objects = [
        item for item in yaml.safe_load_all(kubectl("kustomize", str(folder))) if item["kind"] != "PriorityClass"
    ]
    for item in objects:
        item["metadata"].get("annotations", {}).clear()
    kubectl("apply", "--filename", "-", text=yaml.safe_dump_all([*objects, *controller(os.environ["GMLM_E2E_ARGO"])]))
    try:
        kubectl("rollout", "status", "deployment/workflow-controller", "--timeout=120s")
        yield os.environ["GMLM_E2E_PYTHON"]
    finally:
        kubectl("delete", f"clusterrolebinding/{SPACE}", f"clusterrole/{SPACE}")
        kubectl("delete", "namespace", SPACE, "--timeout=180s")


def run(image: str, name: str, **context: Any) -> dict[str, Any]:
    """A workflow of one pod, once it has ended or its pod was refused."""
    container = {"image": image, "command": ["python3", "-c", WORD], "securityContext": context}
    word = {"name": "word", "valueFrom": {"path": "/tmp/word"}}
    spec = {
        "entrypoint": "main",
        "serviceAccountName": ACCOUNT,
        "templates": [{"name": "main", "container": container, "outputs": {"parameters": [word]}}],
    }
    metadata = {"name": name, "namespace": SPACE}
    workflow = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata, "spec": spec}
    kubectl("create", "--filename", "-", text=yaml.safe_dump(workflow))
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        status: dict[str, Any] = ask("workflow", name).get("status", {})
        if status.get("phase") in ("Succeeded", "Failed", "Error"):
            return status
        time.sleep(1)
    raise AssertionError(f"{name} has not ended: {kubectl('logs', 'deployment/workflow-controller', '--tail=20')}")


def test_a_task_that_says_who_it_is_runs_to_its_end(restricted: str) -> None:
    status = run(restricted, "plain", runAsUser=USER)
    assert status["phase"] == "Succeeded", status
    (pod,) = ask("pods", "--selector", "workflows.argoproj.io/workflow=plain")["items"]
    containers = [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    assert {item["name"] for item in containers} == {"init", "wait", "main"}
    for item in containers:
        assert item["securityContext"]["allowPrivilegeEscalation"] is False, item["name"]
        assert item["securityContext"]["capabilities"] == {"drop": ["ALL"]}, item["name"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True


def test_the_executor_reports_with_the_rights_of_the_base(restricted: str) -> None:
    (node,) = ask("workflow", "plain")["status"]["nodes"].values()
    assert [(item["name"], item["value"]) for item in node["outputs"]["parameters"]] == [("word", "done")]


def test_a_task_that_would_be_root_does_not_start(restricted: str) -> None:
    status = run(restricted, "root", runAsUser=0, runAsNonRoot=False)
    assert status["phase"] in ("Failed", "Error"), status
    assert "violates PodSecurity" in json.dumps(status)
