"""The API server of a cluster takes compiled pipelines as objects, and refuses misspelt ones.

Needs a kube context whose user may make a namespace.
"""

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm.kubernetes.profile import load_profile
from pipelines.manifests import compile_manifests

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

CRDS = Path(__file__).parents[1] / "unit" / "pipelines" / "crds"


def test_the_api_server_takes_pipelines_as_objects(core: Any, namespace: str, tmp_path: Path) -> None:
    from kubernetes.client.exceptions import ApiException

    definitions, made = core.ApiextensionsV1Api(), []
    try:
        for file in sorted(CRDS.glob("*.yaml")):
            definition = yaml.safe_load(file.read_text())
            try:
                definitions.create_custom_resource_definition(definition)
                made.append(definition["metadata"]["name"])
            except ApiException as error:
                if error.status != 409:
                    raise
        (file,) = compile_manifests(["study"], [load_profile("single-gpu")], tmp_path, namespace)
        for document in yaml.safe_load_all(file.read_text()):
            accept(core, namespace, document)
            document["spec"]["displayname"] = "misspelt"
            with pytest.raises(ApiException, match="unknown field"):
                accept(core, namespace, document)
    finally:
        for name in made:
            definitions.delete_custom_resource_definition(name)


def accept(core: Any, namespace: str, document: dict[str, Any]) -> None:
    """Let the API server validate an object strictly, without keeping it; it may still be learning the kind."""
    from kubernetes.client.exceptions import ApiException

    plural = document["kind"].lower() + "s"
    for _ in range(30):
        try:
            core.CustomObjectsApi().create_namespaced_custom_object(
                "pipelines.kubeflow.org",
                "v2beta1",
                namespace,
                plural,
                document,
                dry_run="All",
                field_validation="Strict",
            )
        except ApiException as error:
            if error.status != 404:
                raise
            time.sleep(1)
        else:
            return
    pytest.fail(f"the API server does not know {plural}")
