"""The image: any user, a read-only root, signals, no compiler, and the scores of `gmlm run`.

`GMLM_IMAGE` names the image (default `gmlm:latest`, from `make image`); it must hold this version of the library.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm import __version__
from gmlm.storage import Store, open_store

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]

IMAGE = os.environ.get("GMLM_IMAGE", "gmlm:latest")
USER = "12345:0"
"""A user that the image does not know."""
START_SECONDS = 120


@pytest.fixture(scope="module")
def daemon() -> Any:
    """Docker's daemon with the image."""
    docker = pytest.importorskip("docker", reason="the Python package 'docker' is not installed")
    try:
        client = docker.from_env()
        image = client.images.get(IMAGE)
    except docker.errors.ImageNotFound:
        pytest.skip(f"no image {IMAGE}: run 'make image'")
    except docker.errors.DockerException:
        pytest.skip("Docker's daemon does not answer")
    found = image.labels.get("org.opencontainers.image.version")
    if found != __version__:
        pytest.fail(f"{IMAGE} holds version {found}, this is {__version__}: run 'make image'")
    return client


def start(daemon: Any, *command: str, **options: Any) -> Any:
    """Start a container as a platform would that trusts nobody: strange user, read-only root, no capabilities."""
    hardened = {"user": USER, "read_only": True, "tmpfs": {"/tmp": "exec"}, "cap_drop": ["ALL"], "network": "none"}
    return daemon.containers.run(IMAGE, list(command), detach=True, **{**hardened, **options})


def finish(container: Any) -> tuple[int, str]:
    """Exit code and output of a container, which is removed."""
    try:
        return container.wait(timeout=600)["StatusCode"], container.logs().decode()
    finally:
        container.remove(force=True)


def inside(daemon: Any, code: str) -> str:
    """Output of Python code in the image."""
    container = start(daemon, "-c", code, entrypoint="python")
    status, output = finish(container)
    assert status == 0, output
    return output


def test_any_user_runs_it_without_a_place_to_write(daemon: Any) -> None:
    status, output = finish(start(daemon, "--help", tmpfs={}))
    assert status == 0
    assert "Usage: python -m gmlm" in output


def test_without_a_user_it_is_no_root(daemon: Any) -> None:
    assert daemon.images.get(IMAGE).attrs["Config"]["User"] == "1001:0"


def test_kfp_finds_its_executor_and_nothing_of_the_tests_is_inside(daemon: Any) -> None:
    imports = "import kfp.dsl.executor_main; from importlib.util import find_spec; "
    code = imports + "print([find_spec('pytest'), find_spec('pip')])"
    assert inside(daemon, code).strip() == "[None, None]"


def test_it_says_what_it_is(daemon: Any) -> None:
    labels = daemon.images.get(IMAGE).labels
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert len(labels["org.opencontainers.image.revision"]) == 40
    assert labels["gmlm.accelerator"] in ("cpu", "cuda")


def test_there_is_no_compiler_to_start(daemon: Any) -> None:
    code = "import shutil; print(set(map(shutil.which, ('cc', 'gcc', 'g++', 'clang', 'nvcc'))))"
    assert inside(daemon, code).strip() == "{None}"


def test_a_wrong_study_ends_with_its_exit_code(daemon: Any) -> None:
    status, output = finish(start(daemon, "validate", "/nowhere.yaml"))
    assert status == 11
    assert "What to do" in output


@pytest.fixture(scope="module")
def small_study(tiny_study: Path) -> Path:
    """Two models, one of them continued by DeepSpeed, and one task of the smallest demo study."""
    whole = yaml.safe_load(tiny_study.read_text())
    task = next(iter(whole["tasks"]))
    study = {name: whole[name] for name in ("name", "seed", "tokenizers", "models", "evaluation")}
    study |= {"sources": {"general": whole["sources"]["general"]}, "tasks": {task: whole["tasks"][task]}}
    study["recipes"] = {"general": whole["recipes"]["general"]}
    study["models"]["translated"]["phases"][0]["corpus"] = "general"
    study["models"]["translated"]["phases"][0]["optimisation"] = {"engine": "deepspeed", "zero_stage": 2}
    study["models"] = {name: study["models"][name] for name in ("base", "translated")}
    study["evaluation"] |= {"models": ["base", "translated"], "baseline": "base", "tasks": [task], "seeds": [1]}
    path = tiny_study.with_name("small.yaml")
    path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return path


def gmlm(*arguments: str) -> None:
    command = [sys.executable, "-m", "gmlm", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=1500)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]


def contents(store: Store) -> dict[str, bytes]:
    """All that a study has written but the plan, which only pipelines need."""
    return {key: store.read(key) for key in store.list() if not key.startswith((".scratch", "plans/"))}


def test_a_pipeline_in_containers_writes_the_bytes_of_a_run(daemon: Any, small_study: Path, tmp_path: Path) -> None:
    gmlm("run", str(small_study), "--store", str(tmp_path / "direct"))
    options = ("--runner", "docker", "--image", IMAGE)
    gmlm("pipeline", "run-local", str(small_study), "--store", str(tmp_path / "containers"), *options)
    expected, found = (contents(open_store(str(tmp_path / name))) for name in ("direct", "containers"))
    assert any(key.startswith("evaluate/") and key.endswith("scores.json") for key in expected)
    assert sorted(found) == sorted(expected)
    assert [key for key in expected if found[key] != expected[key]] == []


def test_sigterm_arrives_and_the_run_resumes(daemon: Any, small_study: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    folder, store = str(small_study.parent), str(tmp_path)
    volumes = {folder: {"bind": folder, "mode": "ro"}, store: {"bind": store, "mode": "rw"}}
    command = ("run", str(small_study), "--store", store, "--log-level", "info")
    options = {"volumes": volumes, "environment": {"OMP_NUM_THREADS": "1"}, "user": f"{os.getuid()}:0"}
    container = start(daemon, *command, **options)
    deadline = time.monotonic() + START_SECONDS
    while container.logs().count(b"stage started") < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    container.stop(timeout=60)
    status, output = finish(container)
    assert status == 130, output
    assert "resume" in output
    status, output = finish(start(daemon, *command, **options))
    assert status == 0, output
    assert "finished before" in output
