"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gmlm.manifest import Manifest, RawInput
from gmlm.stage import StageRun
from gmlm.storage.local import LocalStore

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # models of tests are too small for two threads to help

MakeRun = Callable[..., StageRun]
VERSITYGW = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
BUILD_SECONDS = 1500
"""What building the S3 server may take on a slow machine."""


@pytest.fixture
def real_data() -> Path:
    """The folder of real texts; tests that need it are skipped where it is not set."""
    folder = os.environ.get("GMLM_REAL_DATA")
    if not folder:
        pytest.skip("GMLM_REAL_DATA is not set: no real texts to read")
    return Path(folder)


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Make the StageRun of a stage in a store under tmp_path: make_run("ingest", "name", inputs={...})."""

    def make(
        stage: str,
        name: str = "x",
        *,
        inputs: Mapping[str, Manifest] | None = None,
        raw_inputs: tuple[RawInput, ...] = (),
        seed: int = 13,
        fingerprint: str = "f" * 64,
        study_folder: Path | None = None,
    ) -> StageRun:
        scratch = tmp_path / "scratch" / stage / name
        scratch.mkdir(parents=True, exist_ok=True)
        return StageRun(
            stage=stage,
            name=name,
            store=LocalStore(tmp_path / "store"),
            prefix=f"{stage}/{name}/{fingerprint[:12]}",
            scratch=scratch,
            fingerprint=fingerprint,
            seed=seed,
            study_folder=study_folder or tmp_path,
            inputs=dict(inputs or {}),
            raw_inputs=raw_inputs,
        )

    return make


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the first integration test the time to build its server."""
    for item in items:
        if item.get_closest_marker("integration"):
            item.add_marker(pytest.mark.timeout(BUILD_SECONDS + 300))


@dataclass(frozen=True)
class S3Server:
    """An S3 server and the credentials that it accepts; `folder` holds its buckets if it is one of ours."""

    endpoint: str
    access_key: str
    secret_key: str
    folder: Path | None = None


UseS3 = Callable[[S3Server], str]


@pytest.fixture
def use_s3(monkeypatch: pytest.MonkeyPatch) -> UseS3:
    """Point the AWS variables at a server, make a bucket and return its address: use_s3(server)."""

    def use(server: S3Server) -> str:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, os.devnull)
        bucket = f"gmlm-{uuid.uuid4().hex[:12]}"
        _client_of(server).create_bucket(Bucket=bucket)
        return f"s3://{bucket}"

    return use


@cache
def _client_of(server: S3Server) -> Any:
    import boto3

    return boto3.session.Session(server.access_key, server.secret_key, region_name="us-east-1").client(
        "s3", endpoint_url=server.endpoint
    )


@pytest.fixture
def s3_environment(s3_server: S3Server, use_s3: UseS3) -> str:
    """Address of a fresh bucket on a real S3 server that the AWS variables point at."""
    return use_s3(s3_server)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server (versitygw) on a free port; skipped where there is neither its binary nor Go to build it."""
    binary = _versitygw()
    folder = tmp_path_factory.mktemp("buckets")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = S3Server(f"http://127.0.0.1:{port}", "gmlm-test", uuid.uuid4().hex, folder)
    credentials = {"ROOT_ACCESS_KEY": server.access_key, "ROOT_SECRET_KEY": server.secret_key}
    log = folder.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [binary, "--port", f"127.0.0.1:{port}", "--quiet", "posix", *_metadata_options(folder), str(folder)],
            env={"PATH": os.environ["PATH"], **credentials},
            stdout=output,
            stderr=output,
        )
    try:
        _wait_until_open(port, process, log)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=20)


def _versitygw() -> str:
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "gmlm" / "bin"
    found = os.environ.get("GMLM_VERSITYGW") or shutil.which("versitygw") or shutil.which("versitygw", path=cache)
    if found:
        return found
    go = shutil.which("go")
    if go is None:
        pytest.skip("no versitygw on PATH or in GMLM_VERSITYGW, and no Go to build it with")
    cache.mkdir(parents=True, exist_ok=True)
    built = subprocess.run(
        [go, "install", VERSITYGW],
        env={**os.environ, "GOBIN": str(cache)},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if built.returncode:
        pytest.skip(f"versitygw could not be built: {built.stderr.strip().splitlines()[-1:]}")
    return str(cache / "versitygw")


def _metadata_options(folder: Path) -> list[str]:
    """The server keeps metadata in extended attributes, or in a folder beside where there are none."""
    try:
        os.setxattr(folder, "user.gmlm", b"1")
    except (OSError, AttributeError):
        sidecar = folder.with_suffix(".metadata")
        sidecar.mkdir()
        return ["--sidecar", str(sidecar)]
    return []


def _wait_until_open(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"versitygw did not start: {log.read_text(errors='replace')[-500:]}")
