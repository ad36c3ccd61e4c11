"""The Kubernetes API as the checks need it: plain objects by path, and whether something may be done."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Protocol

from gmlm.errors import ClusterError

SECONDS = 20
"""How long the API may take to answer."""

Object = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """Status of a request, and the object it got."""

    status: int
    body: Object = field(default_factory=dict)

    @property
    def found(self) -> bool:
        """Whether the object is there."""
        return self.status == 200

    @property
    def refused(self) -> bool:
        """Whether it must not be read, which says nothing of whether it is there."""
        return self.status in (401, 403)


class Api(Protocol):
    """What the checks ask of Kubernetes; tests have one of their own."""

    namespace: str

    def get(self, path: str) -> Answer:
        """Read an object or a list; other than 200 is an answer too."""
        ...

    def may(self, verb: str, resource: str, group: str = "", account: str | None = None) -> bool | None:
        """Whether the caller, or a service account of the namespace, may do something; None where it cannot be told."""
        ...


class KubernetesApi:
    """The API server of a kube context, or of the cluster around.

    Args:
        namespace: Namespace of the runs.
        context: Context of the kubeconfig; default: the current one.

    Raises:
        ConfigError: There is neither a service account nor such a context.
    """

    def __init__(self, namespace: str, context: str | None = None) -> None:
        from gmlm.kubernetes.pods import connect

        self.namespace = namespace
        self._client = connect(context).api_client

    def get(self, path: str) -> Answer:
        """Read an object or a list.

        Raises:
            ClusterError: The API server does not answer.
        """
        return self._request("GET", path)

    def may(self, verb: str, resource: str, group: str = "", account: str | None = None) -> bool | None:
        """Ask by an access review, which changes nothing."""
        name, _, part = resource.partition("/")
        attributes = {"namespace": self.namespace, "verb": verb, "group": group, "resource": name, "subresource": part}
        spec: Object = {"resourceAttributes": attributes}
        kind = "SelfSubjectAccessReview" if account is None else "SubjectAccessReview"
        if account is not None:
            spec["user"] = f"system:serviceaccount:{self.namespace}:{account}"
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        answer = self._request("POST", f"/apis/authorization.k8s.io/v1/{kind.lower()}s", review)
        return bool(answer.body["status"]["allowed"]) if answer.status == 201 else None

    def _request(self, method: str, path: str, body: Object | None = None) -> Answer:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            data, status, _ = self._client.call_api(
                path,
                method,
                body=body,
                header_params={"Content-Type": "application/json", "Accept": "application/json"},
                response_type="object",
                auth_settings=["BearerToken"],
                _request_timeout=SECONDS,
            )
        except ApiException as error:
            return Answer(int(error.status or 0), _object(error.body))
        except HTTPError as error:
            fix = "check the kubeconfig, and that the API server is up"
            raise ClusterError(f"Kubernetes does not answer ({type(error).__name__})", fix=fix) from None
        return Answer(int(status), data)


def _object(text: str | None) -> Object:
    try:
        found = json.loads(text or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
