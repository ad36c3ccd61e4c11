"""How a group of pods is, from what Kubernetes and the pods' logs say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

PROGRESS = re.compile(r"(\d+) of (\d+) step \(.*?(?:\bloss ([-+.\deE]+|nan|inf))?$")
"""A line of `gmlm.telemetry.progress` about optimiser steps."""
BLOCKED = {
    "CreateContainerConfigError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
}
"""Reasons of a waiting container that time alone does not cure: an image, a Secret or a ConfigMap is missing."""
INTERRUPTED = "PodFailurePolicy"
"""Reason of a failed Job whose pods were interrupted, not broken."""
DEADLINE = "DeadlineExceeded"
"""Reason of a Job or TrainJob that took too long."""


@dataclass(frozen=True)
class GroupState:
    """Phase of a TrainJob, JobSet or Job, with Kubernetes' reason and words where it has failed."""

    phase: Literal["running", "suspended", "complete", "failed", "going"]
    reason: str = ""
    message: str = ""


def state_of(found: dict[str, Any]) -> GroupState:
    """Read the conditions that the three kinds of objects share; `going` is an object that is being removed."""
    if found["metadata"].get("deletionTimestamp"):
        return GroupState("going")
    conditions = found.get("status", {}).get("conditions") or []
    holding = {item["type"]: item for item in conditions if item["status"] == "True"}
    if failed := holding.get("Failed"):
        return GroupState("failed", failed.get("reason", ""), failed.get("message", ""))
    if "Complete" in holding or "Completed" in holding:
        return GroupState("complete")
    return GroupState("suspended" if "Suspended" in holding else "running")


@dataclass(frozen=True)
class StepProgress:
    """Optimiser steps done, of how many, and the loss as it was printed."""

    step: int
    steps: int
    loss: str

    def __str__(self) -> str:
        """A line for people."""
        return f"{self.step} of {self.steps} step" + (f", loss {self.loss}" if self.loss else "")


def last_progress(log: str) -> StepProgress | None:
    """The newest progress in a log; nothing else of the log is looked at, so no other text can pass."""
    for line in reversed(log.splitlines()):
        if found := PROGRESS.search(line.strip()):
            return StepProgress(int(found[1]), int(found[2]), found[3] or "")
        if recorded := _recorded(line):
            return recorded
    return None


def _recorded(line: str) -> StepProgress | None:
    """The same from a line of the JSON log of training (`gmlm.training.hooks`)."""
    try:
        record = json.loads(line)
        if record["message"] == "training":
            return StepProgress(int(record["step"]), int(record["steps"]), f"{float(record['loss']):.4g}")
    except (ValueError, KeyError, TypeError):
        pass
    return None


def first_pod(pods: Iterable[dict[str, Any]]) -> str | None:
    """Name of rank 0's running pod, if it runs."""
    for pod in pods:
        index = (pod["metadata"].get("labels") or {}).get("batch.kubernetes.io/job-completion-index")
        if index == "0" and pod["status"].get("phase") == "Running":
            return str(pod["metadata"]["name"])
    return None


def is_blocked(pods: Iterable[dict[str, Any]]) -> bool:
    """Whether a container waits for what time alone does not bring."""
    statuses = [status for pod in pods for status in pod["status"].get("containerStatuses") or []]
    waiting = [((status.get("state") or {}).get("waiting") or {}).get("reason") for status in statuses]
    return any(reason in BLOCKED for reason in waiting)
