"""How the checks reach Kubeflow Pipelines and Kubernetes: as `gmlm pipeline` does."""

from __future__ import annotations

from collections.abc import Callable

from gmlm.kubernetes.doctor.api import Api, KubernetesApi
from gmlm.kubernetes.doctor.service import Service
from gmlm.kubernetes.pods import own_namespace


def service_of(
    host: str | None, namespace: str | None, token: str | None, context: str | None
) -> Callable[[], Service]:
    """What connects to Kubeflow Pipelines when it is called; kfp is imported then."""

    def connect() -> Service:
        from pipelines.client import PipelinesClient
        from pipelines.connection import Connection

        return PipelinesClient(Connection(host=host, namespace=namespace, token=token, context=context))

    return connect


def cluster_of(namespace: str | None, context: str | None) -> Callable[[], Api]:
    """What connects to Kubernetes when it is called."""
    return lambda: KubernetesApi(namespace or own_namespace() or "kubeflow", context)
