"""What every file below k8s/ holds to, whatever overlay it ends up in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

Documents = list[tuple[str, dict[str, Any]]]
BY_DIGEST = re.compile(r"^(gmlm|[a-z0-9.-]+/[a-z0-9./-]+(:v?[0-9.]+)?@sha256:[0-9a-f]{64})$")


def pods(document: Any) -> Iterator[dict[str, Any]]:
    """Specifications of pods anywhere in a document."""
    if isinstance(document, dict):
        if isinstance(document.get("containers"), list):
            yield document
        for value in document.values():
            yield from pods(value)
    elif isinstance(document, list):
        for value in document:
            yield from pods(value)


def test_every_image_is_ours_or_named_by_digest(documents: Documents) -> None:
    images = {
        container["image"]
        for _, document in documents
        for pod in pods(document)
        for container in (*pod["containers"], *pod.get("initContainers", []))
    }
    assert {image for image in images if not BY_DIGEST.match(image)} == set()
    assert "gmlm" in images


def test_each_overlay_names_its_image_in_one_place(k8s: Path) -> None:
    for overlay in sorted((k8s / "overlays").iterdir()):
        holding = [file for file in overlay.rglob("*.yaml") if "sha256:" in file.read_text()]
        assert holding == [overlay / "image" / "kustomization.yaml"]
        (image,) = yaml.safe_load(holding[0].read_text())["images"]
        assert image["name"] == "gmlm"
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", image["digest"])


def test_the_image_is_set_after_all_that_needs_it_and_before_it_is_told(k8s: Path) -> None:
    for overlay in sorted((k8s / "overlays").iterdir()):
        components = yaml.safe_load((overlay / "kustomization.yaml").read_text())["components"]
        assert components[-2:] == ["image", "../../components/published-image"]


def test_no_secret_is_in_git(documents: Documents) -> None:
    assert [file for file, document in documents if document.get("kind") == "Secret"] == []
    assert [file for file, document in documents if "secretGenerator" in document] == []


def test_no_container_lacks_a_restricted_security_context(documents: Documents) -> None:
    """A TrainJob brings its own; everything else is written out."""
    for file, document in documents:
        if document.get("kind") in ("TrainingRuntime", "ClusterTrainingRuntime"):
            continue
        for pod in pods(document):
            assert pod["securityContext"]["runAsNonRoot"] is True, file
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, file
            for container in (*pod["containers"], *pod.get("initContainers", [])):
                context = container["securityContext"]
                assert context["allowPrivilegeEscalation"] is False, file
                assert context["readOnlyRootFilesystem"] is True, file
                assert context["capabilities"] == {"drop": ["ALL"]}, file
                assert set(container["resources"]["requests"]) == {"cpu", "memory", "ephemeral-storage"}, file


def test_no_right_is_a_wildcard(documents: Documents) -> None:
    roles = [(file, document) for file, document in documents if document.get("kind") in ("Role", "ClusterRole")]
    assert len(roles) >= 4
    for file, role in roles:
        assert role["kind"] == "Role", f"{file}: rights hold in a namespace only"
        for rule in role["rules"]:
            assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"]), file


def test_secrets_are_read_by_name_only(documents: Documents) -> None:
    for file, document in documents:
        for rule in document.get("rules", []) if document.get("kind") == "Role" else []:
            if "secrets" in rule["resources"] and rule["verbs"] != ["create"]:
                assert rule["verbs"] == ["get"], file
                assert rule["resourceNames"], file


def test_every_policy_says_which_direction_it_is_for(documents: Documents) -> None:
    policies = [document for _, document in documents if document.get("kind") == "NetworkPolicy"]
    assert [policy for policy in policies if not policy["spec"].get("policyTypes")] == []
    (deny,) = [policy for policy in policies if policy["metadata"]["name"] == "default-deny"]
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_no_policy_lets_all_traffic_through(documents: Documents) -> None:
    for file, document in documents:
        if document.get("kind") == "NetworkPolicy":
            for rule in (*document["spec"].get("ingress", []), *document["spec"].get("egress", [])):
                assert rule, file
                assert rule.get("ports") or rule.get("to") or rule.get("from"), file


@pytest.mark.parametrize("name", ["argocd", "flux"])
def test_gitops_deploys_overlays_that_exist(documents: Documents, k8s: Path, name: str) -> None:
    paths = [
        document["spec"].get("path") or document["spec"].get("source", {}).get("path")
        for file, document in documents
        if file.startswith(f"gitops/{name}/")
        and document.get("kind") in ("Application", "Kustomization")
        and "spec" in document
    ]
    assert paths
    assert [path for path in paths if not list((k8s.parent / path).iterdir())] == []


def test_argo_cd_may_deploy_every_kind_that_overlays_hold(documents: Documents) -> None:
    """The project names kinds without a namespace one by one; all others of ours have one."""
    project = next(document for _, document in documents if document.get("kind") == "AppProject")
    listed = {item["kind"] for item in project["spec"]["clusterResourceWhitelist"]}
    used = {
        document["kind"]
        for file, document in documents
        if file.startswith(("base/", "components/", "overlays/"))
        and "metadata" in document
        and "namespace" not in document["metadata"]
        and "kustomize" not in document["apiVersion"]
    }
    assert used <= listed
