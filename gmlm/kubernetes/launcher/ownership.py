"""Which pipeline run this pod works for, from the pod itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Protocol

from gmlm.errors import GmlmError
from gmlm.kubernetes.launcher.cluster import NAMESPACE_FILE, Cluster
from gmlm.kubernetes.pods import RUN_LABEL


class Pods(Protocol):
    """What of `Cluster` is used here."""

    def find(self, kind: str, name: str) -> dict[str, Any] | None: ...  # noqa: D102


@dataclass(frozen=True)
class PipelineRun:
    """Id of a run, and a reference to its Argo workflow; both empty outside of a pipeline."""

    id: str = ""
    workflow: dict[str, Any] | None = None


def own_run(cluster: Pods) -> PipelineRun:
    """The run of this pod. With its workflow Kubernetes removes what refers to it as its owner."""
    name = os.environ.get("KFP_POD_NAME") or os.environ.get("HOSTNAME", "")
    if "KUBERNETES_SERVICE_HOST" not in os.environ or not name:
        return PipelineRun()
    try:
        pod = cluster.find("Pod", name)
    except GmlmError:  # a service account that may not read pods: the group then has no owner
        return PipelineRun()
    metadata = (pod or {}).get("metadata", {})
    owners = [owner for owner in metadata.get("ownerReferences", []) if owner["kind"] == "Workflow"]
    return PipelineRun(metadata.get("labels", {}).get(RUN_LABEL, ""), _reference(owners[0]) if owners else None)


def run_of_this_pod() -> str:
    """Id of the run that this pod works for; empty outside of a pipeline, and where pods may not be read."""
    if not NAMESPACE_FILE.exists():
        return ""
    try:
        return own_run(Cluster()).id
    except GmlmError:
        return ""


def _reference(owner: dict[str, Any]) -> dict[str, Any]:
    """An owner that controls nothing and blocks nothing: blocking needs a right of its own."""
    return {key: owner[key] for key in ("apiVersion", "kind", "name", "uid")} | {"blockOwnerDeletion": False}
