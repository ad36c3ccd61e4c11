"""The pod of a group, as a dictionary. It passes Pod Security "restricted" and may write to three mounts only."""

from __future__ import annotations

from typing import Any

from gmlm.kubernetes.launcher.group import PodGroup
from gmlm.kubernetes.launcher.names import CONTAINER
from gmlm.kubernetes.profile import EnvFrom
from gmlm.telemetry.exporting import PORT_VARIABLE

Manifest = dict[str, Any]

SCRATCH = "/scratch"
MASTER_PORT = 29500
METRICS_PORT = "9464"
"""Where rank 0 serves /metrics, unless the profile's environment names another port."""
RESUME_CODE = 130
"""Exit code of a pod that was asked to stop and has written a checkpoint."""

CONTAINER_SECURITY: Manifest = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod_template(group: PodGroup, *, master: str | None = None) -> Manifest:
    """Template of the group's pods; `master` is rank 0's host, where nothing else tells it to the pods."""
    return {"metadata": pod_metadata(group), "spec": _pod_spec(group, master)}


def pod_metadata(group: PodGroup) -> Manifest:
    """Labels and annotations of the pods: the profile's, by which Prometheus may select them, and the group's."""
    settings = group.settings
    return {
        "labels": {**settings.labels, **group.labels},
        "annotations": {**settings.annotations, **group.annotations},
    }


def _pod_spec(group: PodGroup, master: str | None) -> Manifest:
    settings, multi_node = group.settings, group.multi_node
    optional = {
        "nodeSelector": dict(settings.node_selector),
        "tolerations": [item.model_dump(exclude_none=True) for item in settings.tolerations],
        "imagePullSecrets": [{"name": name} for name in group.profile.image_pull_secrets],
        "serviceAccountName": multi_node.service_account,
    }
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": multi_node.grace_seconds,
        "securityContext": _pod_security(group.profile.user),
        **{key: value for key, value in optional.items() if value},
        "containers": [_container(group, master)],
        "volumes": _volumes(group),
    }


def _pod_security(user: int | None) -> Manifest:
    """Never root. Without a user id the image's own is taken, or the one that OpenShift assigns."""
    ids = {} if user is None else {"runAsUser": user, "fsGroup": user, "fsGroupChangePolicy": "OnRootMismatch"}
    return {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, **ids}


def _container(group: PodGroup, master: str | None) -> Manifest:
    return {
        "name": CONTAINER,
        "image": group.profile.image,
        "imagePullPolicy": group.profile.image_pull_policy,
        "command": list(group.command),
        "env": environment(group) + ([] if master is None else _torchrun_environment(group, master)),
        "ports": [
            {"name": "metrics", "containerPort": int(group.profile.environment.get(PORT_VARIABLE, METRICS_PORT))},
            {"name": "torchrun", "containerPort": MASTER_PORT},
        ],
        "resources": resources(group),
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": _mounts(group),
    }


def environment(group: PodGroup) -> list[Manifest]:
    """Variables of the container, sorted by name: ours, the profile's, and those from Secrets and ConfigMaps."""
    multi_node, profile = group.multi_node, group.profile
    plain = {
        PORT_VARIABLE: METRICS_PORT,
        "GMLM_SCRATCH": f"{SCRATCH}/{group.name}",  # one claim may serve equal work for several stores
        "HOME": "/tmp",
        "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": str(multi_node.grace_seconds - 15),
        "USER": "gmlm",  # libraries ask for the name of a user that an arbitrary id does not have
        **profile.environment,
    }
    entries = [{"name": name, "value": value} for name, value in plain.items()]
    entries += [entry for source in profile.secrets for entry in _references(source, "secretKeyRef")]
    entries += [entry for source in profile.config_maps for entry in _references(source, "configMapKeyRef")]
    return sorted(entries, key=lambda entry: str(entry["name"]))


def _references(source: EnvFrom, kind: str) -> list[Manifest]:
    optional = {"optional": True} if source.optional else {}
    return [
        {"name": variable, "valueFrom": {kind: {"name": source.name, "key": key, **optional}}}
        for variable, key in source.variables.items()
    ]


def _torchrun_environment(group: PodGroup, master: str) -> list[Manifest]:
    """What Kubeflow Trainer's torch runtime sets of its own accord: torchrun reads its options from PET_*."""
    rank = {"fieldRef": {"fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']"}}
    return [
        {"name": "PET_NNODES", "value": str(group.multi_node.nodes)},
        {"name": "PET_NPROC_PER_NODE", "value": str(group.multi_node.processes_per_node)},
        {"name": "PET_NODE_RANK", "valueFrom": rank},
        {"name": "PET_MASTER_ADDR", "value": master},
        {"name": "PET_MASTER_PORT", "value": str(MASTER_PORT)},
    ]


def resources(group: PodGroup) -> Manifest:
    """Requests equal limits, so that pods are the last to be evicted."""
    settings = group.settings
    amounts = {"cpu": settings.cpu, "memory": settings.memory}
    if settings.accelerator is not None and settings.accelerators:
        amounts[settings.accelerator] = str(settings.accelerators)
    return {"requests": amounts, "limits": dict(amounts)}


def _volumes(group: PodGroup) -> list[Manifest]:
    shared = {"medium": "Memory"}
    if group.settings.shared_memory is not None:
        shared["sizeLimit"] = group.settings.shared_memory
    claims = {f"claim-{index}": volume.claim for index, volume in enumerate(group.profile.volumes)}
    if group.multi_node.scratch_claim is not None:
        claims = {"scratch": group.multi_node.scratch_claim, **claims}
    return [
        {"name": "tmp", "emptyDir": {}},
        {"name": "shared-memory", "emptyDir": shared},
        *([{"name": "scratch", "emptyDir": {}}] if "scratch" not in claims else []),
        *({"name": name, "persistentVolumeClaim": {"claimName": claim}} for name, claim in claims.items()),
    ]


def _mounts(group: PodGroup) -> list[Manifest]:
    mounts: list[Manifest] = [
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": "shared-memory", "mountPath": "/dev/shm"},
        {"name": "scratch", "mountPath": SCRATCH},
    ]
    for index, volume in enumerate(group.profile.volumes):
        mount = {"name": f"claim-{index}", "mountPath": volume.path}
        mounts.append(mount | ({"subPath": volume.sub_path} if volume.sub_path else {}))
    return mounts
