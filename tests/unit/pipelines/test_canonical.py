"""However kfp has numbered its parts, a compiled pipeline has the same names and says the same."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
import yaml

from gmlm.kubernetes.profile import load_profile
from pipelines.canonical import canonicalise
from pipelines.compiling import PIPELINES, build_pipeline


def spec_of(first: str, second: str, inner: str, label: str, other: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two tasks of a component, one of them within a nested graph, numbered as given."""
    spec = {
        "root": {
            "dag": {
                "tasks": {
                    "a": {"componentRef": {"name": first}},
                    "nested": {"componentRef": {"name": inner}, "dependentTasks": ["a", "z"]},
                }
            }
        },
        "components": {
            second: {"executorLabel": other},
            inner: {"dag": {"tasks": {"a": {"componentRef": {"name": second}}}}},
            first: {"executorLabel": label},
        },
        "deploymentSpec": {"executors": {label: {"container": {"image": "x"}}, other: {"container": {"image": "x"}}}},
    }
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {label: {"shm": 1}, other: {"shm": 1}}}}}}
    return spec, platform


NUMBERINGS = [
    spec_of("comp-a", "comp-a-2", "comp-nested", "exec-a", "exec-a-2"),
    spec_of("comp-a-2", "comp-a", "comp-nested-3", "exec-a-2-2", "exec-a"),
    spec_of("comp-a-3", "comp-a-2-2", "comp-nested-2-2", "exec-a", "exec-a"),
]


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(NUMBERINGS, 2)))
def test_every_numbering_becomes_the_same(one: Any, other: Any) -> None:
    one, other = copy.deepcopy(one), copy.deepcopy(other)
    canonicalise(*one)
    canonicalise(*other)
    assert yaml.safe_dump(one) == yaml.safe_dump(other)


def test_components_that_shared_an_executor_get_one_each() -> None:
    spec, platform = copy.deepcopy(NUMBERINGS[2])
    canonicalise(spec, platform)
    labels = {name: it.get("executorLabel") for name, it in spec["components"].items()}
    assert labels == {"comp-a": "exec-a", "comp-nested": None, "comp-a-2": "exec-a-2"}
    assert set(spec["deploymentSpec"]["executors"]) == {"exec-a", "exec-a-2"}
    assert set(platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]) == {"exec-a", "exec-a-2"}


def test_what_is_canonical_stays_as_it_is() -> None:
    spec, platform = copy.deepcopy(NUMBERINGS[0])
    canonicalise(spec, platform)
    again = copy.deepcopy((spec, platform))
    canonicalise(*again)
    assert again == (spec, platform)


def test_a_pipeline_without_a_platform_is_fine() -> None:
    spec, _ = copy.deepcopy(NUMBERINGS[0])
    canonicalise(spec, {})
    assert set(spec["components"]) == {"comp-a", "comp-a-2", "comp-nested"}


def functions(spec: dict[str, Any], platform: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What runs, in a walk by task names: path of the task, its executor, and what it asks of Kubernetes."""
    wanted = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]

    def walk(graph: dict[str, Any], path: str) -> Any:
        for name, task in sorted(graph["tasks"].items()):
            component = spec["components"][task["componentRef"]["name"]]
            if "dag" in component:
                yield from walk(component["dag"], f"{path}/{name}")
            else:
                label = component["executorLabel"]
                yield (
                    f"{path}/{name}",
                    yaml.safe_dump(spec["deploymentSpec"]["executors"][label]),
                    yaml.safe_dump(wanted[label]),
                )

    return list(walk(spec["root"]["dag"], ""))


@pytest.mark.parametrize("name", PIPELINES)
def test_a_real_pipeline_runs_what_it_ran_before(name: str) -> None:
    built = build_pipeline(name, load_profile("single-gpu"))
    from google.protobuf import json_format

    spec, platform = json_format.MessageToDict(built.pipeline_spec), json_format.MessageToDict(built.platform_spec)
    before = functions(spec, platform)
    canonicalise(spec, platform)
    assert functions(spec, platform) == before
    assert len(spec["deploymentSpec"]["executors"]) == sum("executorLabel" in it for it in spec["components"].values())
