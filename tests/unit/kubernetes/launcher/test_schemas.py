"""No field is rendered that the API does not know: the Python models would drop it silently."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gmlm.kubernetes.launcher.group import PodGroup
from gmlm.kubernetes.launcher.render import render_group
from gmlm.kubernetes.profile import load_profile

SCHEMAS = Path(__file__).with_name("schemas")
RUNTIME = Path(__file__).parents[4] / "k8s" / "components" / "trainer-runtime" / "runtime.yaml"
Make = Callable[..., PodGroup]


def closed(schema: Any) -> Any:
    """The schema with unknown fields refused, as the API server does under strict validation."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if made.get("x-kubernetes-int-or-string"):
        made = {"type": ["integer", "string"]}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        made["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return made


def schema_of(name: str) -> Any:
    (file,) = SCHEMAS.glob(f"{name}-*.json")
    found = closed(json.loads(file.read_text()))
    del found["properties"]["metadata"]
    found["properties"]["metadata"] = {"type": "object"}
    return found


def job_schema() -> Any:
    """Schema of a Job's spec: a JobSet holds the template of one."""
    replicated = schema_of("jobset")["properties"]["spec"]["properties"]["replicatedJobs"]["items"]
    return replicated["properties"]["template"]["properties"]["spec"]


def test_a_trainjob(make_group: Make) -> None:
    jsonschema.validate(render_group(make_group("trainjob"))[0], schema_of("trainjob"))


def test_a_jobset(make_group: Make) -> None:
    jsonschema.validate(render_group(make_group("jobset"))[0], schema_of("jobset"))


def test_a_job(make_group: Make) -> None:
    jsonschema.validate(render_group(make_group("job"))[0]["spec"], job_schema())


def test_the_runtime_that_we_deploy() -> None:
    jsonschema.validate(yaml.safe_load(RUNTIME.read_text()), schema_of("trainingruntime"))


def test_the_profile_that_comes_along(make_group: Make) -> None:
    jsonschema.validate(render_group(make_group("trainjob", of=load_profile("multi-node")))[0], schema_of("trainjob"))


@pytest.mark.parametrize(
    ("place", "field"),
    [
        (("spec",), "podSpecOverrides"),
        (("spec",), "podTemplateOverrides"),
        (("spec", "trainer"), "resources"),
        (("spec", "runtimeRef"), "namespace"),
    ],
)
def test_a_field_of_another_release_is_found(make_group: Make, place: tuple[str, ...], field: str) -> None:
    """The first two are what Trainer 2.0 and 2.1 called runtimePatches."""
    manifest = render_group(make_group("trainjob"))[0]
    inner = manifest
    for key in place:
        inner = inner[key]
    inner[field] = {}
    with pytest.raises(jsonschema.ValidationError, match=field):
        jsonschema.validate(manifest, schema_of("trainjob"))


def test_a_misspelt_field_deep_in_a_pod_is_found(make_group: Make) -> None:
    manifest = render_group(make_group("job"))[0]
    manifest["spec"]["template"]["spec"]["containers"][0]["securityContext"]["readOnlyRootFileSystem"] = True
    with pytest.raises(jsonschema.ValidationError, match="readOnlyRootFileSystem"):
        jsonschema.validate(manifest["spec"], job_schema())
