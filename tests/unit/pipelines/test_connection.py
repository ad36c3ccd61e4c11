"""A service is found by address, environment or kube context; credentials reach it; what is wrong is said at once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import client as kfp_client

from gmlm.errors import AccessDeniedError, ClusterError, ConfigError, GmlmError
from pipelines import connection as connection_module
from pipelines.client import PipelinesClient
from pipelines.connection import Connection

PROXY = "/api/v1/namespaces/kubeflow/services/ml-pipeline:http/proxy"
RUN = {"run_id": "r1", "state": "SUCCEEDED"}


class Service(BaseHTTPRequestHandler):
    """Stands for Kubeflow Pipelines; remembers what it is sent, and wants `token` or `cookie` if they are set."""

    token = cookie = prefix = ""
    status, seconds = 200, 0.0
    page: bytes | None = None
    headers_seen: list[dict[str, str]]

    def do_GET(self) -> None:
        self.headers_seen.append(dict(self.headers))
        time.sleep(self.seconds)
        if not self.path.replace("//", "/").startswith(f"{self.prefix}/apis/v2beta1/"):
            return self._answer(404, b"{}")
        if self.token and self.headers.get("Authorization") != f"Bearer {self.token}":
            return self._answer(401, b"{}")
        if self.cookie and self.headers.get("Cookie") != self.cookie:
            return self._answer(403, b"{}")
        answer: dict[str, Any] = {"multi_user": False} if self.path.endswith("healthz") else RUN
        return self._answer(self.status, self.page if self.page is not None else json.dumps(answer).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The class of a service that listens at its `address`; the environment names none."""
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_TOKEN", "KF_PIPELINES_COOKIES", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(kfp_client.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    fresh: Any = type("Fresh", (Service,), {"headers_seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), fresh)
    fresh.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield fresh
    server.shutdown()
    server.server_close()


def state(connection: Connection) -> str:
    return PipelinesClient(connection).status("r1").state


def test_the_address_is_the_option_or_the_environment_as_for_kfp(handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state(Connection(handler.address)) == "SUCCEEDED"
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", handler.address)
    assert state(Connection()) == "SUCCEEDED"


def test_a_token_is_taken_from_option_and_environment(handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    handler.token = "abc"
    assert state(Connection(handler.address, token="abc")) == "SUCCEEDED"
    monkeypatch.setenv("KF_PIPELINES_TOKEN", "abc")
    assert state(Connection(handler.address)) == "SUCCEEDED"


def test_cookies_are_taken_from_the_environment(handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    handler.cookie = "authservice_session=xyz"
    monkeypatch.setenv("KF_PIPELINES_COOKIES", "authservice_session=xyz")
    assert state(Connection(handler.address)) == "SUCCEEDED"


def test_the_projected_token_of_a_pod_is_read_again_when_it_is_renewed(
    handler: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    handler.token = "first"
    (tmp_path / "token").write_text("first\n")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
    client = PipelinesClient(Connection(handler.address))
    handler.token = "second"
    (tmp_path / "token").write_text("second\n")
    assert client.status("r1").state == "SUCCEEDED"


def kubeconfig(folder: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {
        "current-context": "team",
        "clusters": [{"name": "c", "cluster": {"server": address}}],
        "users": [{"name": "me", "user": {"token": "abc"}}],
        "contexts": [{"name": "team", "context": {"cluster": "c", "user": "me"}}],
    }
    (folder / "config").write_text(yaml.safe_dump(config))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(folder / "config"))


@pytest.mark.parametrize("context", [None, "team"])
def test_a_kube_context_leads_to_the_service_through_the_api_server(
    handler: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, context: str | None
) -> None:
    kubeconfig(tmp_path, handler.address, monkeypatch)
    handler.prefix, handler.token = PROXY, "abc"
    assert state(Connection(context=context)) == "SUCCEEDED"


def test_an_unknown_context_is_named(handler: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kubeconfig(tmp_path, handler.address, monkeypatch)
    with pytest.raises(ConfigError, match=r"other: no such service or kube context"):
        PipelinesClient(Connection(context="other"))


def test_without_address_cluster_and_context_it_is_said_what_to_give(handler: Any) -> None:
    with pytest.raises(ConfigError, match="KF_PIPELINES_ENDPOINT"):
        PipelinesClient(Connection())


@pytest.mark.parametrize("wrong", ["token", "cookie"])
def test_wrong_credentials_are_said_to_be(handler: Any, wrong: str) -> None:
    setattr(handler, wrong, "right")
    with pytest.raises(AccessDeniedError, match="check token") as caught:
        PipelinesClient(Connection(handler.address, token="wrong", cookies="wrong"))
    assert caught.value.exit_code == 12
    assert len(handler.headers_seen) == 1


def test_an_address_where_nothing_listens_is_said_at_once(handler: Any) -> None:
    started = time.monotonic()
    with pytest.raises(ClusterError, match="does not answer") as caught:
        PipelinesClient(Connection("http://127.0.0.1:1"))
    assert caught.value.exit_code == 22
    assert time.monotonic() - started < 5


def test_a_service_that_hangs_is_given_up(handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "ANSWER_SECONDS", 0.2)
    handler.seconds = 1.0
    with pytest.raises(ClusterError, match="does not answer"):
        PipelinesClient(Connection(handler.address))


@pytest.mark.parametrize(
    ("status", "page"),
    [(200, b"<html>log in</html>"), (200, b""), (200, b"[1]"), (404, b"{}"), (500, b"{}"), (302, b"")],
)
def test_another_kind_of_service_is_an_error_of_ours(handler: Any, status: int, page: bytes) -> None:
    handler.status, handler.page = status, page
    with pytest.raises(GmlmError, match=handler.address):
        PipelinesClient(Connection(handler.address))


@pytest.mark.parametrize("host", ["127.0.0.1:1", "http://", "ftp://x", "http://[::1", "http://x:port"])
def test_a_malformed_address_is_an_error_of_ours(handler: Any, host: str) -> None:
    with pytest.raises(GmlmError):
        PipelinesClient(Connection(host))
