"""The pods of a pipeline run: those of its tasks, why some died or do not start, and what they logged."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gmlm.errors import AccessDeniedError, ClusterError, ConfigError, GmlmError, InputNotFoundError
from gmlm.kubernetes.task_pod import WORK, TaskPod, task_pod
from gmlm.kubernetes.task_pod import describe_pod as describe_pod
from gmlm.telemetry import get_logger

if TYPE_CHECKING:
    from kubernetes.client import CoreV1Api

log = get_logger(__name__)

RUN_LABEL = "pipeline/runid"
"""Label that Kubeflow Pipelines puts on the pods of a run."""
SECONDS = 20
"""How long the Kubernetes API may take to answer."""
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class RunPods:
    """The pods of the runs of one namespace.

    Args:
        namespace: Where the runs are; default: the namespace of this pod, or else `kubeflow`.
        context: Context of the kubeconfig; default: the current one. Within a cluster the service account counts.

    Raises:
        ConfigError: There is neither a service account nor such a context.
    """

    def __init__(self, namespace: str | None = None, context: str | None = None) -> None:
        self._api = connect(context)
        self._namespace = namespace or own_namespace() or "kubeflow"

    def troubles(self, run_id: str) -> list[str]:
        """One line per container of a run that died or cannot start, and per pod that finds no machine."""
        return [line for pod in self._list(run_id) for line in describe_pod(pod)]

    def tasks(self, run_id: str) -> list[TaskPod]:
        """Pods of a run that run a task's code, in the order in which they were made."""
        found = [pod for pod in map(task_pod, self._list(run_id)) if pod is not None]
        return sorted(found, key=lambda pod: (pod.created, pod.name))

    def log(self, pod: TaskPod) -> str:
        """What a pod's code wrote; nothing if it has not begun."""
        from kubernetes.client.exceptions import ApiException

        with self._explained():
            try:
                text = self._api.read_namespaced_pod_log(
                    pod.name, self._namespace, container=WORK, _request_timeout=SECONDS, _preload_content=False
                )
            except ApiException as error:
                if error.status in (400, 404):  # it waits to start, or is gone since it was listed
                    return ""
                raise
        return str(text.data.decode(errors="replace"))

    def _list(self, run_id: str) -> list[dict[str, Any]]:
        with self._explained():
            answer = self._api.list_namespaced_pod(
                self._namespace,
                label_selector=f"{RUN_LABEL}={run_id}",
                _request_timeout=SECONDS,
                _preload_content=False,
            )
        return list(json.loads(answer.data)["items"])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        where = f"namespace {self._namespace}"
        try:
            yield
        except ApiException as error:
            if error.status in (401, 403):
                fix = "give this account the right to get and list pods and pods/log"
                raise AccessDeniedError(f"pods cannot be read ({error.status})", where=where, fix=fix) from None
            raise ClusterError(f"pods cannot be read ({error.status} {error.reason})", where=where) from None
        except HTTPError as error:
            fix = "check the kubeconfig, and that the API server is up"
            raise ClusterError(f"Kubernetes does not answer ({type(error).__name__})", where=where, fix=fix) from None


def read_logs(pods: RunPods, run_id: str, wanted: str | None = None) -> Iterator[tuple[TaskPod, str]]:
    """Each pod of a run with its log.

    Args:
        pods: The pods of the cluster.
        run_id: Id of the run.
        wanted: Only pods of this node (`finetune/base--ner--1`), stage (`finetune`) or task (`finetune-cell`).

    Raises:
        InputNotFoundError: There is none.
    """
    found = [pod for pod in pods.tasks(run_id) if wanted is None or wanted in _names(pod)]
    if not found:
        fix = "see 'gmlm pipeline status'; a cluster removes the pods of a run some time after its end"
        raise InputNotFoundError("no such pod", where=f"run {run_id} {wanted or ''}".strip(), fix=fix)
    for pod in found:
        yield pod, pods.log(pod)


def _names(pod: TaskPod) -> tuple[str, ...]:
    return (pod.node, pod.node.partition("/")[0], pod.task, pod.name)


def pod_failures(run_id: str) -> list[str]:
    """What `RunPods.troubles` says, from within a cluster; nothing elsewhere, and where pods must not be listed."""
    if "KUBERNETES_SERVICE_HOST" not in os.environ or not _NAMESPACE_FILE.exists():
        return []
    try:
        return RunPods().troubles(run_id)
    except GmlmError as error:
        log.warning("pods cannot be listed", extra={"error": type(error).__name__})
        return []


def own_namespace() -> str:
    """The namespace of this pod, or nothing outside of a cluster."""
    return _NAMESPACE_FILE.read_text(encoding="utf-8").strip() if _NAMESPACE_FILE.exists() else ""


def connect(context: str | None) -> CoreV1Api:
    """The API server of a kube context, or of the cluster around.

    Raises:
        ConfigError: There is neither.
    """
    from kubernetes import client, config

    settings = client.Configuration()
    settings.retries = False
    try:
        if context is None and "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config(settings)
        else:
            config.load_kube_config(context=context, client_configuration=settings)
    except config.ConfigException as error:
        fix = "set KUBECONFIG, name a context of it, or run in a pod with a service account"
        raise ConfigError(f"no cluster is configured ({error})", where=context, fix=fix) from None
    return client.CoreV1Api(client.ApiClient(settings))
