"""What containers of the local runner get, and when a run passes for a success; real ones: tests/e2e/test_docker.py."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gmlm.errors import ClusterError
from gmlm.kubernetes.profile import load_profile
from pipelines import local as local_module
from pipelines.local import docker_runner, run_local, with_credentials


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that answers."""
    monkeypatch.setattr(local_module, "_check_docker", lambda: None)


@pytest.mark.usefixtures("docker")
def test_containers_read_the_study_and_write_the_store(tmp_path: Path) -> None:
    store = tmp_path / "store"
    arguments = docker_runner("/studies", str(store)).container_run_args
    mounts = [(it["Source"], it["Target"], it["ReadOnly"]) for it in arguments["mounts"]]
    assert mounts == [("/studies", "/studies", True), (str(store), str(store), False)]
    assert store.is_dir()


@pytest.mark.usefixtures("docker")
def test_a_bucket_is_not_mounted_but_reached() -> None:
    arguments = docker_runner("/studies", "s3://b/x", network="host").container_run_args
    assert [it["Source"] for it in arguments["mounts"]] == ["/studies"]
    assert arguments["network"] == "host"


@pytest.mark.usefixtures("docker")
def test_containers_are_this_user_on_a_read_only_root() -> None:
    arguments = docker_runner("/studies", "s3://b/x").container_run_args
    assert arguments["user"] == f"{os.getuid()}:{os.getgid()}"
    assert arguments["read_only"] is True
    assert arguments["tmpfs"] == {"/tmp": "exec"}
    assert "network" not in arguments


def test_credentials_come_from_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://s3")
    monkeypatch.setenv("HOME_SECRET", "x")
    profile = load_profile("smoke-cpu")
    found = with_credentials(profile).environment
    assert found == {**profile.environment, "AWS_ENDPOINT_URL": "http://s3"}


def test_without_a_daemon_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(ClusterError, match="leave --runner out"):
        docker_runner("/studies", "s3://b/x")


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(ClusterError, match="pip install docker"):
        docker_runner("/studies", "s3://b/x")


def run(monkeypatch: pytest.MonkeyPatch, pipeline: Any) -> bool:
    roots: list[str] = []
    monkeypatch.setattr(
        local_module, "build_pipeline", lambda name, profile: lambda **arguments: pipeline(Path(roots[0]))
    )
    local = SimpleNamespace(
        init=lambda **given: roots.append(given["pipeline_root"]), SubprocessRunner=lambda **given: None
    )
    monkeypatch.setattr(local_module, "local", local)
    return run_local("study", load_profile("smoke-cpu"), study="s", store="/store", study_folder="/")


def finish(task: str) -> Any:
    def pipeline(root: Path) -> None:
        output = root / "study" / task / "executor_output.json"
        output.parent.mkdir(parents=True)
        output.write_text("{}")

    return pipeline


def test_a_run_whose_last_task_returned_is_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, finish("check-study"))


def test_one_that_kfp_only_believes_to_have_succeeded_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not run(monkeypatch, finish("plan-study"))


@pytest.mark.parametrize("error", [RuntimeError("failed"), ValueError("no output of a failed task")])
def test_one_that_kfp_ends_is_not(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def pipeline(root: Path) -> None:
        raise error

    assert not run(monkeypatch, pipeline)
