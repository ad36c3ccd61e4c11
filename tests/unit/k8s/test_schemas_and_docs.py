"""Schemas refuse what they do not name; the reference describes each folder that there is."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml


@pytest.fixture(scope="module")
def schemas(k8s: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "kubernetes_schemas", k8s.parent / "scripts" / "kubernetes_schemas.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_object_with_named_fields_takes_no_others(schemas: ModuleType) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}}}}
    found = schemas.strict(schema)
    assert found["additionalProperties"] is False
    assert found["properties"]["a"]["additionalProperties"] is False


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"a": {}}, "x-kubernetes-preserve-unknown-fields": True},
    ],
)
def test_an_open_object_stays_open(schemas: ModuleType, schema: dict[str, Any]) -> None:
    assert schemas.strict(schema) == schema


def test_a_field_called_properties_is_not_taken_for_a_schema(schemas: ModuleType) -> None:
    schema = {"properties": {"type": {"type": "string"}, "properties": {"type": "string"}}, "type": "object"}
    assert schemas.strict(schema)["properties"]["properties"] == {"type": "string"}


def test_a_kind_brings_all_that_it_refers_to_and_nothing_else(schemas: ModuleType) -> None:
    def refer(name: str) -> dict[str, Any]:
        return {"$ref": f"#/components/schemas/{name}"}

    definitions = {
        "pod": {"type": "object", "properties": {"spec": {"allOf": [refer("spec")]}}},
        "spec": {"type": "object", "properties": {"self": refer("spec"), "items": {"items": refer("item")}}},
        "item": {"type": "string"},
        "other": {"type": "string"},
    }
    found = schemas.standalone(definitions["pod"], definitions)
    assert set(found["components"]["schemas"]) == {"spec", "item"}
    assert found["components"]["schemas"]["spec"]["additionalProperties"] is False


def test_only_versions_that_are_served_have_a_schema(schemas: ModuleType) -> None:
    version = {"name": "v1", "served": True, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"a": {}}}}}
    spec = {"group": "x.dev", "names": {"kind": "Thing"}, "versions": [version, {"name": "v0", "served": False}]}
    ((group, name, kind, schema),) = schemas.versions_of(spec)
    assert (group, name, kind) == ("x.dev", "v1", "Thing")
    assert schema["additionalProperties"] is False


def test_a_lone_equals_sign_is_text(schemas: ModuleType) -> None:
    assert yaml.load("[=, '!=']", schemas.DefinitionLoader) == ["=", "!="]


def test_every_version_is_pinned(schemas: ModuleType) -> None:
    for module, _ in (schemas.KUBERNETES, *schemas.DEFINITIONS):
        assert module.partition("@")[2].startswith("v")


@pytest.mark.parametrize("folder", ["overlays", "components"])
def test_the_reference_describes_every_folder(k8s: Path, folder: str) -> None:
    text = (k8s.parent / "docs" / "reference" / "kubernetes.md").read_text()
    assert [item.name for item in sorted((k8s / folder).iterdir()) if f"| `{item.name}` |" not in text] == []


@pytest.mark.parametrize("page", ["reference/kubernetes", "tutorials/kind", "tutorials/argocd", "tutorials/flux"])
def test_pages_name_files_that_exist(k8s: Path, page: str) -> None:
    import re

    text = (k8s.parent / "docs" / f"{page}.md").read_text()
    named = set(re.findall(r"\b(?:k8s|scripts|tests)/[\w./-]+\w", text))
    assert named
    assert sorted(name for name in named if not (k8s.parent / name).exists()) == []
