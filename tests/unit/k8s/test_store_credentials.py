"""The S3 server's key is made once, in the cluster, and reaches the namespaces that need it."""

from __future__ import annotations

import base64
import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException


@pytest.fixture(scope="module")
def credentials(k8s: Path) -> ModuleType:
    """The script as the pod runs it."""
    file = k8s / "components" / "s3-versitygw" / "credentials.py"
    spec = importlib.util.spec_from_file_location("store_credentials", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Secrets:
    """The part of the API that holds Secrets."""

    def __init__(self, forbidden: str = "") -> None:
        self.held: dict[tuple[str, str], dict[str, str]] = {}
        self.forbidden = forbidden

    def read_namespaced_secret(self, name: str, namespace: str) -> Any:
        if (namespace, name) not in self.held:
            raise ApiException(status=404)
        return SimpleNamespace(data=self.held[namespace, name])

    def create_namespaced_secret(self, namespace: str, body: Any) -> None:
        if namespace == self.forbidden:
            raise ApiException(status=403)
        if (namespace, body.metadata.name) in self.held:
            raise ApiException(status=409)
        self.held[namespace, body.metadata.name] = body.data


def test_a_key_is_made_where_there_is_none_and_copied(credentials: ModuleType) -> None:
    api = Secrets()
    credentials.share_key(api, "gmlm-store", "gmlm", ["kubeflow"])
    assert api.held["gmlm", "gmlm-store"] == api.held["kubeflow", "gmlm-store"]
    assert set(api.held["gmlm", "gmlm-store"]) == {"access-key-id", "secret-access-key"}


def test_a_key_that_is_there_stays(credentials: ModuleType) -> None:
    api = Secrets()
    credentials.share_key(api, "gmlm-store", "gmlm", [])
    before = dict(api.held)
    credentials.share_key(api, "gmlm-store", "gmlm", ["kubeflow"])
    assert api.held["gmlm", "gmlm-store"] == before["gmlm", "gmlm-store"] == api.held["kubeflow", "gmlm-store"]


def test_a_key_that_another_pod_made_a_moment_ago_is_shared(credentials: ModuleType) -> None:
    api = Secrets()
    first = {"access-key-id": "QQ==", "secret-access-key": "Qg=="}
    answers = iter([ApiException(status=404)])
    real = api.read_namespaced_secret

    def late(name: str, namespace: str) -> Any:
        api.held["gmlm", "gmlm-store"] = first
        error = next(answers, None)
        if error is not None:
            raise error
        return real(name, namespace)

    api.read_namespaced_secret = late  # type: ignore[method-assign]
    credentials.share_key(api, "gmlm-store", "gmlm", ["kubeflow"])
    assert api.held["kubeflow", "gmlm-store"] == first


def test_a_refusal_is_not_hidden(credentials: ModuleType) -> None:
    with pytest.raises(ApiException):
        credentials.share_key(Secrets(forbidden="kubeflow"), "gmlm-store", "gmlm", ["kubeflow"])


def test_keys_are_long_and_never_the_same(credentials: ModuleType) -> None:
    keys = [credentials.new_key() for _ in range(50)]
    secrets = {base64.b64decode(key["secret-access-key"]) for key in keys}
    assert len(secrets) == 50
    assert min(map(len, secrets)) == 40
    assert {len(base64.b64decode(key["access-key-id"])) for key in keys} == {20}
