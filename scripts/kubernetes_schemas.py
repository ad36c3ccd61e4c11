"""Writes JSON schemas for kubeconform, of Kubernetes and of every custom resource that the manifests use.

They come from the projects' own Go modules, so that nothing but the module proxy is needed. Fields that a schema does
not name are refused, as by an API server. Usage: python scripts/kubernetes_schemas.py FOLDER
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

KUBERNETES = ("k8s.io/kubernetes@v1.34.4", "api/openapi-spec/v3")
"""Module of Kubernetes and the folder of its OpenAPI documents."""
DEFINITIONS = (
    ("github.com/prometheus-operator/prometheus-operator@v0.85.0", "example/prometheus-operator-crd"),
    ("github.com/argoproj/argo-cd/v3@v3.2.0", "manifests/crds"),
    ("github.com/external-secrets/external-secrets@v1.3.2", "config/crds/bases"),
    ("github.com/fluxcd/kustomize-controller@v1.7.2", "config/crd/bases"),
    ("github.com/fluxcd/source-controller@v1.7.0", "config/crd/bases"),
    ("sigs.k8s.io/kueue@v0.16.1", "config/components/crd/bases"),
    ("sigs.k8s.io/jobset@v0.12.0", "config/components/crd/bases"),
    ("github.com/kubeflow/trainer/v2@v2.3.0", "manifests/base/crds"),
)
"""Modules of custom resources and the folders of their definitions."""
TEMPLATE = "{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json"
"""Name of a schema's file, as kubeconform's -schema-location spells it."""

Schema = dict[str, Any]


class DefinitionLoader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it: a lone `=` is a string."""


DefinitionLoader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: node.value)


def main() -> None:
    """Write all schemas into the folder that is given."""
    print(f"{write_schemas(Path(sys.argv[1]))} schemas")


def write_schemas(folder: Path) -> int:
    """Write one file a kind, and say how many."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    count = 0
    for group, version, kind, schema in (*kubernetes_kinds(), *custom_kinds()):
        (folder / f"{group or version}_{version}_{kind.lower()}.json").write_text(json.dumps(schema))
        count += 1
    return count


def kubernetes_kinds() -> Iterator[tuple[str, str, str, Schema]]:
    """Group, version, kind and schema of what Kubernetes itself has."""
    for file in sorted((module_folder(KUBERNETES[0]) / KUBERNETES[1]).glob("*_openapi.json")):
        definitions = json.loads(file.read_text())["components"].get("schemas", {})
        for schema in definitions.values():
            for served in schema.get("x-kubernetes-group-version-kind", []):
                if "metadata" in schema.get("properties", {}):
                    yield served["group"], served["version"], served["kind"], standalone(schema, definitions)


def standalone(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """The schema with all that it refers to, strict."""
    needed: dict[str, Schema] = {}
    left = references(schema)
    while left:
        name = left.pop()
        if name not in needed:
            needed[name] = definitions[name]
            left |= references(definitions[name])
    return {**strict(schema), "components": {"schemas": {name: strict(found) for name, found in needed.items()}}}


def references(schema: Any) -> set[str]:
    """Names of the definitions that a schema refers to."""
    if isinstance(schema, list):
        return {name for item in schema for name in references(item)}
    if not isinstance(schema, dict):
        return set()
    found = {name for item in schema.values() for name in references(item)}
    return found | ({schema["$ref"].rpartition("/")[2]} if isinstance(schema.get("$ref"), str) else set())


def custom_kinds() -> Iterator[tuple[str, str, str, Schema]]:
    """Group, version, kind and schema of custom resources."""
    for module, inner in DEFINITIONS:
        files = sorted((module_folder(module) / inner).glob("*.yaml"))
        if not files:
            raise FileNotFoundError(f"no definitions in {inner} of {module}")
        for file in files:
            for document in yaml.load_all(file.read_text(), DefinitionLoader):
                if document and document["kind"] == "CustomResourceDefinition":
                    yield from versions_of(document["spec"])


def versions_of(spec: Schema) -> Iterator[tuple[str, str, str, Schema]]:
    """What one definition serves."""
    for version in spec["versions"]:
        if version["served"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            yield spec["group"], version["name"], spec["names"]["kind"], schema


def strict(schema: Any) -> Any:
    """The schema without room for fields that it does not name, wherever it names some."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(value) for key, value in schema.items()}
    named = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    if named and "additionalProperties" not in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        found["additionalProperties"] = False
    return found


def module_folder(module: str) -> Path:
    """Where Go keeps a module, downloaded if need be."""
    command = ["go", "mod", "download", "-json", module]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    answer = json.loads(done.stdout or "{}")
    if "Dir" not in answer:
        raise RuntimeError(f"{module} cannot be downloaded: {answer.get('Error') or done.stderr.strip()}")
    return Path(answer["Dir"])


if __name__ == "__main__":
    main()
