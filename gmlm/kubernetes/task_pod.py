"""What one pod tells: which task and node it works on, and why it died or does not start. Takes the API's own JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WORK = "main"
"""Container of a pod in which the task's own code runs."""
_HARMLESS = {"", "Completed", "PodInitializing", "ContainerCreating"}


@dataclass(frozen=True)
class TaskPod:
    """A pod that runs a task's code, as opposed to those in which Kubeflow Pipelines prepares it."""

    name: str
    task: str
    """Name of the component, such as `finetune-cell`."""
    node: str
    """Id of the study's node that it works on; empty for tasks that work on none."""
    created: str
    """When it was made, in ISO 8601."""
    state: str
    """`waiting`, `running` or `terminated`; empty while it has no machine."""
    troubles: tuple[str, ...]
    """Why it died or does not start."""


def describe_pod(pod: Mapping[str, Any]) -> Iterator[str]:
    """The lines of one pod, given as the Kubernetes API describes it: pod, container, reason, exit code, cause."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    if status.get("reason"):
        yield f"{name}: {status['reason']}"
    for condition in status.get("conditions") or []:
        if condition.get("reason") == "Unschedulable":
            yield f"{name}: Unschedulable{_cause(condition)}"
    for container in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
        for state in (container.get("state") or {}, container.get("lastState") or {}):
            ended, waiting = state.get("terminated") or {}, state.get("waiting") or {}
            reason = ended.get("reason") or waiting.get("reason") or ""
            if reason not in _HARMLESS:
                code = f", exit code {ended['exitCode']}" if "exitCode" in ended else ""
                yield f"{name}: {container['name']}: {reason}{code}{_cause(waiting)}"


def _cause(state: Mapping[str, Any]) -> str:
    """Kubernetes' own word: it names images, secrets and resources, never data."""
    first = (state.get("message") or "").partition("\n")[0]
    return f" ({first[:300]})" if first else ""


def task_pod(pod: Mapping[str, Any]) -> TaskPod | None:
    """A pod as the task it runs; None for a pod of Kubeflow Pipelines itself.

    The launcher is given its inputs, and kfp's executor the name of the function, as arguments on the command line.
    """
    containers = pod["spec"]["containers"]
    words = [
        word
        for container in containers
        if container["name"] == WORK
        for word in [*(container.get("command") or []), *(container.get("args") or [])]
    ]
    function = _following(words, "--function_to_execute")
    if not function:
        return None
    metadata = pod["metadata"]
    node = _node_of(_following(words, "--executor_input"))
    return TaskPod(
        name=metadata["name"],
        task=function.replace("_", "-"),
        node=node,
        created=metadata.get("creationTimestamp", ""),
        state=_state(pod),
        troubles=tuple(describe_pod(pod)),
    )


def _state(pod: Mapping[str, Any]) -> str:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return next((word for status in statuses if status["name"] == WORK for word in status.get("state") or {}), "")


def _following(words: Sequence[str], option: str) -> str:
    return words[words.index(option) + 1] if option in words[:-1] else ""


def _node_of(executor_input: str) -> str:
    try:
        given = json.loads(executor_input).get("inputs", {}).get("parameterValues", {}).get("node", "")
    except ValueError:
        return ""
    return given if isinstance(given, str) else ""
