"""`gmlm pipeline`: status says why pods died even if it may not read them; logs and schedules are shown as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gmlm.errors import AccessDeniedError
from gmlm.kubernetes import pods as pods_module
from gmlm.kubernetes.cli import app
from gmlm.kubernetes.task_pod import TaskPod
from pipelines import client as client_module
from pipelines.client import RunStatus, Schedule
from pipelines.connection import Connection

POD = TaskPod("pod-1", "pretrain", "pretrain/base", "2026-01-01T00:00:00Z", "terminated", ("pod-1: main: OOMKilled",))


class Service:
    """Stands for the client of the service."""

    asked: list[tuple[str, Any]]
    connection: Connection

    def __init__(self, connection: Connection) -> None:
        type(self).connection = connection

    def status(self, run_id: str) -> RunStatus:
        return RunStatus(run_id, "FAILED", "it failed", (("pretrain", "FAILED"),))

    def schedule(self, package: Path, arguments: dict[str, str], **settings: str) -> str:
        self.asked.append((package.read_text(), arguments | settings))
        return "s1"

    def schedules(self) -> list[Schedule]:
        return [Schedule("s1", "small study", "0 0 3 * * 0", True), Schedule("s2", "other", "0 0 4 * * 0", False)]

    def unschedule(self, schedule_id: str) -> None:
        self.asked.append(("unschedule", schedule_id))


class Pods:
    """Stands for the pods of a cluster."""

    error: Exception | None = None

    def __init__(self, namespace: str | None, context: str | None) -> None:
        self.place = (namespace, context)

    def troubles(self, run_id: str) -> list[str]:
        if self.error is not None:
            raise self.error
        return [f"{run_id} in {self.place[0]}: OOMKilled"]

    def tasks(self, run_id: str) -> list[TaskPod]:
        return [POD]

    def log(self, pod: TaskPod) -> str:
        return "erste\nzweite\n"


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Service]]:
    fresh = type("Fresh", (Service,), {"asked": []})
    monkeypatch.setattr(client_module, "PipelinesClient", fresh)
    monkeypatch.setattr(pods_module, "RunPods", Pods)
    monkeypatch.setattr(Pods, "error", None)
    return fresh  # type: ignore[return-value]


def gmlm(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_status_has_tasks_causes_and_the_runs_state(cluster: Any) -> None:
    lines = gmlm("status", "r1", "--namespace", "team", "--host", "http://kfp", "--token", "t").splitlines()
    assert lines == ["FAILED     pretrain", "r1 in team: OOMKilled", "r1: FAILED: it failed"]
    assert (cluster.connection.host, cluster.connection.token) == ("http://kfp", "t")


def test_a_status_does_without_pods_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pods, "error", AccessDeniedError("pods cannot be read (403)", fix="ask"))
    assert gmlm("status", "r1").splitlines()[1:] == [
        "pods are not shown: pods cannot be read (403)",
        "r1: FAILED: it failed",
    ]


def test_a_log_stands_under_its_task_and_node_behind_what_kubernetes_says() -> None:
    assert gmlm("logs", "r1", "pretrain/base").splitlines() == [
        "== pretrain pretrain/base (pod-1): terminated",
        "pod-1: main: OOMKilled",
        "erste",
        "zweite",
    ]


def test_a_study_is_scheduled_with_its_parameters(cluster: Any, stub_study: Path, tmp_path: Path) -> None:
    package = tmp_path / "p.yaml"
    package.write_text("compiled")
    given = ["--store", "s3://b/p", "--package", str(package), "--cron", "0 0 3 * * 0", "--study-folder", "s3://b/i"]
    assert gmlm("schedule", str(stub_study), *given) == "s1\n"
    ((text, sent),) = cluster.asked
    assert text == "compiled"
    expected = {
        "study": stub_study.read_text(),
        "store": "s3://b/p",
        "study_folder": "s3://b/i",
        "name": "small study",
        "experiment": "gmlm",
        "cron": "0 0 3 * * 0",
    }
    assert sent.items() >= expected.items()


def test_schedules_are_shown_and_ended(cluster: Any) -> None:
    assert gmlm("schedules").splitlines() == ["s1  on   0 0 3 * * 0  small study", "s2  off  0 0 4 * * 0  other"]
    gmlm("unschedule", "s1")
    assert cluster.asked == [("unschedule", "s1")]
