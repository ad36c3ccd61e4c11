"""Whether the cluster has a node for each kind of pod: size, accelerators, labels, taints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import get_args

from gmlm.kubernetes.doctor.api import Api, Object
from gmlm.kubernetes.doctor.finding import Finding, fail, ok, warn
from gmlm.kubernetes.profile import Profile, TaskName, TaskSettings, Toleration

REPELLING = ("NoSchedule", "NoExecute")
"""Effects of a taint that keep pods away."""


def check_nodes(profile: Profile, api: Api) -> Iterator[Finding]:
    """Whether each kind of task fits on some node, were it empty. What runs there now is not counted: it ends."""
    answer = api.get("/api/v1/nodes")
    if not answer.found:
        yield warn("nodes", "may not be listed, so resources were not checked", "ask for the right to list nodes")
        return
    nodes = answer.body["items"]
    lacking = [(tasks, reason) for tasks, settings in _kinds(profile) if (reason := why_none(settings, nodes))]
    for tasks, reason in lacking:
        subject = f"nodes for {', '.join(tasks)}"
        if _grows(api):
            yield warn(subject, f"none yet: {reason}", "the cluster adds nodes; see that one of them would do")
        else:
            yield fail(subject, reason, "ask for less in the profile, or add such a node")
    if not lacking:
        yield ok("nodes", f"every task fits on one of {len(nodes)}")


def why_none(settings: TaskSettings, nodes: list[Object]) -> str | None:
    """Why no node takes such a pod, as the scheduler would say; None where one does."""
    reasons = [_why_not(settings, node) for node in nodes]
    if None in reasons:
        return None
    counted = "; ".join(f"{number} {reason}" for reason, number in sorted(Counter(reasons).items(), key=str))
    return f"0 of {len(nodes)} nodes will do: {counted}" if nodes else "the cluster has no nodes"


def _kinds(profile: Profile) -> Iterator[tuple[list[str], TaskSettings]]:
    """Tasks that ask for the same, and what they ask for."""
    asked: dict[str, tuple[list[str], TaskSettings]] = {}
    for task in get_args(TaskName):
        if task == "pretrain_trainjob" and profile.multi_node is None:
            continue
        settings = profile.settings(task)
        asked.setdefault(settings.model_dump_json(include=_PLACING), ([], settings))[0].append(task)
    yield from asked.values()


_PLACING = {"cpu", "memory", "accelerator", "accelerators", "node_selector", "tolerations"}


def _why_not(settings: TaskSettings, node: Object) -> str | None:
    spec, labels = node.get("spec") or {}, node["metadata"].get("labels") or {}
    if spec.get("unschedulable"):
        return "is cordoned"
    for key, value in settings.node_selector.items():
        if labels.get(key) != value:
            return f"lacks the label {key}={value}"
    for taint in spec.get("taints") or ():
        if taint["effect"] in REPELLING and not any(_tolerates(it, taint) for it in settings.tolerations):
            return f"has the taint {taint['key']}:{taint['effect']}"
    return _too_small(settings, node["status"]["allocatable"])


def _tolerates(toleration: Toleration, taint: Object) -> bool:
    same_key = toleration.key in (None, taint["key"])
    same_value = toleration.operator == "Exists" or (toleration.value or "") == taint.get("value", "")
    return same_key and same_value and toleration.effect in (None, taint["effect"])


def _too_small(settings: TaskSettings, allocatable: dict[str, str]) -> str | None:
    from kubernetes.utils.quantity import parse_quantity

    wanted = {"cpu": settings.cpu, "memory": settings.memory}
    if settings.accelerator is not None and settings.accelerators:
        wanted[settings.accelerator] = str(settings.accelerators)
    for resource, quantity in wanted.items():
        there = allocatable.get(resource, "0")
        if parse_quantity(there) < parse_quantity(quantity):
            return f"has {resource} {there} of {quantity}"
    return None


def _grows(api: Api) -> bool:
    """Whether the cluster adds nodes when pods need them."""
    status = "/api/v1/namespaces/kube-system/configmaps/cluster-autoscaler-status"
    return api.get(status).found or api.get("/apis/karpenter.sh").found
