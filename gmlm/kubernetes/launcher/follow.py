"""Makes a group of pods, or finds the one that is there, and follows it to its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol

from gmlm.errors import ClusterError, StageFailedError, TrainingError
from gmlm.kubernetes.launcher.cluster import Object
from gmlm.kubernetes.launcher.group import PodGroup
from gmlm.kubernetes.launcher.names import JOB_LABEL, RESTARTS_ANNOTATION, RUN_LABEL
from gmlm.kubernetes.launcher.render import render_group
from gmlm.kubernetes.launcher.state import (
    DEADLINE,
    INTERRUPTED,
    GroupState,
    first_pod,
    is_blocked,
    last_progress,
    state_of,
)
from gmlm.kubernetes.task_pod import describe_pod

POLL_SECONDS = 3.0
BLOCKED_SECONDS = 300.0
"""How long a pod may wait for an image, Secret or ConfigMap that is not there."""
LOG_LINES = 60


class Objects(Protocol):
    """What of `Cluster` is used here."""

    def find(self, kind: str, name: str) -> Object | None: ...  # noqa: D102
    def create(self, manifest: Object) -> bool: ...  # noqa: D102
    def patch(self, kind: str, name: str, change: Object) -> None: ...  # noqa: D102
    def delete(self, kind: str, name: str, *, seconds: float) -> None: ...  # noqa: D102
    def pods(self, selector: str) -> list[Object]: ...  # noqa: D102
    def tail(self, pod: str, lines: int) -> str: ...  # noqa: D102


class Follower:
    """Follows one group; a second follower of the same group finds what the first has made."""

    def __init__(
        self,
        cluster: Objects,
        group: PodGroup,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cluster, self._group, self._clock, self._sleep = cluster, group, clock, sleep
        self._manifests = render_group(group)
        self._kind = str(self._manifests[0]["kind"])
        self._said = ""
        self._blocked_since: float | None = None

    def run(self) -> None:
        """Return when the group has completed, and remove it; a failed one stays, to be looked at.

        Raises:
            TrainingError: It failed more often than it may.
            StageFailedError: It did not end in time.
            ClusterError: It was removed, its pods cannot start, or the API server does not answer.
        """
        self._attach_or_create()
        deadline = self._clock() + self._group.deadline
        while True:
            found = self._cluster.find(self._kind, self._group.name)
            if found is None:
                raise self._removed()
            state = state_of(found)
            if state.phase == "complete":
                self._remove()
                return
            if state.phase == "failed":
                self._after_failure(found, state)
            if self._clock() > deadline:
                self._remove()
                raise self._too_late()
            self._report(state)
            self._sleep(POLL_SECONDS)

    @property
    def _where(self) -> str:
        return f"{self._kind}/{self._group.name}"

    def _attach_or_create(self) -> None:
        found = self._cluster.find(self._kind, self._group.name)
        if found is not None and state_of(found).phase in ("complete", "failed", "going"):
            self._remove()  # what has ended did not finish the node, or it would not be asked for
            found = None
        if found is None:
            self._create(restarts=0)
        else:
            self._adopt(found)
            self._say("found the group that an earlier attempt has made")

    def _create(self, *, restarts: int) -> None:
        first, *others = self._manifests
        annotations = {**first["metadata"]["annotations"], RESTARTS_ANNOTATION: str(restarts)}
        self._cluster.create({**first, "metadata": {**first["metadata"], "annotations": annotations}})
        for manifest in others:
            self._cluster.create({**manifest, "metadata": {**manifest["metadata"], "ownerReferences": [self._owner()]}})
        self._say(f"made, {self._group.multi_node.nodes} pods")

    def _owner(self) -> Object:
        """A reference by which what belongs to the group goes with it, also where a reaper removes it."""
        made = self._cluster.find(self._kind, self._group.name)
        if made is None:
            raise self._removed()
        reference = {"apiVersion": made["apiVersion"], "kind": self._kind, "name": self._group.name}
        return reference | {"uid": made["metadata"]["uid"], "blockOwnerDeletion": False}

    def _adopt(self, found: Object) -> None:
        """Let the group live as long as this run, too."""
        run = self._group.labels.get(RUN_LABEL)
        if run is None or found["metadata"].get("labels", {}).get(RUN_LABEL) == run:
            return
        owners = [*found["metadata"].get("ownerReferences", [])]
        owners += [dict(self._group.owner)] if self._group.owner is not None else []
        change = {"metadata": {"labels": {RUN_LABEL: run}, "ownerReferences": owners}}
        self._cluster.patch(self._kind, self._group.name, change)

    def _remove(self) -> None:
        for manifest in reversed(self._manifests):
            seconds = self._group.multi_node.grace_seconds + 180
            self._cluster.delete(manifest["kind"], self._group.name, seconds=seconds)

    def _after_failure(self, found: Object, state: GroupState) -> None:
        """Make a failed Indexed Job again; a JobSet has done so itself as often as it may."""
        if state.reason == DEADLINE:
            raise self._too_late()
        done = int(found["metadata"].get("annotations", {}).get(RESTARTS_ANNOTATION, "0"))
        restarts = done + (state.reason != INTERRUPTED)
        if self._kind != "Job" or restarts > self._group.multi_node.restarts:
            causes = "; ".join([f"{state.reason}: {state.message}", *self._pod_failures()])
            raise TrainingError(f"the group failed: {causes}", where=self._where, fix="read the logs of its pods")
        self._say(f"started again after {state.reason}: {'; '.join(self._pod_failures())}")
        self._remove()
        self._create(restarts=restarts)

    def _removed(self) -> ClusterError:
        return ClusterError("it was removed by someone else", where=self._where, fix="run again: it resumes")

    def _too_late(self) -> StageFailedError:
        fix = "raise the timeout of 'pretrain' in the profile; run again, it resumes"
        return StageFailedError(f"not finished after {self._group.deadline} s", where=self._where, fix=fix)

    def _pods(self) -> list[Object]:
        return self._cluster.pods(f"{JOB_LABEL}={self._group.name}")

    def _pod_failures(self) -> list[str]:
        return [line for pod in self._pods() for line in describe_pod(pod)]

    def _report(self, state: GroupState) -> None:
        if state.phase == "suspended":
            self._say("suspended: it waits for its queue")
            return
        pods = self._pods()
        self._give_up_if_blocked(pods)
        first = first_pod(pods)
        progress = last_progress(self._cluster.tail(first, LOG_LINES)) if first else None
        failures = [line for pod in pods for line in describe_pod(pod)]
        self._say(str(progress) if progress else "; ".join(failures) or state.phase)

    def _give_up_if_blocked(self, pods: list[Object]) -> None:
        if not is_blocked(pods):
            self._blocked_since = None
            return
        self._blocked_since = self._blocked_since or self._clock()
        if self._clock() - self._blocked_since > BLOCKED_SECONDS:
            causes = "; ".join(line for pod in pods for line in describe_pod(pod))
            self._remove()
            raise ClusterError(causes, where=self._where, fix="check image, Secrets and ConfigMaps of the profile")

    def _say(self, text: str) -> None:
        """One line for the log of the task, when there is news. It holds names and figures only."""
        if text != self._said:
            self._said = text
            print(f"{self._where}: {text}", file=sys.stderr, flush=True)
