"""The pods of a run are read from the Kubernetes API; what it refuses is explained."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm.errors import AccessDeniedError, ClusterError, ConfigError, InputNotFoundError
from gmlm.kubernetes.pods import RunPods, read_logs


def pod(name: str, function: str, node: str, created: str) -> dict[str, Any]:
    given = json.dumps({"inputs": {"parameterValues": {"node": node}}})
    args = ["--executor_input", given, "--", "--function_to_execute", function]
    ended = {"terminated": {"reason": "Error", "exitCode": 1}}
    return {
        "metadata": {"name": name, "creationTimestamp": created},
        "spec": {"containers": [{"name": "main", "args": args}]},
        "status": {"containerStatuses": [{"name": "main", "state": ended}]},
    }


PODS = [
    pod("b", "pretrain", "pretrain/base", "2026-01-01T00:00:02Z"),
    pod("a", "ingest", "ingest/german", "2026-01-01T00:00:01Z"),
    {"metadata": {"name": "driver"}, "spec": {"containers": [{"name": "main", "command": ["driver"]}]}},
]


class Api(BaseHTTPRequestHandler):
    """Stands for the Kubernetes API."""

    status = 200

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if self.status != 200:
            self._answer(self.status, b"{}")
        elif path == "/api/v1/namespaces/team/pods":
            self._answer(200, json.dumps({"items": PODS if "runid%3Dr1" in query else []}).encode())
        elif path == "/api/v1/namespaces/team/pods/a/log":
            assert "container=main" in query
            self._answer(200, "eins\nzwei – drei".encode())
        else:
            self._answer(400, b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A kubeconfig with the contexts `there` and `gone`, and the handler of the first."""
    handler = type("Fresh", (Api,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    names = {"there": f"http://127.0.0.1:{server.server_port}", "gone": "http://127.0.0.1:1"}
    config = {
        "current-context": "there",
        "clusters": [{"name": name, "cluster": {"server": address}} for name, address in names.items()],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in names],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "config"))
    yield handler
    server.shutdown()
    server.server_close()


def test_tasks_come_in_the_order_in_which_they_were_made(kubeconfig: Any) -> None:
    found = RunPods("team").tasks("r1")
    assert [(pod.task, pod.node, pod.troubles) for pod in found] == [
        ("ingest", "ingest/german", ("a: main: Error, exit code 1",)),
        ("pretrain", "pretrain/base", ("b: main: Error, exit code 1",)),
    ]


@pytest.mark.parametrize("wanted", ["ingest/german", "ingest", "a", None])
def test_logs_are_found_by_node_stage_task_and_pod(kubeconfig: Any, wanted: str | None) -> None:
    found = list(read_logs(RunPods("team"), "r1", wanted))
    assert (found[0][0].name, found[0][1]) == ("a", "eins\nzwei – drei")
    assert len(found) == (2 if wanted is None else 1)


def test_a_pod_that_has_not_begun_has_an_empty_log(kubeconfig: Any) -> None:
    ((found, text),) = read_logs(RunPods("team"), "r1", "pretrain/base")
    assert (found.name, text) == ("b", "")


@pytest.mark.parametrize(("run", "wanted"), [("r2", None), ("r1", "pretrain/other")])
def test_a_run_or_node_without_pods_is_named(kubeconfig: Any, run: str, wanted: str | None) -> None:
    with pytest.raises(InputNotFoundError, match=f"run {run}"):
        list(read_logs(RunPods("team"), run, wanted))


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [(401, AccessDeniedError, "pods/log"), (403, AccessDeniedError, "pods/log"), (500, ClusterError, "500")],
)
def test_what_the_api_refuses_is_explained(kubeconfig: Any, status: int, error: type[Exception], message: str) -> None:
    kubeconfig.status = status
    with pytest.raises(error, match=message):
        RunPods("team").troubles("r1")


def test_an_api_that_does_not_answer_is_said_at_once(kubeconfig: Any) -> None:
    with pytest.raises(ClusterError, match="does not answer"):
        RunPods("team", "gone").troubles("r1")


def test_an_unknown_context_is_named(kubeconfig: Any) -> None:
    with pytest.raises(ConfigError, match="other"):
        RunPods("team", "other")
