"""Removes groups whose pipeline run is over. A run that is cancelled ends its own pods, not what they have launched."""

from __future__ import annotations

from functools import cache, partial
from typing import Any, Protocol

from gmlm.errors import AccessDeniedError, GmlmError
from gmlm.kubernetes import pods
from gmlm.kubernetes.launcher.cluster import NAMESPACE_FILE, Cluster
from gmlm.kubernetes.launcher.names import JOB_LABEL, MANAGED_SELECTOR, RUN_LABEL
from gmlm.kubernetes.launcher.state import state_of

KINDS = ("TrainJob", "JobSet", "Job")
ENDED = {"Succeeded", "Failed", "Error"}
"""Phases in which an Argo workflow stays."""


class Objects(Protocol):
    """What of `Cluster` is used here."""

    def select(self, kind: str, selector: str) -> list[dict[str, Any]]: ...  # noqa: D102
    def delete(self, kind: str, name: str, *, seconds: float | None) -> None: ...  # noqa: D102


def reap(cluster: Objects, *, run: str | None = None, dry_run: bool = False) -> list[str]:
    """Remove what the launcher has made for runs that are over, and return `KIND/NAME` of each.

    Only objects with the launcher's labels and the label of a run are looked at. Groups that have ended hold nothing;
    they stay, to be looked at, and go with their workflow. If workflows cannot be listed, the error goes up, and
    nothing is removed.

    Args:
        cluster: Where to look.
        run: Only what was made for this run, which is known to be over.
        dry_run: Remove nothing.
    """
    selector = MANAGED_SELECTOR + (f",{RUN_LABEL}={run}" if run else f",{RUN_LABEL}")
    is_alive = cache(partial(_is_alive, cluster))
    removed = []
    for kind in KINDS:
        for found in cluster.select(kind, selector):
            labels = found["metadata"]["labels"]
            if _belongs_to_another(found) or labels[JOB_LABEL] != found["metadata"]["name"]:
                continue
            if state_of(found).phase not in ("running", "suspended"):
                continue
            if run is None and is_alive(labels[RUN_LABEL]):
                continue
            if not dry_run:
                cluster.delete(kind, found["metadata"]["name"], seconds=None)
            removed.append(f"{kind}/{found['metadata']['name']}")
    return removed


def reap_own(run: str) -> list[str]:
    """Remove what this run has left behind, at its end; one line each. Without cluster or rights there is none.

    Never fails, as `notify_exit`, which calls it, must not.
    """
    if not NAMESPACE_FILE.exists():
        return []
    try:
        return [f"removed {name}" for name in reap(Cluster(), run=run)]
    except AccessDeniedError:
        return []
    except GmlmError as error:
        return [str(error)]


def _is_alive(cluster: Objects, run: str) -> bool:
    workflows = cluster.select("Workflow", f"{pods.RUN_LABEL}={run}")
    return any(not (_has_ended(workflow) or _is_cancelled(workflow)) for workflow in workflows)


def _has_ended(workflow: dict[str, Any]) -> bool:
    return workflow.get("status", {}).get("phase", "") in ENDED


def _is_cancelled(workflow: dict[str, Any]) -> bool:
    """Whether it was told to end. Argo ends its pods then, but may call it running for 20 minutes more.

    Kubeflow Pipelines cancels a run by a deadline of no seconds, `argo stop` and `argo terminate` by `shutdown`.
    """
    spec = workflow.get("spec", {})
    return spec.get("activeDeadlineSeconds") == 0 or bool(spec.get("shutdown"))


def _belongs_to_another(found: dict[str, Any]) -> bool:
    """A JobSet of a TrainJob, or a Job of a JobSet: it goes with what controls it."""
    return any(owner.get("controller") for owner in found["metadata"].get("ownerReferences", []))
