"""Kueue's queues and the kinds of object that a launcher makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from gmlm.kubernetes.doctor.api import Api
from gmlm.kubernetes.doctor.finding import Finding, fail, ok, warn
from gmlm.kubernetes.profile import Profile, TaskName

KUEUE = "/apis/kueue.x-k8s.io"
TRAINER = "/apis/trainer.kubeflow.org/v1alpha1"
JOBSET = "/apis/jobset.x-k8s.io/v1alpha2"


def check_queues(profile: Profile, api: Api) -> Iterator[Finding]:
    """Whether each LocalQueue of the profile is there and takes work: a pod of another queue waits for ever."""
    names = {profile.settings(task).queue for task in get_args(TaskName)} - {None}
    if not names:
        return
    kueue = api.get(KUEUE)
    if not kueue.found:
        fix = "install Kueue, or leave the queues out of the profile"
        yield warn("queues", f"the cluster has no Kueue; {', '.join(map(str, sorted(names, key=str)))} is ignored", fix)
        return
    version = kueue.body["preferredVersion"]["groupVersion"]
    for name in sorted(map(str, names)):
        answer = api.get(f"/apis/{version}/namespaces/{api.namespace}/localqueues/{name}")
        subject = f"queue {name}"
        if answer.refused:
            yield warn(subject, "may not be read, so it was not checked", "ask for the right to get localqueues")
        elif not answer.found:
            fix = f"make the LocalQueue {name} in {api.namespace}, or name yours in the profile"
            yield fail(subject, f"there is no such LocalQueue in {api.namespace}", fix)
        else:
            yield _state(subject, answer.body.get("status") or {})


def _state(subject: str, status: dict[str, object]) -> Finding:
    conditions = status.get("conditions")
    for condition in conditions if isinstance(conditions, list) else ():
        if condition["type"] == "Active" and condition["status"] != "True":
            return warn(subject, f"takes no work: {condition.get('message', '')}", "see its ClusterQueue")
    return ok(subject, "is there")


def check_launcher(profile: Profile, api: Api) -> Iterator[Finding]:
    """Whether the cluster knows what multi-node pre-training is launched as."""
    multi_node = profile.multi_node
    if multi_node is None or multi_node.launcher == "job":
        return
    instead = "or choose multi_node.launcher: job, which needs nothing"
    if multi_node.launcher == "jobset":
        installed = api.get(JOBSET).found
        yield (
            ok("launcher", "JobSet is there")
            if installed
            else fail("launcher", "the cluster has no JobSet", f"install it, {instead}")
        )
        return
    if not api.get(TRAINER).found:
        yield fail("launcher", "the cluster has no Kubeflow Trainer", f"install it, {instead}")
        return
    plural = f"{multi_node.runtime_kind.lower()}s"
    place = "" if multi_node.runtime_kind == "ClusterTrainingRuntime" else f"/namespaces/{api.namespace}"
    answer = api.get(f"{TRAINER}{place}/{plural}/{multi_node.runtime}")
    if answer.refused:
        yield warn("launcher", f"{plural} may not be read, so it was not checked", f"ask for the right to get {plural}")
    elif answer.found:
        yield ok("launcher", f"{multi_node.runtime_kind} {multi_node.runtime} is there")
    else:
        fix = f"apply k8s/components/trainer-runtime in {api.namespace}, or name yours; {instead}"
        yield fail("launcher", f"there is no {multi_node.runtime_kind} {multi_node.runtime}", fix)
