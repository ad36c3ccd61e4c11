"""The API client against a server that answers as Kubernetes does: refusals are explained, outages are waited out."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm.errors import AccessDeniedError, ClusterError, ConfigError
from gmlm.kubernetes.launcher import cluster as cluster_module
from gmlm.kubernetes.launcher.cluster import Cluster

JOB = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x"}}


@dataclass
class Api:
    """Answers in the order given, the last one for ever; remembers what it was asked."""

    answers: list[tuple[int, Any]] = field(default_factory=lambda: [(200, {})])
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.asked.append((method, path, body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A server that the kube context points at; waits pass at once."""
    played = Api()

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer = played.answer(self.command, self.path, body)
            data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(answer, str) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = do_PATCH = reply

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "its-namespace"}}],
        "clusters": [{"name": "k", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "u", "user": {}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    _use(tmp_path / "config", monkeypatch)
    monkeypatch.setattr(cluster_module, "WAITS", (0.0, 0.0, 0.0))
    yield played
    server.shutdown()


def _use(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kubernetes.config import kube_config

    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(config))


def status(code: int, message: str) -> tuple[int, Any]:
    return code, {"kind": "Status", "status": "Failure", "message": message, "code": code}


def test_the_namespace_is_the_contexts_unless_one_is_named(api: Api) -> None:
    assert Cluster().namespace == "its-namespace"
    assert Cluster("other").namespace == "other"


def test_unknown_fields_are_to_be_refused(api: Api) -> None:
    api.answers = [(201, JOB)]
    assert Cluster().create(JOB)
    assert api.asked == [("POST", "/apis/batch/v1/namespaces/its-namespace/jobs?fieldValidation=Strict", JOB)]


def test_an_object_that_is_there_is_not_made(api: Api) -> None:
    api.answers = [status(409, 'jobs.batch "x" already exists')]
    assert not Cluster().create(JOB)


def test_an_object_that_is_not_there_is_none(api: Api) -> None:
    api.answers = [status(404, "not found")]
    assert Cluster().find("TrainJob", "x") is None
    assert Cluster().select("TrainJob", "a=b") == []


def test_labels_select(api: Api) -> None:
    api.answers = [(200, {"items": [JOB]})]
    assert Cluster().select("Job", "a=b,c") == [JOB]
    assert api.asked[0][1].endswith("jobs?labelSelector=a%3Db%2Cc")


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_server_that_comes_back_is_waited_for(api: Api, code: int) -> None:
    api.answers = [status(code, "later"), status(code, "later"), (200, JOB)]
    assert Cluster().find("Job", "x") == JOB
    assert len(api.asked) == 3


def test_a_server_that_stays_away_is_an_error_worth_a_retry(api: Api) -> None:
    api.answers = [status(503, "the server is currently unable to handle the request")]
    with pytest.raises(ClusterError, match="Job/x: the server is currently unable"):
        Cluster().find("Job", "x")
    assert len(api.asked) == 4


def test_no_server_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "WAITS", ())
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    _use(tmp_path / "config", monkeypatch)
    with pytest.raises(ClusterError, match="Job/x"):
        Cluster().find("Job", "x")


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (status(403, "jobs.batch is forbidden: User cannot create"), AccessDeniedError, "this right"),
        (status(401, "Unauthorized"), AccessDeniedError, "Unauthorized"),
        (status(400, 'strict decoding error: unknown field "spec.x"'), ConfigError, "spec.x"),
        (status(422, "spec.completions: Required value"), ConfigError, "completions"),
        ((404, "404 page not found"), ConfigError, "'job' needs no CRD"),
    ],
)
def test_a_refusal_says_what_to_do(api: Api, answer: tuple[int, Any], error: type[Exception], words: str) -> None:
    api.answers = [answer]
    with pytest.raises(error, match=words):
        Cluster().create(JOB)
    assert len(api.asked) == 1, "the same request would be refused again"


def test_removal_goes_from_the_leaves_and_waits(api: Api) -> None:
    api.answers = [(200, JOB), (200, JOB), status(404, "not found")]
    Cluster().delete("Job", "x", seconds=30)
    method, path, options = api.asked[0]
    assert (method, path, options["propagationPolicy"]) == (
        "DELETE",
        "/apis/batch/v1/namespaces/its-namespace/jobs/x",
        "Foreground",
    )
    assert [method for method, _, _ in api.asked[1:]] == ["GET", "GET"]


def test_a_removal_that_hangs_is_an_error(api: Api) -> None:
    api.answers = [(200, JOB)]
    with pytest.raises(ClusterError, match="not removed after 0 s"):
        Cluster().delete("Job", "x", seconds=0)


def test_a_removal_need_not_be_waited_for(api: Api) -> None:
    Cluster().delete("Job", "x", seconds=None)
    assert len(api.asked) == 1


def test_what_is_only_told_to_people_never_fails(api: Api) -> None:
    api.answers = [status(403, "pods is forbidden")]
    assert Cluster().pods("a=b") == []
    assert Cluster().tail("x-0", 10) == ""
    api.answers = [(200, "20 of 600 step (3%)\n")]
    assert Cluster().tail("x-0", 10) == "20 of 600 step (3%)\n"


def test_without_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _use(tmp_path / "none", monkeypatch)
    with pytest.raises(ConfigError, match="set KUBECONFIG"):
        Cluster()
