"""Renders a group of pods: pure functions from settings to the objects of Kubernetes.

All three act as one group: when a pod dies the others are ended with it. A JobSet, and a TrainJob by its runtime,
starts the group again by itself; an Indexed Job fails, and the launcher makes it again. Exit code 130 and disruptions
such as preemption are told apart from failures (`PodFailurePolicy`), and do not count.
"""

from __future__ import annotations

from typing import Any

from gmlm.kubernetes.launcher.group import PodGroup
from gmlm.kubernetes.launcher.names import CONTAINER, JOB_LABEL, QUEUE_LABEL
from gmlm.kubernetes.launcher.pod import (
    MASTER_PORT,
    RESUME_CODE,
    Manifest,
    environment,
    pod_metadata,
    pod_template,
    resources,
)

PATCHABLE = (
    "imagePullSecrets",
    "nodeSelector",
    "securityContext",
    "serviceAccountName",
    "terminationGracePeriodSeconds",
    "tolerations",
    "volumes",
)
"""Fields of a pod that a TrainJob may set; the others are the runtime's."""

INTERRUPTED_AS_FAILURE: Manifest = {
    "rules": [
        {
            "action": "FailJob",
            "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": [RESUME_CODE]},
        },
        {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]
}
"""Ends a Job with the reason `PodFailurePolicy` where a pod was interrupted, not broken."""

RESTART_RULES: list[Manifest] = [
    {"name": "deadline", "action": "FailJobSet", "onJobFailureReasons": ["DeadlineExceeded"]},
    {
        "name": "interrupted",
        "action": "RestartJobSetAndIgnoreMaxRestarts",
        "onJobFailureReasons": ["PodFailurePolicy"],
    },
]


def render_group(group: PodGroup) -> list[Manifest]:
    """The objects of a group in the order in which they are made; the first one is the group and owns the others."""
    if group.multi_node.launcher == "trainjob":
        return [render_trainjob(group)]
    if group.multi_node.launcher == "jobset":
        return [render_jobset(group)]
    return [render_indexed_job(group), render_service(group)]


def render_trainjob(group: PodGroup) -> Manifest:
    """A TrainJob of Kubeflow Trainer 2.2 or newer (`runtimePatches`) on a torch runtime."""
    template = pod_template(group)
    spec, container = template["spec"], template["spec"]["containers"][0]
    patch = {key: spec[key] for key in PATCHABLE if key in spec}
    patch["containers"] = [{key: container[key] for key in ("name", "securityContext", "volumeMounts")}]
    pods = {"metadata": pod_metadata(group), "spec": patch}
    jobs = [{"name": CONTAINER, "template": {"spec": {"template": pods}}}]
    multi_node = group.multi_node
    reference = {"apiGroup": "trainer.kubeflow.org", "kind": multi_node.runtime_kind, "name": multi_node.runtime}
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": _metadata(group),
        "spec": {
            "runtimeRef": reference,
            "activeDeadlineSeconds": group.deadline,
            "trainer": {
                "image": group.profile.image,
                "command": list(group.command),
                "env": environment(group),
                "numNodes": multi_node.nodes,
                "numProcPerNode": multi_node.processes_per_node,
                "resourcesPerNode": resources(group),
            },
            "runtimePatches": [
                {"manager": "gmlm/launcher", "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": jobs}}}}
            ],
        },
    }


def render_jobset(group: PodGroup) -> Manifest:
    """A JobSet of one Indexed Job; it is started again as a whole."""
    job = _job_spec(group, pod_template(group, master=f"{group.name}-{CONTAINER}-0-0.{group.name}"))
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": _metadata(group),
        "spec": {
            "failurePolicy": {
                "maxRestarts": group.multi_node.restarts,
                "restartStrategy": "BlockingRecreate",
                "rules": RESTART_RULES,
            },
            "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
            "replicatedJobs": [{"name": CONTAINER, "replicas": 1, "template": {"spec": job}}],
        },
    }


def render_indexed_job(group: PodGroup) -> Manifest:
    """An Indexed Job of Kubernetes itself; its pods find rank 0 by the Service of the same name."""
    template = pod_template(group, master=f"{group.name}-0.{group.name}")
    template["spec"]["subdomain"] = group.name
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(group),
        "spec": _job_spec(group, template),
    }


def render_service(group: PodGroup) -> Manifest:
    """The headless Service that gives the pods of an Indexed Job their names, also before they are ready."""
    metadata = _metadata(group)
    metadata["labels"].pop(QUEUE_LABEL, None)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {JOB_LABEL: group.name},
            "ports": [{"name": "torchrun", "port": MASTER_PORT}],
        },
    }


def _job_spec(group: PodGroup, template: Manifest) -> Manifest:
    return {
        "completions": group.multi_node.nodes,
        "parallelism": group.multi_node.nodes,
        "completionMode": "Indexed",
        "backoffLimit": 0,
        "activeDeadlineSeconds": group.deadline,
        "podFailurePolicy": INTERRUPTED_AS_FAILURE,
        "template": template,
    }


def _metadata(group: PodGroup) -> dict[str, Any]:
    queue = {QUEUE_LABEL: group.settings.queue} if group.settings.queue is not None else {}
    metadata: dict[str, Any] = {
        "name": group.name,
        "labels": {**group.labels, **queue},
        "annotations": dict(group.annotations),
    }
    return metadata if group.owner is None else metadata | {"ownerReferences": [dict(group.owner)]}
