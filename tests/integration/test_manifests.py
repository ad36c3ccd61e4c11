"""What kustomize makes of each overlay: valid by every schema, nothing skipped, and as recorded in what matters.

`GMLM_WRITE_GOLDEN=1 pytest tests/integration/test_manifests.py` records anew; read the difference before committing.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).with_name("manifests_golden.yaml")
OVERLAYS = ("kind", "single-gpu", "multi-node", "openshift")
Objects = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def kubectl() -> str:
    """kubectl; these tests mean nothing without it, so they fail and say so."""
    found = shutil.which("kubectl")
    assert found, "kubectl is not on PATH: install it (Debian: kubernetes-client), no overlay can be rendered without"
    return found


@pytest.fixture(scope="module")
def rendered(kubectl: str) -> Objects:
    """The objects of every overlay."""
    found = {}
    for overlay in OVERLAYS:
        command = [kubectl, "kustomize", str(ROOT / "k8s" / "overlays" / overlay)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[overlay] = [item for item in yaml.safe_load_all(output) if item]
    return found


@pytest.fixture(scope="module")
def checks(kubectl: str) -> ModuleType:
    """scripts/check_manifests.py, with the programs and schemas that it builds once."""
    if shutil.which("kubeconform") is None and shutil.which("go") is None:
        pytest.fail("neither kubeconform nor Go is on PATH: manifests cannot be checked by schema")
    sys.path.insert(0, str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location("check_manifests", ROOT / "scripts" / "check_manifests.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    sys.path.remove(str(ROOT / "scripts"))
    return module


def of_kind(objects: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [item for item in objects if item["kind"] in kinds]


def pods(document: Any) -> Iterator[dict[str, Any]]:
    """Templates of pods anywhere in an object."""
    if isinstance(document, dict):
        if isinstance(document.get("spec"), dict) and isinstance(document["spec"].get("containers"), list):
            yield document
        for value in document.values():
            yield from pods(value)
    elif isinstance(document, list):
        for value in document:
            yield from pods(value)


def what_matters(document: dict[str, Any]) -> dict[str, Any]:
    """Images, security contexts, accounts and selectors of an object."""
    spec, found = document.get("spec", {}), {}
    for template in pods(document):
        pod = template["spec"]
        containers = (*pod.get("initContainers", []), *pod["containers"])
        found |= {
            "labels": template.get("metadata", {}).get("labels", {}),
            "account": pod.get("serviceAccountName"),
            "security": pod.get("securityContext"),
            "images": {item["name"]: item["image"] for item in containers},
            "containers": {item["name"]: item.get("securityContext") for item in containers},
        }
    selectors = {key: spec[key] for key in ("selector", "podSelector", "ingress", "egress") if key in spec}
    return {key: value for key, value in {**found, **selectors}.items() if value is not None}


def test_the_parts_that_matter_are_as_recorded(rendered: Objects) -> None:
    found = {}
    for overlay, objects in rendered.items():
        named = {
            f"{item['kind']}/{item['metadata'].get('namespace', '')}/{item['metadata']['name']}": what_matters(item)
            for item in objects
        }
        found[overlay] = dict(sorted(named.items()))
    if os.environ.get("GMLM_WRITE_GOLDEN"):
        GOLDEN.write_text(yaml.safe_dump(found, sort_keys=False, width=120))
    assert found == yaml.safe_load(GOLDEN.read_text())


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_image_is_named_by_digest(rendered: Objects, overlay: str) -> None:
    images = {
        container["image"]
        for item in rendered[overlay]
        for template in pods(item)
        for container in (*template["spec"]["containers"], *template["spec"].get("initContainers", []))
    }
    assert images
    assert [image for image in images if not re.search(r"@sha256:[0-9a-f]{64}$", image)] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_those_who_submit_are_told_the_image_that_is_installed(rendered: Objects, overlay: str) -> None:
    (settings,) = [item for item in of_kind(rendered[overlay], "ConfigMap") if item["metadata"]["name"] == "gmlm"]
    (reaper,) = of_kind(rendered[overlay], "CronJob")
    (template,) = pods(reaper)
    assert settings["data"]["GMLM_IMAGE"] == template["spec"]["containers"][0]["image"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_and_controllers_select_the_pods_that_they_are_for(rendered: Objects, overlay: str) -> None:
    labels = {
        item["metadata"]["name"]: template["metadata"]["labels"]
        for item in of_kind(rendered[overlay], "Deployment", "StatefulSet")
        for template in pods(item)
    }
    assert labels
    for item in of_kind(rendered[overlay], "Deployment", "StatefulSet", "Service"):
        selector = item["spec"]["selector"]
        wanted = selector.get("matchLabels", selector)
        assert wanted.items() <= labels[item["metadata"]["name"]].items()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_binding_names_a_role_and_an_account_that_exist(rendered: Objects, overlay: str) -> None:
    roles = {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in of_kind(rendered[overlay], "Role")}
    accounts = of_kind(rendered[overlay], "ServiceAccount")
    known = {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in accounts}
    known.add(("kubeflow", "pipeline-runner"))  # Kubeflow Pipelines' own
    for binding in of_kind(rendered[overlay], "RoleBinding"):
        assert (binding["metadata"]["namespace"], binding["roleRef"]["name"]) in roles
        assert {(subject["namespace"], subject["name"]) for subject in binding["subjects"]} <= known


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_namespace_refuses_what_is_not_restricted(rendered: Objects, overlay: str) -> None:
    (namespace,) = of_kind(rendered[overlay], "Namespace")
    labels = namespace["metadata"]["labels"]
    assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "warn", "audit")} == {"restricted"}


def test_openshift_is_left_to_choose_the_user(rendered: Objects) -> None:
    chosen = [
        template["spec"]["securityContext"]
        for item in of_kind(rendered["openshift"], "Deployment", "CronJob", "StatefulSet")
        for template in pods(item)
    ]
    assert chosen
    assert not [context for context in chosen if {"runAsUser", "runAsGroup", "fsGroup"} & set(context)]


@pytest.mark.timeout(900)
def test_every_object_is_valid_and_none_is_skipped(checks: ModuleType) -> None:
    found = {target: checks.check(target) for target in checks.TARGETS}
    assert {target: result.messages for target, result in found.items() if not result.passed} == {}
    assert {result.skipped for result in found.values()} == {0}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("readOnlyRootFilesystem", "readOnlyRootFileSystem"),
        ("queueingStrategy", "queuingStrategy"),
        ("refreshInterval", "refreshEvery"),
        ("kind: ClusterQueue", "kind: ClusterQueues"),
    ],
)
def test_a_misspelt_field_or_kind_is_found(checks: ModuleType, before: str, after: str) -> None:
    manifests, found = checks.render("overlays/single-gpu"), checks.Checked()
    assert before in manifests
    checks.validate(manifests.replace(before, after, 1), found)
    assert (found.invalid, found.skipped) == (1, 0)
    assert not found.passed


def test_a_careless_pod_is_critical(checks: ModuleType) -> None:
    found, containers = checks.Checked(), [{"name": "x", "image": "x"}]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": containers}}
    checks.score(yaml.safe_dump(pod), found)
    assert found.critical > 3


def test_what_kube_score_cannot_read_does_not_pass(checks: ModuleType) -> None:
    with pytest.raises(SystemExit, match="Failed to parse"):
        checks.score("{apiVersion: v1, kind: Pod}", checks.Checked())
