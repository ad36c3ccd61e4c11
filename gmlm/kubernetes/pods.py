"""Why pods of a run died: what Kubernetes knows and the state of a pipeline run does not say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gmlm.telemetry import get_logger

log = get_logger(__name__)

RUN_LABEL = "pipeline/runid"
"""Label that Kubeflow Pipelines puts on the pods of a run."""
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_HARMLESS = {"", "Completed", "PodInitializing", "ContainerCreating"}


def pod_failures(run_id: str) -> list[str]:
    """One line per container of a run that died or cannot start: pod, container, reason such as OOMKilled, exit code.

    Empty outside of a cluster, and where the service account must not list pods: the word on a run must not fail.
    """
    if "KUBERNETES_SERVICE_HOST" not in os.environ or not _NAMESPACE_FILE.exists():
        return []
    from kubernetes import client, config
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        config.load_incluster_config()
        pods = client.CoreV1Api().list_namespaced_pod(
            _NAMESPACE_FILE.read_text().strip(), label_selector=f"{RUN_LABEL}={run_id}", _request_timeout=20
        )
    except (ApiException, HTTPError, config.ConfigException) as error:
        log.warning("pods cannot be listed", extra={"error": type(error).__name__})
        return []
    return [line for pod in pods.items for line in describe_pod(pod.to_dict())]


def describe_pod(pod: dict[str, Any]) -> Iterator[str]:
    """The lines of one pod, given as Kubernetes' Python client describes it."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    if status.get("reason"):
        yield f"{name}: {status['reason']}"
    for container in (status.get("init_container_statuses") or []) + (status.get("container_statuses") or []):
        for state in (container.get("state") or {}, container.get("last_state") or {}):
            ended, waiting = state.get("terminated") or {}, state.get("waiting") or {}
            reason = ended.get("reason") or waiting.get("reason") or ""
            if reason not in _HARMLESS:
                code = f", exit code {ended['exit_code']}" if "exit_code" in ended else ""
                yield f"{name}: {container['name']}: {reason}{code}"
