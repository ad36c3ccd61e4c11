"""Kubeflow Pipelines, Kubernetes, Prometheus and the Pushgateway are gone: commands say so soon, and work goes on."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import client as kfp_client
from typer.testing import CliRunner

from gmlm.errors import ClusterError
from gmlm.kubernetes.cli import app
from gmlm.kubernetes.launcher import cluster as cluster_module
from gmlm.kubernetes.notification import notify_exit
from gmlm.storage import open_store
from gmlm.telemetry.exporting import GATEWAY_VARIABLE, PORT_VARIABLE, exported
from pipelines import connection

ABSENCES = ("refuses", "hangs")
HANGING = 2.0
"""Seconds that a service that hangs is given here; see `pipelines.connection` for what it is given in truth."""
BOUND = 30.0


@pytest.fixture(params=ABSENCES)
def gone(request: pytest.FixtureRequest) -> Iterator[int]:
    """A port at which nothing listens, or where connections are taken and nothing is ever answered."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if request.param == "hangs":
            server.listen(64)
        yield server.getsockname()[1]


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_TOKEN", "KUBERNETES_SERVICE_HOST", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(kfp_client.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))
    monkeypatch.setattr(connection, "ANSWER_SECONDS", HANGING)


COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "submit": lambda study: ["submit", str(study), "--store", "s3://nowhere/runs", "--no-check"],
    "schedule": lambda study: ["schedule", str(study), "--store", "s3://nowhere/runs", "--cron", "0 0 3 * * 0"],
    "status": lambda _: ["status", "run-1"],
    "cancel": lambda _: ["cancel", "run-1"],
    "schedules": lambda _: ["schedules"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_for_a_service_that_is_gone_ends_soon_and_says_so(command: str, gone: int, study: Path) -> None:
    started = time.monotonic()
    address = f"http://127.0.0.1:{gone}"
    result = CliRunner().invoke(app, [*COMMANDS[command](study), "--host", address])
    assert time.monotonic() - started < BOUND
    assert isinstance(result.exception, ClusterError)
    assert address in str(result.exception)
    assert "does not answer" in str(result.exception)
    assert "check --host" in str(result.exception)


def test_the_word_on_a_run_does_without_kubernetes(
    gone: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, study: Path
) -> None:
    """As in a pod whose API server has gone: the store alone is asked."""
    from gmlm.kubernetes import pods

    settings = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{gone}"}}],
        "users": [{"name": "u", "user": {"token": "none"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "config").write_text(yaml.safe_dump(settings))
    (tmp_path / "namespace").write_text("kubeflow")
    monkeypatch.setattr(
        "kubernetes.config.load_incluster_config",
        lambda client_configuration=None, **_: load_config(tmp_path / "config", client_configuration),
    )
    monkeypatch.setattr(pods, "_NAMESPACE_FILE", tmp_path / "namespace")
    monkeypatch.setattr("gmlm.kubernetes.launcher.ownership.NAMESPACE_FILE", tmp_path / "namespace")
    monkeypatch.setattr(cluster_module, "NAMESPACE_FILE", tmp_path / "namespace")
    for module, name in ((pods, "SECONDS"), (cluster_module, "REQUEST_SECONDS")):
        monkeypatch.setattr(module, name, 1)
    monkeypatch.setattr(cluster_module, "WAITS", (0.1,))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KFP_POD_NAME", "study-1-notify")
    started = time.monotonic()
    word = notify_exit(str(tmp_path / "store"), study.read_text(encoding="utf-8"), "run-1")
    assert time.monotonic() - started < BOUND
    assert word.splitlines()[0] == "run run-1 has ended"


def load_config(file: Path, configuration: Any) -> None:
    from kubernetes import config

    config.load_kube_config(str(file), client_configuration=configuration)


@pytest.mark.slow
def test_a_study_goes_on_to_the_same_bytes(
    gone: int, study: Path, faults: Any, imported: None, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Service, metrics port and gateway are gone for the whole of it."""
    address = f"127.0.0.1:{gone}"
    dead = {"KF_PIPELINES_ENDPOINT": f"http://{address}", PORT_VARIABLE: str(gone), GATEWAY_VARIABLE: address}

    def without_services() -> None:
        os.environ.update(dead)
        with exported("small", "all"):
            faults.run_study(study, str(tmp_path / "gone"))

    assert faults.forked(lambda: faults.run_study(study, str(tmp_path / "there"))) == 0
    assert faults.forked(without_services) == 0
    there, without = (faults.contents(open_store(str(tmp_path / name))) for name in ("there", "gone"))
    assert there == without
    record_property("figure", f"a study without any of the services: all {len(there)} files equal")
