"""The Kubernetes API as the launcher needs it: objects as dictionaries, unknown fields refused, every wait bounded."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from gmlm.errors import AccessDeniedError, ClusterError, ConfigError, GmlmError

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
PATHS = {
    "TrainJob": "/apis/trainer.kubeflow.org/v1alpha1/namespaces/{}/trainjobs",
    "JobSet": "/apis/jobset.x-k8s.io/v1alpha2/namespaces/{}/jobsets",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "Service": "/api/v1/namespaces/{}/services",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Workflow": "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows",
}
"""Where each kind of object lies."""
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds before each further try where the API server does not answer, or not now."""
PASSING = {0, 429, 500, 502, 503, 504}
"""Statuses that may pass; 0 is no answer."""
REQUEST_SECONDS = 20

Object = dict[str, Any]


class Cluster:
    """One namespace of a cluster, found by the pod's service account or else by the kube context.

    Raises:
        ConfigError: There is neither.
    """

    def __init__(self, namespace: str | None = None) -> None:
        from kubernetes import client, config

        settings = client.Configuration()
        settings.retries = False  # `_call` waits and asks again by itself
        load = config.load_incluster_config if NAMESPACE_FILE.exists() else config.load_kube_config
        try:
            load(client_configuration=settings)
        except config.ConfigException:
            fix = "set KUBECONFIG, or run in a pod with a service account"
            raise ConfigError("no cluster is configured", fix=fix) from None
        self._api = client.ApiClient(settings)
        self.namespace = namespace or _own_namespace()

    def find(self, kind: str, name: str) -> Object | None:
        """An object, or None."""
        found: Object | None = self._call("GET", kind, name, missing=None)
        return found

    def select(self, kind: str, selector: str) -> list[Object]:
        """The objects with these labels; none where the cluster does not know the kind."""
        found = self._call("GET", kind, query={"labelSelector": selector}, missing={"items": []})
        return list(found["items"])

    def create(self, manifest: Object) -> bool:
        """Make an object; False if there is one of its name.

        Raises:
            ConfigError: The API does not know the kind, or refuses a field or value.
            AccessDeniedError: The service account may not.
        """
        return self._call("POST", manifest["kind"], body=manifest, query={"fieldValidation": "Strict"}) is not None

    def patch(self, kind: str, name: str, change: Object) -> None:
        """Merge a change into an object."""
        self._call("PATCH", kind, name, body=change)

    def delete(self, kind: str, name: str, *, seconds: float | None) -> None:
        """Remove an object after all that it owns, and wait until it is gone; None does not wait.

        Without the wait, an object made under the same name could meet what is left of the old one.

        Raises:
            ClusterError: It is still there after this time.
        """
        options = {"propagationPolicy": "Foreground"}
        if self._call("DELETE", kind, name, body=options, missing=None) is None or seconds is None:
            return
        deadline = time.monotonic() + seconds
        while self.find(kind, name) is not None:
            if time.monotonic() > deadline:
                fix = "see which finalizer or pod holds it"
                raise ClusterError(f"not removed after {seconds:.0f} s", where=f"{kind}/{name}", fix=fix)
            time.sleep(0.5)

    def pods(self, selector: str) -> list[Object]:
        """The pods with these labels; none where it may not list them: what is told to people must not fail work."""
        try:
            return self.select("Pod", selector)
        except GmlmError:
            return []

    def tail(self, pod: str, lines: int) -> str:
        """The last lines of a pod's log; nothing while it has none."""
        from kubernetes import client
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        core = client.CoreV1Api(self._api)
        try:
            log = core.read_namespaced_pod_log(pod, self.namespace, tail_lines=lines, _request_timeout=REQUEST_SECONDS)
        except (ApiException, HTTPError):
            return ""
        return str(log)

    def _call(
        self,
        method: str,
        kind: str,
        name: str = "",
        *,
        body: Object | None = None,
        query: dict[str, str] | None = None,
        missing: Any = ...,
    ) -> Any:
        """Ask the API; `missing` is the answer where there is no such object, None where there is one already."""
        where = f"{kind}/{name or (body or {}).get('metadata', {}).get('name', '')}"
        path = PATHS[kind].format(self.namespace) + (f"/{name}" if name else "")
        for wait in (*WAITS, None):
            status, answer = self._request(method, path, body, query)
            if status not in PASSING:
                break
            if wait is not None:
                time.sleep(wait)
        if 200 <= status < 300:
            return answer
        if status == 404 and missing is not ...:
            return missing
        if status == 409 and method == "POST":
            return None
        raise _explained(status, answer, where)

    def _request(self, method: str, path: str, body: Object | None, query: dict[str, str] | None) -> tuple[int, Object]:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        try:
            answer, status, _ = self._api.call_api(
                path,
                method,
                query_params=list((query or {}).items()),
                header_params={"Content-Type": kind, "Accept": "application/json"},
                body=body,
                response_type="object",
                auth_settings=["BearerToken"],
                _request_timeout=REQUEST_SECONDS,
            )
        except ApiException as error:
            return int(error.status or 0), _body(error.body)
        except HTTPError as error:
            return 0, {"message": type(error).__name__}
        return int(status), answer


def _explained(status: int, answer: Object, where: str) -> GmlmError:
    """The API's own words; they name fields and objects, never data."""
    words = str(answer.get("message", f"status {status}"))
    if status in (401, 403):
        return AccessDeniedError(words, where=where, fix="give the launcher's service account this right")
    if status == 404:
        fix = "install it, or choose another 'multi_node.launcher': 'job' needs no CRD"
        return ConfigError("the cluster does not know this kind of object", where=where, fix=fix)
    if status in (400, 422):
        return ConfigError(words, where=where, fix="correct the profile")
    return ClusterError(words, where=where, fix="see whether the API server is up; then run again: it resumes")


def _body(text: str | None) -> Object:
    try:
        found = json.loads(text or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _own_namespace() -> str:
    if NAMESPACE_FILE.exists():
        return NAMESPACE_FILE.read_text(encoding="utf-8").strip()
    from kubernetes import config

    _, active = config.list_kube_config_contexts()
    return str(active["context"].get("namespace", "default"))
