"""Pipelines as objects of Kubernetes: named by their content, valid by Kubeflow's own schema, and a golden file.

The schemas lie in crds/, from kubeflow/pipelines. After a wanted change: GMLM_WRITE_GOLDEN=1 pytest this file.
"""

import copy
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from kfp import dsl
from kfp.components import load_component_from_text

from gmlm import __version__
from gmlm.kubernetes.profile import Profile, load_profile
from pipelines import manifests
from pipelines.manifests import compile_manifests

HERE = Path(__file__).parent
GOLDEN = HERE / "golden" / "manifests.yaml"
NAME = re.compile(rf"gmlm-evaluate-models-smoke-cpu-{re.escape(__version__)}-[0-9a-f]{{12}}")


def compiled(folder: Path, profile: Profile | None = None, namespace: str | None = "team") -> list[dict[str, Any]]:
    (file,) = compile_manifests(["evaluate_models"], [profile or load_profile("smoke-cpu")], folder, namespace)
    return list(yaml.safe_load_all(file.read_text()))


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return compiled(tmp_path_factory.mktemp("manifests"))


def test_there_is_a_pipeline_and_a_version_of_it(documents: Any) -> None:
    pipeline, version = documents
    assert (pipeline["kind"], version["kind"]) == ("Pipeline", "PipelineVersion")
    assert {it["apiVersion"] for it in documents} == {"pipelines.kubeflow.org/v2beta1"}
    assert {it["metadata"]["namespace"] for it in documents} == {"team"}
    assert version["spec"]["pipelineName"] == pipeline["metadata"]["name"] == "gmlm-evaluate-models-smoke-cpu"


def test_a_version_is_named_by_package_and_content(documents: Any, tmp_path: Path) -> None:
    name = documents[1]["metadata"]["name"]
    assert NAME.fullmatch(name)
    assert compiled(tmp_path)[1]["metadata"]["name"] == name
    other = load_profile("smoke-cpu", image="gmlm@sha256:" + "b" * 64)
    changed = compiled(tmp_path, other)
    assert NAME.fullmatch(changed[1]["metadata"]["name"])
    assert changed[1]["metadata"]["name"] != name
    assert changed[0] == documents[0]


def test_the_namespace_is_no_part_of_the_content(documents: Any, tmp_path: Path) -> None:
    assert compiled(tmp_path, namespace=None)[1]["metadata"]["name"] == documents[1]["metadata"]["name"]
    assert "namespace" not in compiled(tmp_path, namespace=None)[1]["metadata"]


def test_gitops_does_not_remove_versions_that_runs_refer_to(documents: Any) -> None:
    for document in documents:
        assert document["metadata"]["annotations"] == {
            "argocd.argoproj.io/sync-options": "Prune=false",
            "kustomize.toolkit.fluxcd.io/prune": "disabled",
        }


def test_kfp_reads_the_pipeline_back(documents: Any) -> None:
    spec = documents[1]["spec"]
    text = yaml.safe_dump_all([spec["pipelineSpec"], spec["platformSpec"]])
    component = load_component_from_text(text)
    assert set(component.component_spec.inputs) == {"study", "store", "study_folder"}


def schema_of(kind: str) -> dict[str, Any]:
    """The schema of a kind; unlike the API server's it refuses unknown fields."""
    (file,) = [
        it for it in (HERE / "crds").glob("*.yaml") if yaml.safe_load(it.read_text())["spec"]["names"]["kind"] == kind
    ]
    (version,) = yaml.safe_load(file.read_text())["spec"]["versions"]
    schema = copy.deepcopy(version["schema"]["openAPIV3Schema"])
    for part in (schema, schema["properties"]["spec"]):
        part["additionalProperties"] = False
    return dict(schema)


def test_both_are_valid_by_kubeflows_schema(documents: Any) -> None:
    for document in documents:
        jsonschema.validate(document, schema_of(document["kind"]))


@pytest.mark.parametrize("kind", ["Pipeline", "PipelineVersion"])
def test_the_schema_refuses_a_misspelt_field(documents: Any, kind: str) -> None:
    wrong = copy.deepcopy(next(document for document in documents if document["kind"] == kind))
    wrong["spec"]["displayname"] = wrong["spec"].pop("displayName")
    with pytest.raises(jsonschema.ValidationError, match="displayname"):
        jsonschema.validate(wrong, schema_of(kind))


@dsl.component(base_image="gmlm@sha256:0", install_kfp_package=False)
def say(text: str) -> None:
    """Say something."""
    print(text)


@dsl.pipeline(name="inner")
def inner(text: str) -> None:
    """Say it twice."""
    first = say(text=text)
    say(text=text).after(first)


@dsl.pipeline(name="tiny", description="A pipeline for a golden file.")
def tiny(text: str = "x") -> None:
    """Say it four times, nested."""
    first = inner(text=text)
    inner(text=text).after(first)


def test_a_small_pipeline_is_the_golden_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(manifests, "build_pipeline", lambda name, profile: tiny)
    monkeypatch.setattr(manifests, "__version__", "1.2.3")
    (file,) = compile_manifests(["tiny"], [load_profile("smoke-cpu")], tmp_path, "team")
    if os.environ.get("GMLM_WRITE_GOLDEN") == "1":
        GOLDEN.write_bytes(file.read_bytes())
    assert file.read_text() == GOLDEN.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--kubernetes-manifest-format", "--namespace", "team")])
def test_every_process_writes_the_same_bytes(tmp_path: Path, options: tuple[str, ...]) -> None:
    for seed in ("1", "2", "3"):
        command = [sys.executable, "-m", "gmlm", "pipeline", "compile", "--output", str(tmp_path / seed)]
        command += ["--pipeline", "study", "--profile", "smoke-cpu", *options]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed})
    contents = [{file.name: file.read_bytes() for file in (tmp_path / seed).iterdir()} for seed in ("1", "2", "3")]
    assert len(contents[0]) == 1
    assert contents[0] == contents[1] == contents[2]
