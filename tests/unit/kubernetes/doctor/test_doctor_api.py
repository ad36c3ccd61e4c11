"""The API as the checks see it: answers of every kind, and a server that does not answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm.errors import ClusterError, ConfigError
from gmlm.kubernetes.doctor.api import KubernetesApi


class Server(BaseHTTPRequestHandler):
    """Stands for an API server; `answers` has status and body by path, `asked` the reviews."""

    answers: dict[str, tuple[int, str]] = {}
    asked: list[dict[str, Any]] = []

    def do_GET(self) -> None:
        self._answer(*self.answers.get(self.path, (404, "404 page not found")))

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append({"path": self.path, **review})
        self._answer(*self.answers[self.path])

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Server]]:
    class Fresh(Server):
        answers: dict[str, tuple[int, str]] = {}
        asked: list[dict[str, Any]] = []

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Fresh)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    write_kubeconfig(tmp_path, monkeypatch, f"http://127.0.0.1:{listening.server_port}")
    yield Fresh
    listening.shutdown()
    listening.server_close()


def write_kubeconfig(folder: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    from kubernetes.config import kube_config

    config = {
        "clusters": [{"name": "c", "cluster": {"server": address}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "here",
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(file))


def test_an_object_is_read(server: Any) -> None:
    server.answers["/api/v1/nodes"] = (200, '{"items": []}')
    answer = KubernetesApi("team").get("/api/v1/nodes")
    assert (answer.found, answer.refused, answer.body) == (True, False, {"items": []})


@pytest.mark.parametrize(("status", "refused"), [(404, False), (403, True), (401, True), (500, False)])
def test_other_answers_are_answers_too(server: Any, status: int, refused: bool) -> None:
    server.answers["/x"] = (status, "no JSON at all")
    answer = KubernetesApi("team").get("/x")
    assert (answer.found, answer.refused, answer.status, answer.body) == (False, refused, status, {})


@pytest.mark.parametrize(("status", "allowed", "told"), [(201, True, True), (201, False, False), (403, False, None)])
def test_rights_are_asked_for(server: Any, status: int, allowed: bool, told: bool | None) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    server.answers[path] = (status, json.dumps({"status": {"allowed": allowed}}))
    assert KubernetesApi("team").may("get", "pods/log") is told
    wanted = {"namespace": "team", "verb": "get", "group": "", "resource": "pods", "subresource": "log"}
    assert server.asked[0]["spec"] == {"resourceAttributes": wanted}


def test_those_of_a_service_account_too(server: Any) -> None:
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    server.answers[path] = (201, json.dumps({"status": {"allowed": True}}))
    assert KubernetesApi("team").may("create", "jobs", "batch", "runner") is True
    assert server.asked[0]["spec"]["user"] == "system:serviceaccount:team:runner"
    assert server.asked[0]["kind"] == "SubjectAccessReview"


def test_a_server_that_does_not_answer_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_kubeconfig(tmp_path, monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(ClusterError, match="does not answer"):
        KubernetesApi("team").get("/api/v1/nodes")


def test_an_unknown_context_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_kubeconfig(tmp_path, monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(ConfigError):
        KubernetesApi("team", "elsewhere")
