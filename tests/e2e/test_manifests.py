"""The manifests on a real API server: accepted field by field, admitted as restricted pods, with the rights they need.

`KUBECONFIG` names a cluster that may be changed, with the definitions that docs/developers/cluster-tests.md lists.
Where its nodes cannot pull, `GMLM_E2E_IMAGES` maps images to what they hold: `NAME=NEW,NAME=NEW`, with NAME as the
overlay kind has it, without digest. Only then is the S3 server expected to run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm.kubernetes.launcher.group import describe_group
from gmlm.kubernetes.launcher.names import JOB_LABEL, MANAGED_BY, RUN_LABEL
from gmlm.kubernetes.launcher.pod import CONTAINER_SECURITY
from gmlm.kubernetes.launcher.render import render_group
from gmlm.kubernetes.profile import load_profile

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

K8S = Path(__file__).resolve().parents[2] / "k8s"
OVERLAYS = ("kind", "single-gpu", "multi-node", "openshift")
GITOPS = ("gitops/argocd", "gitops/argocd/settings", "gitops/flux")
NAMESPACES = ("argocd", "flux-system", "kubeflow", "monitoring")
"""Namespaces of others that objects of ours are for."""
OURS = "gmlm"
ADOPTED = "missing the kubectl.kubernetes.io/last-applied-configuration annotation"
"""Warning for the service account `default`, which Kubernetes has made before us."""
IMAGE = "registry.example/gmlm"


def kubectl(*arguments: str, text: str | None = None, fails: bool = False) -> str:
    """Standard output and errors of kubectl, which must succeed unless it must not."""
    command = ["kubectl", "--request-timeout=60s", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == fails, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def ask(*arguments: str) -> Any:
    """JSON from the cluster."""
    return json.loads(kubectl(*arguments, "--output", "json"))


def warnings(output: str) -> list[str]:
    return [line for line in output.splitlines() if "warning" in line.lower() and ADOPTED not in line]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster without our namespace; what the tests make is gone afterwards."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("KUBECONFIG is not set: no cluster to apply manifests to")
    assert shutil.which("kubectl"), "kubectl is not on PATH"
    there = {item["metadata"]["name"] for item in ask("get", "namespaces")["items"]}
    if OURS in there:
        pytest.skip(f"the platform is installed in {OURS}: these tests install it and remove it again")
    made = [name for name in NAMESPACES if name not in there]
    for name in made:
        kubectl("create", "namespace", name)
    kubectl("apply", "--filename", str(K8S / "base" / "namespace.yaml"))
    yield
    for overlay in OVERLAYS:
        rendered = kubectl("kustomize", str(K8S / "overlays" / overlay))
        kubectl("delete", "--ignore-not-found", "--wait=false", "--filename", "-", text=rendered)
    for name in made:
        kubectl("delete", "namespace", name, "--wait=false")
    kubectl("wait", "--for=delete", f"namespace/{OURS}", "--timeout=180s")


@pytest.mark.parametrize("target", [*(f"overlays/{name}" for name in OVERLAYS), *GITOPS])
def test_the_api_server_knows_every_field_and_warns_of_nothing(cluster: None, target: str) -> None:
    rendered = kubectl("kustomize", str(K8S / target))
    output = kubectl("apply", "--dry-run=server", "--validate=strict", "--filename", "-", text=rendered)
    objects = [item for item in yaml.safe_load_all(rendered) if item]
    assert output.count("(server dry run)") == len(objects) > 0
    assert warnings(output) == []


@pytest.mark.parametrize(
    ("target", "kind", "field"),
    [
        ("overlays/kind", "StatefulSet", ("spec", "template", "spec", "priorityClas")),
        ("overlays/single-gpu", "ClusterQueue", ("spec", "queueingStrateg")),
        ("overlays/single-gpu", "ExternalSecret", ("spec", "refreshIntervall")),
        ("gitops/argocd", "Application", ("spec", "syncPolicy", "automatic")),
        ("gitops/argocd", "ApplicationSet", ("spec", "strateg")),
        ("gitops/flux", "Kustomization", ("spec", "healthCheck")),
        ("gitops/flux", "OCIRepository", ("spec", "verifies")),
    ],
)
def test_a_misspelt_field_is_refused(cluster: None, target: str, kind: str, field: tuple[str, ...]) -> None:
    rendered = yaml.safe_load_all(kubectl("kustomize", str(K8S / target)))
    document = next(item for item in rendered if item["kind"] == kind)
    place = document
    for key in field[:-1]:
        place = place[key]
    place[field[-1]] = "x"
    output = kubectl(
        "apply", "--dry-run=server", "--validate=strict", "--filename", "-", text=yaml.safe_dump(document), fails=True
    )
    assert field[-1] in output


def test_a_pod_that_is_not_restricted_is_warned_of_and_refused(cluster: None) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "careless", "namespace": OURS},
        "spec": {"containers": [{"name": "main", "image": "busybox"}]},
    }
    output = kubectl("apply", "--dry-run=server", "--filename", "-", text=yaml.safe_dump(pod), fails=True)
    assert 'violates PodSecurity "restricted:latest"' in output
    template = {"metadata": {"labels": {"app": "careless"}}, "spec": pod["spec"]}
    deployment = pod | {"apiVersion": "apps/v1", "kind": "Deployment"}
    deployment["spec"] = {"selector": {"matchLabels": {"app": "careless"}}, "template": template}
    output = kubectl("apply", "--dry-run=server", "--filename", "-", text=yaml.safe_dump(deployment))
    assert len(warnings(output)) == 1


def installation(folder: Path, overlay: str, digest: str | None = None) -> Path:
    """A folder that a user would keep: an overlay, perhaps with another digest, and images that the nodes hold."""
    mapped = [item.split("=", 1) for item in os.environ.get("GMLM_E2E_IMAGES", "").split(",") if item]
    images: list[dict[str, str]] = []
    for name, new in mapped:
        new_name, _, tag = new.rpartition(":")
        images.append({"name": name, "newName": new_name, "newTag": tag})
    if digest is not None:
        images = [{"name": IMAGE, "digest": digest}]
    patch = [
        {"op": "remove", "path": "/spec/volumeClaimTemplates"},
        {"op": "add", "path": "/spec/template/spec/volumes/-", "value": {"name": "data", "emptyDir": {}}},
    ]
    patches = [{"target": {"kind": "StatefulSet"}, "patch": yaml.safe_dump(patch)}] if overlay == "kind" else []
    document = {
        "resources": [os.path.relpath(K8S / "overlays" / overlay, folder.resolve())],
        "components": ["image", os.path.relpath(K8S / "components" / "published-image", folder.resolve())],
        "patches": patches,
    }
    (folder / "image").mkdir(parents=True)
    component = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "images": images}
    (folder / "image" / "kustomization.yaml").write_text(yaml.safe_dump(component))
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(document))
    return folder


@pytest.fixture(scope="module")
def applied(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every overlay applied for real, one over the other; kind, which needs no operator, comes last and runs."""
    for overlay in reversed(OVERLAYS):
        folder = installation(tmp_path_factory.mktemp("applied") / overlay, overlay)
        assert warnings(kubectl("apply", "--kustomize", str(folder))) == []
    return folder


def test_applied_again_nothing_changes(applied: Path) -> None:
    lines = kubectl("apply", "--kustomize", str(applied)).splitlines()
    assert [line for line in lines if not line.endswith(" unchanged")] == []


def test_no_pod_is_refused_by_admission_or_quota(applied: Path) -> None:
    kubectl("-n", OURS, "create", "job", "reap-now", "--from=cronjob/gmlm-reaper")
    wanted = {"gmlm-s3", "gmlm-pushgateway", "gmlm-reaper"}
    deadline = time.monotonic() + 60
    found: set[str] = set()
    while not wanted <= found and time.monotonic() < deadline:
        pods = ask("-n", OURS, "get", "pods")["items"]
        found = {pod["metadata"]["labels"].get("app.kubernetes.io/name", "") for pod in pods}
        time.sleep(1)
    assert wanted <= found
    events = ask("-n", OURS, "get", "events", "--field-selector", "reason=FailedCreate")["items"]
    assert [event["message"] for event in events] == []
    for pod in pods:
        assert pod["metadata"]["labels"]["app.kubernetes.io/part-of"] == "gmlm"


def test_the_s3_server_makes_its_key_and_keeps_objects(applied: Path) -> None:
    if "versitygw" not in os.environ.get("GMLM_E2E_IMAGES", ""):
        pytest.skip("GMLM_E2E_IMAGES names no image of versitygw that the nodes hold")
    import base64

    import boto3

    kubectl("-n", OURS, "rollout", "status", "statefulset/gmlm-s3", "--timeout=120s")
    data = ask("-n", OURS, "get", "secret", "gmlm-store")["data"]
    key, secret = (base64.b64decode(data[name]).decode() for name in ("access-key-id", "secret-access-key"))
    address = ask("-n", OURS, "get", "pod", "gmlm-s3-0")["status"]["podIP"]
    session = boto3.session.Session(key, secret, region_name="us-east-1")
    client = session.client("s3", endpoint_url=f"http://{address}:9000")
    client.put_object(Bucket="gmlm", Key="a/b", Body=b"text")
    assert client.get_object(Bucket="gmlm", Key="a/b")["Body"].read() == b"text"
    kubectl("-n", OURS, "delete", "pod", "gmlm-s3-0")
    kubectl("-n", OURS, "rollout", "status", "statefulset/gmlm-s3", "--timeout=120s")
    assert ask("-n", OURS, "get", "secret", "gmlm-store")["data"] == data


PIPELINE, REAPER, TRAINER = "gmlm-pipeline", "gmlm-reaper", "gmlm-trainer"
RIGHTS = yaml.safe_load(Path(__file__).with_name("rights.yaml").read_text())


def may(case: str) -> bool:
    """What the API server's own authoriser answers for a service account."""
    account, verb, resource, *namespace = case.split()
    place = ["--namespace", *namespace] if namespace else []
    user = f"--as=system:serviceaccount:{OURS}:{account}"
    command = ["kubectl", "auth", "can-i", verb, resource, user, *place]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    assert answer in ("yes", "no"), answer
    print(f"{case:80} {answer}", file=sys.stderr)
    return answer == "yes"


def test_service_accounts_may_do_what_their_code_does(applied: Path) -> None:
    assert [case for case in RIGHTS["allowed"] if not may(case)] == []


def test_service_accounts_may_do_nothing_else(applied: Path) -> None:
    assert [case for case in RIGHTS["forbidden"] if may(case)] == []


@pytest.mark.parametrize("launcher", ["trainjob", "jobset", "job"])
def test_a_run_may_start_training_over_several_nodes(applied: Path, launcher: str) -> None:
    profile = load_profile("multi-node", image=f"{IMAGE}@sha256:{'a' * 64}")
    assert profile.multi_node is not None
    settings = profile.multi_node.model_copy(update={"launcher": launcher, "service_account": TRAINER})
    profile = profile.model_copy(update={"multi_node": settings})
    store = {"store": "s3://gmlm/study", "plan": "plans/p.json", "study": "s"}
    for item in render_group(describe_group(profile, **store, node="pretrain/x", fingerprint="f" * 64)):
        account = f"--as=system:serviceaccount:{OURS}:{PIPELINE}"
        options = ["--dry-run=server", "--validate=strict", account, "--filename", "-"]
        assert warnings(kubectl("-n", OURS, "create", *options, text=yaml.safe_dump(item))) == []


def orphan(name: str, labels: dict[str, str]) -> str:
    """A Job as the launcher makes it for a run, suspended so that it needs no image."""
    labels = {**MANAGED_BY, JOB_LABEL: name, **labels}
    container = {"name": "node", "image": IMAGE, "securityContext": CONTAINER_SECURITY}
    identity = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = {"restartPolicy": "Never", "securityContext": identity, "containers": [container]}
    spec = {"suspend": True, "template": {"metadata": {"labels": labels}, "spec": pod}}
    metadata = {"name": name, "namespace": OURS, "labels": labels}
    return yaml.safe_dump({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})


def test_the_reaper_removes_an_orphan_with_its_own_rights(applied: Path, tmp_path: Path) -> None:
    kubectl("create", "--filename", "-", text=orphan("gone", {RUN_LABEL: "no-such-run"}))
    kubectl("create", "--filename", "-", text=orphan("kept", {}))
    settings = json.loads(kubectl("config", "view", "--raw", "--minify", "--output", "json"))
    token = kubectl("-n", OURS, "create", "token", REAPER).strip()
    settings["users"] = [{"name": user["name"], "user": {"token": token}} for user in settings["users"]]
    (tmp_path / "config").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-m", "gmlm", "kubernetes", "reap", "--namespace", OURS],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KUBECONFIG": str(tmp_path / "config")},
    )
    assert (done.returncode, done.stdout) == (0, "removed Job/gone\n"), done.stderr
    kubectl("-n", OURS, "wait", "--for=delete", "job/gone", "--timeout=60s")
    assert ask("-n", OURS, "get", "job", "kept")["spec"]["suspend"] is True


def test_only_who_speaks_to_kubernetes_gets_a_token(applied: Path) -> None:
    accounts = ask("-n", OURS, "get", "serviceaccounts")["items"]
    mounted = {item["metadata"]["name"] for item in accounts if item.get("automountServiceAccountToken", True)}
    assert mounted == {PIPELINE}


def test_one_changed_digest_is_a_promotion_and_the_old_one_rolls_it_back(applied: Path, tmp_path: Path) -> None:
    def deployed() -> set[str]:
        reaper = ask("-n", OURS, "get", "cronjob", "gmlm-reaper")
        store = ask("-n", OURS, "get", "statefulset", "gmlm-s3")
        pod = reaper["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        told = ask("-n", OURS, "get", "configmap", "gmlm")["data"]["GMLM_IMAGE"]
        return {pod["containers"][0]["image"], store["spec"]["template"]["spec"]["initContainers"][0]["image"], told}

    digests = [f"sha256:{digit * 64}" for digit in "12"]
    for number, digest in enumerate((*digests, digests[0])):
        output = kubectl("apply", "--kustomize", str(installation(tmp_path / str(number), "kind", digest)))
        assert deployed() == {f"{IMAGE}@{digest}"}
        if number:
            changed = {line.split()[0] for line in output.splitlines() if not line.endswith(" unchanged")}
            assert changed == {"configmap/gmlm", "cronjob.batch/gmlm-reaper", "statefulset.apps/gmlm-s3"}


def test_network_policies_are_stored(applied: Path) -> None:
    """Whether traffic is refused depends on the cluster's network; this asks for the objects only."""
    names = {item["metadata"]["name"] for item in ask("-n", OURS, "get", "networkpolicies")["items"]}
    assert {"default-deny", "allow-dns", "allow-kubeflow-pipelines", "allow-s3-server", "allow-prometheus"} <= names
