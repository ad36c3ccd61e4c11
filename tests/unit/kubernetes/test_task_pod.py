"""A pod says which task and node it works on, and why it died or does not start."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gmlm.kubernetes.task_pod import describe_pod, task_pod


def container(**state: Any) -> dict[str, Any]:
    return {"metadata": {"name": "pod"}, "status": {"containerStatuses": [{"name": "main", **state}]}}


@pytest.mark.parametrize(
    ("pod", "lines"),
    [
        (
            container(state={"terminated": {"reason": "OOMKilled", "exitCode": 137}}),
            ["pod: main: OOMKilled, exit code 137"],
        ),
        (
            container(state={"waiting": {"reason": "ImagePullBackOff", "message": "no gmlm:2\nBack-off"}}),
            ["pod: main: ImagePullBackOff (no gmlm:2)"],
        ),
        (
            container(state={"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "x" not found'}}),
            ['pod: main: CreateContainerConfigError (secret "x" not found)'],
        ),
        ({"metadata": {"name": "pod"}, "status": {"reason": "Evicted"}}, ["pod: Evicted"]),
        (
            {
                "metadata": {"name": "pod"},
                "status": {
                    "conditions": [
                        {"type": "PodScheduled", "reason": "Unschedulable", "message": "0/1 nodes: Insufficient cpu."}
                    ]
                },
            },
            ["pod: Unschedulable (0/1 nodes: Insufficient cpu.)"],
        ),
        (
            container(state={"running": {}}, lastState={"terminated": {"reason": "Error", "exitCode": 1}}),
            ["pod: main: Error, exit code 1"],
        ),
        (container(state={"terminated": {"reason": "Completed", "exitCode": 0}}), []),
        (container(state={"waiting": {"reason": "ContainerCreating"}}), []),
        ({"metadata": {"name": "pod"}}, []),
    ],
)
def test_a_reason_is_named_and_what_is_well_is_no_news(pod: dict[str, Any], lines: list[str]) -> None:
    assert list(describe_pod(pod)) == lines


def pod_of(command: list[str], args: list[str] | None = None) -> dict[str, Any]:
    return {
        "metadata": {"name": "pod-1", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"containers": [{"name": "wait"}, {"name": "main", "command": command, "args": args}]},
    }


def launched(inputs: dict[str, Any]) -> list[str]:
    return ["/kfp-launcher/launch", "--executor_input", json.dumps({"inputs": inputs}), "--"]


EXECUTOR = ["sh", "-ec", "...", "--executor_input", "{{$}}", "--function_to_execute", "finetune_cell"]


def test_a_pod_is_known_by_its_function_and_node() -> None:
    found = task_pod(pod_of(launched({"parameterValues": {"node": "finetune/base--ner--1", "store": "s"}}), EXECUTOR))
    assert found is not None
    assert (found.name, found.task, found.node) == ("pod-1", "finetune-cell", "finetune/base--ner--1")
    assert found.state == ""


def test_a_pod_has_the_state_of_the_container_that_works() -> None:
    pod = pod_of(launched({}), EXECUTOR)
    pod["status"] = {
        "containerStatuses": [{"name": "wait", "state": {"terminated": {}}}, {"name": "main", "state": {"running": {}}}]
    }
    found = task_pod(pod)
    assert found is not None
    assert found.state == "running"


@pytest.mark.parametrize("inputs", [{}, {"parameterValues": {"stages": ["x"]}}, {"parameterValues": {"node": 3}}])
def test_a_task_without_a_node_has_none(inputs: dict[str, Any]) -> None:
    found = task_pod(pod_of(launched(inputs), EXECUTOR))
    assert found is not None
    assert found.node == ""


def test_a_pod_that_prepares_a_task_is_none() -> None:
    assert task_pod(pod_of(["driver", "--executor_input", "{}"])) is None


def test_what_cannot_be_read_is_no_node() -> None:
    found = task_pod(pod_of(["launch", "--executor_input", "{{$}}", "--"], EXECUTOR))
    assert found is not None
    assert found.node == ""
